"""Session plan of one rater: what is rated in which order, and what comes between.

Ratings come in blocks of one question each. Blocks follow each other in the order of a Williams
square, and so do the conditions within a block; which sound is A takes turns over raters.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, permutations, product

import numpy as np

from vclip.errors import ConflictError
from vclip.listening.design import williams
from vclip.listening.design.assignment import assign_cells, balance_key, grouped, shuffled
from vclip.listening.design.study import ACR, SLOTS, Probe, Question, Study
from vclip.listening.design.trials import (
    Cell,
    Counts,
    Purpose,
    Trial,
    cells,
    condition_groups,
    possible_foils,
)

TRIES = 10  # at an order in which no item comes twice in a row


def plan_session(study: Study, counts: Counts, rng: np.random.Generator) -> list[Trial]:
    """Trials of a rater's session, given the counts of ratings; deterministic for an rng.

    Raises ConflictError if every cell has its quota.
    """
    design = study.design
    quota, n = design.ratings_per_cell, design.trials_per_rater
    chosen = assign_cells(cells(study), counts.cells, n, quota, rng)
    if not chosen:
        raise ConflictError("this study has all the ratings that it needs; thank you for coming")
    stage = _TrialMaker(study, counts, rng)
    trials = [stage.probe(probe, "training") for probe in stage.training()]
    ratings = [stage.show(cell, "rating") for cell in _sequence(study, chosen, counts.raters, rng)]
    between = _control_trials(stage, ratings, set(chosen))
    for i, trial in enumerate(ratings, start=1):
        trials += [trial, between[i]] if i in between else [trial]
    return [replace(trial, position=i) for i, trial in enumerate(trials)]


def _sequence(
    study: Study, chosen: list[Cell], rater: int, rng: np.random.Generator
) -> Iterator[Cell]:
    """The chosen cells in blocks; rater is the how-manieth, and picks the rows of the squares."""
    rows = williams.square(len(study.questions))
    turn, row = divmod(rater, len(rows))
    for i in rows[row]:
        name = study.questions[i].id
        labels = list(dict.fromkeys(balance_key(c) for c in cells(study) if c.question == name))
        mine = [c for c in chosen if c.question == name]
        tries = (list(_block(mine, labels, turn, rng)) for _ in range(TRIES))
        yield from min(tries, key=lambda block: sum(a.item == b.item for a, b in pairwise(block)))


def _block(
    chosen: list[Cell], labels: list[tuple[str, ...]], start: int, rng: np.random.Generator
) -> Iterator[Cell]:
    """Cells of one question; the same item seldom comes twice in a row."""
    groups, last = grouped(chosen, rng), ""
    for name in williams.rounds({k: len(v) for k, v in groups.items()}, labels, start):
        group = groups[name]
        cell = next((cell for cell in group if cell.item != last), group[0])
        group.remove(cell)
        yield cell
        last = cell.item


class _TrialMaker:
    """Turns cells into trials; remembers which orders this rater had."""

    def __init__(self, study: Study, counts: Counts, rng: np.random.Generator) -> None:
        self.study, self.rng = study, rng
        self._counts, self._had = counts.orders, Counter[tuple[str, ...]]()
        self._right = Counter[tuple[str, str, str]]()  # afc: question, item, slot of the right one
        for (name, item, voices), n in counts.orders.items():
            if study.question(name).type == "afc":
                self._right[name, item, SLOTS[voices.index(item)]] += n

    def show(self, cell: Cell, purpose: Purpose) -> Trial:
        """A trial of a cell, in the order that was presented least; position 0."""
        question = self.study.question(cell.question)
        trial = Trial(0, cell.question, cell.item, cell.conditions, purpose=purpose)
        if question.type == "afc":
            return self._line_up(trial, question)
        if question.type in ACR:
            return trial
        order = self._least(cell, self._orders(question, cell))
        right = (SLOTS[order.index(order[2])]) if question.type == "abx" else None
        return replace(trial, conditions=order, expected=right)

    def probe(self, probe: Probe, purpose: Purpose) -> Trial:
        """A trial of training or gold."""
        conditions = tuple(sorted(probe.conditions))
        trial = self.show(Cell(probe.question, probe.item, conditions), purpose)
        expected = probe.expected or trial.expected
        if expected in trial.conditions and self.study.question(probe.question).type == "ab":
            expected = SLOTS[trial.conditions.index(expected)]
        return replace(trial, expected=expected)

    def training(self) -> Iterator[Probe]:
        """The study's probes; an item's id stands for one trial of each question."""
        for probe in self.study.design.training:
            if isinstance(probe, Probe):
                yield probe
                continue
            for question in self.study.questions:
                found = condition_groups(self.study, question, self.study.item(probe))
                for conditions in shuffled(found, self.rng)[:1]:
                    yield Probe(question=question.id, item=probe, conditions=list(conditions))

    def _orders(self, question: Question, cell: Cell) -> list[tuple[str, ...]]:
        """All in which a cell may be presented."""
        pairs: list[tuple[str, ...]] = list(permutations(cell.conditions, 2))
        if question.type == "ab":
            return pairs
        if question.type == "abx":
            return [(*pair, x) for pair, x in product(pairs, cell.conditions)]
        names = self.study.conditions_of(question)
        return [tuple(names[i] for i in row) for row in williams.square(len(names))]

    def _least(self, cell: Cell, orders: list[tuple[str, ...]]) -> tuple[str, ...]:
        """The order that all raters had least of this cell, then this rater of any; or by lot."""
        orders = shuffled(orders, self.rng)

        def had(order: tuple[str, ...]) -> tuple[int, int]:
            everyone = self._counts.get((cell.question, cell.item, order), 0)
            return everyone, self._had[(cell.question, *order)]

        order = min(orders, key=had)
        self._had[(cell.question, *order)] += 1
        return order

    def _line_up(self, trial: Trial, question: Question) -> Trial:
        """The target's voice among those of other items.

        It is in the slot where this rater had it least, then all raters with this item; or by lot.
        """

        def had(slot: str) -> tuple[int, int]:
            everyone = self._right[question.id, trial.item, slot]
            return self._had[(question.id, slot)], everyone

        right = min(shuffled(SLOTS[: question.k], self.rng), key=had)
        self._had[(question.id, right)] += 1
        found = possible_foils(self.study, question, self.study.item(trial.item))
        foils = [item.id for item in shuffled(found, self.rng)[: question.k - 1]]
        foils.insert(SLOTS.index(right), trial.item)
        names = (question.target or "",) * question.k
        return replace(trial, conditions=names, items=tuple(foils), expected=right)


def _control_trials(
    stage: _TrialMaker, ratings: list[Trial], chosen: set[Cell]
) -> dict[int, Trial]:
    """Gold and attention trials by the number of ratings before them, as many as have a place.

    Never first, never last, never adjacent; within a block of their question if it has a place.
    """
    study, rng, found = stage.study, stage.rng, dict[int, Trial]()
    free = shuffled(range(1, len(ratings)), rng)

    def place(questions: set[str]) -> int:
        fitting = (i for i in free if ratings[i - 1].question in questions)
        free.remove(at := next(fitting, free[0]))
        return at

    for gold in shuffled(study.design.gold, rng):
        if free:
            found[place({gold.question})] = stage.probe(gold, "gold")
    told = {q.id for q in study.questions if q.type != "multi"}
    for _ in range(min(study.design.attention, len(free))):
        at = place(told)
        asked = ratings[at - 1].question
        found[at] = _attention(stage, asked if asked in told else min(told), chosen)
    return found


def _attention(stage: _TrialMaker, question: str, chosen: set[Cell]) -> Trial:
    """Looks like its neighbours and is no rating; the answer to give is drawn by lot."""
    every = [cell for cell in cells(stage.study) if cell.question == question]
    fresh = [cell for cell in every if cell not in chosen] or every
    trial = stage.show(shuffled(fresh, stage.rng)[0], "attention")
    values = stage.study.question(question).values
    return replace(trial, expected=shuffled(values, stage.rng)[0])
