"""Trials, the screens of one rater, and the cells that they are counted in; right answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vclip.listening.design.study import ACR, Item, Question, Study

Purpose = Literal["rating", "training", "attention", "gold"]


@dataclass(frozen=True)
class Cell:
    """What a quota counts. conditions: acr one, ab and abx the sorted pair, afc and multi none."""

    question: str
    item: str
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One screen of one rater.

    conditions: of slot A, B, … as presented (abx: A, B, X). items: afc, which item's voice each
    slot is; else empty. expected: the right answer as text, None if there is none.
    """

    position: int
    question: str
    item: str
    conditions: tuple[str, ...]
    items: tuple[str, ...] = ()
    purpose: Purpose = "rating"
    expected: str | None = None

    @property
    def sounds(self) -> list[tuple[str, str]]:
        """Item and condition of each slot."""
        items = self.items or (self.item,) * len(self.conditions)
        return list(zip(items, self.conditions, strict=True))


Order = tuple[str, str, tuple[str, ...]]
"""Question, item, and the order: conditions as presented; afc: whose voices they were."""


@dataclass(frozen=True)
class Counts:
    """What of a study is rated or reserved: per cell, per order, and raters who ever enrolled.

    Training, attention and gold trials do not count.
    """

    cells: Mapping[Cell, int] = field(default_factory=dict)
    orders: Mapping[Order, int] = field(default_factory=dict)
    raters: int = 0


def presentation_order(trial: Trial) -> Order:
    """The aspect of a trial that is counterbalanced: its order of presentation."""
    return trial.question, trial.item, trial.items or trial.conditions


def cells(study: Study) -> list[Cell]:
    """Everything that is rated, in the order of the file; not what training and gold set aside."""
    aside = study.set_aside
    rated = [item for item in study.items if item.id not in aside]
    return [
        Cell(question.id, item.id, conditions)
        for question in study.questions
        for item in rated
        for conditions in condition_groups(study, question, item)
    ]


def condition_groups(study: Study, question: Question, item: Item) -> list[tuple[str, ...]]:
    """Conditions of each cell that a question has with an item, given the sounds it has."""
    if question.type == "afc":
        return [()] if question.target in item.stimuli else []
    if question.type in ("ab", "abx"):
        pairs = dict.fromkeys(study.pairs_of(question))  # each once
        return [pair for pair in pairs if set(pair) <= set(item.stimuli)]
    conditions = study.conditions_of(question)
    if question.type == "multi":  # all of them, or the item is not comparable
        return [()] if set(conditions) <= set(item.stimuli) else []
    return [(name,) for name in conditions if name in item.stimuli]


def cell_of(study: Study, trial: Trial) -> Cell:
    """The cell that a trial belongs to."""
    kind = study.question(trial.question).type
    if kind in ("afc", "multi"):
        return Cell(trial.question, trial.item)
    return Cell(trial.question, trial.item, tuple(sorted(set(trial.conditions))))


def possible_foils(study: Study, question: Question, item: Item) -> list[Item]:
    """afc: items whose voice may stand beside this item's, of other faces with other voices.

    Those with the same text where they are enough; no two of one face or one voice.
    """
    able = [i for i in study.items if question.target in i.stimuli]
    same = _distinct([i for i in able if i.text == item.text], question, item)
    return same if len(same) >= question.k - 1 else _distinct(able, question, item)


def _distinct(items: list[Item], question: Question, item: Item) -> list[Item]:
    """The first of each face and voice."""
    assert question.target
    taken, found = _identities(item, question.target), []
    for one in items:
        marks = _identities(one, question.target)
        if not marks & taken:
            found.append(one)
            taken |= marks
    return found


def _identities(item: Item, condition: str) -> set[str]:
    """The face, the sound's file, and the voice's name where it is known."""
    sound = item.stimuli[condition]
    voice = {f"voice {sound.voice}"} if sound.voice else set()
    return {f"face {item.face_sha256 or item.face or item.id}", sound.sha256} | voice


def tolerance(study: Study, trial: Trial) -> float:
    """How far an answer to a gold trial may be from what is expected; 0 for all others."""
    for probe in study.design.gold if trial.purpose == "gold" else []:
        same = (probe.question, probe.item) == (trial.question, trial.item)
        if same and set(probe.conditions) <= set(trial.conditions):
            return probe.tolerance
    return 0.0


def correct(study: Study, trial: Trial, value: str) -> bool | None:
    """Whether an answer is the expected one; None where there is none."""
    if trial.expected is None:
        return None
    if study.question(trial.question).type in ACR:
        return abs(float(value) - float(trial.expected)) <= tolerance(study, trial)
    return value == trial.expected
