"""Validation of a study: whether all names are known and every question can be asked.

`study_file` holds every study against it. Raises StudyErrors that begin with the field.
"""

from collections import Counter
from collections.abc import Iterable

from vclip.errors import StudyError
from vclip.listening.design.study import ACR, Probe, Question, Study
from vclip.listening.design.trials import cells, possible_foils

ONLY = {  # of which types a question's field is
    "pairs": ("ab", "abx"),
    "ties": ("ab",),
    "target": ("afc",),
    "k": ("afc",),
    "labels": ACR,
}


def check_study(study: Study) -> None:
    """Raise StudyError for names that nothing has, and for what cannot be asked."""
    for kind in ("conditions", "items", "questions"):
        (name, n), *_ = Counter(part.id for part in getattr(study, kind)).most_common(1)
        if n > 1:
            raise StudyError(f"{kind}: the id {name} is there twice")
    known = {c.id for c in study.conditions}
    for item in study.items:
        _known(f"items.{item.id}.stimuli", item.stimuli, known)
    for question in study.questions:
        _check_question(study, question, known)
    for kind in ("training", "gold"):
        for i, probe in enumerate(getattr(study.design, kind)):
            _check_probe(study, probe, f"design.{kind}.{i}", gold=kind == "gold")
    _check_amounts(study)


def _check_question(study: Study, question: Question, known: set[str]) -> None:
    where = f"questions.{question.id}"
    _known(f"{where}.conditions", question.conditions or [], known)
    _known(f"{where}.pairs", (c for pair in question.pairs or [] for c in pair), known)
    if any(one == other for one, other in question.pairs or []):
        raise StudyError(f"{where}.pairs: a condition cannot meet itself")
    for name, types in ONLY.items():
        plain = type(question).model_fields[name].default
        if getattr(question, name) != plain and question.type not in types:
            raise StudyError(f"{where}.{name}: means nothing for {question.type}; leave it out")
    if question.type == "afc" and question.target not in known:
        raise StudyError(f"{where}.target: name the condition that belongs to the face")
    if question.type == "multi" and not 2 <= len(study.conditions_of(question)) <= 8:
        raise StudyError(f"{where}.conditions: multi compares 2 to 8")
    if question.shows_face and (bare := [i.id for i in study.items if not i.face]):
        raise StudyError(f"items.{bare[0]}.face: question {question.id} shows faces; name one")
    if not any(cell.question == question.id for cell in cells(study)):
        raise StudyError(f"{where}: no item that is rated has the sounds that it needs")
    _check_voices(study, question)


def _check_voices(study: Study, question: Question) -> None:
    """An afc question needs k - 1 other voices for every item."""
    n = question.k - 1
    for item in study.items if question.type == "afc" else []:
        if question.target in item.stimuli and len(possible_foils(study, question, item)) < n:
            raise StudyError(
                f"questions.{question.id}.k: item {item.id} has fewer than {n} items "
                "with another face and another voice"
            )


def _check_probe(study: Study, probe: Probe | str, where: str, gold: bool) -> None:
    name = probe.item if isinstance(probe, Probe) else probe
    _known(where, [name], {item.id for item in study.items})
    if not isinstance(probe, Probe):
        return
    _known(where, [probe.question], {question.id for question in study.questions})
    question, item = study.question(probe.question), study.item(probe.item)
    n = 1 if question.type in ACR else 2 if question.type in ("ab", "abx") else 0
    if len(set(probe.conditions)) != n or len(probe.conditions) != n:
        raise StudyError(f"{where}.conditions: {question.type} takes {n} different ones")
    _known(f"{where}.conditions", probe.conditions, set(item.stimuli))
    _check_expected(question, probe, where, gold)


def _check_expected(question: Question, probe: Probe, where: str, gold: bool) -> None:
    values = {"ab": [*probe.conditions, *(["tie"] if question.ties else [])]}
    allowed = list(question.scale) if question.type in ACR else values.get(question.type, [])
    if probe.expected is not None and probe.expected not in allowed:
        told = f"must be one of {', '.join(allowed)}" if allowed else "is not told"
        raise StudyError(f"{where}.expected: of {question.type} it {told}")
    if gold and question.type == "multi":
        raise StudyError(f"{where}.question: multi has no right answer")
    if gold and probe.expected is None and question.type not in ("abx", "afc"):
        raise StudyError(f"{where}.expected: say which answer is right")


def _check_amounts(study: Study) -> None:
    design, n = study.design, len(cells(study))
    if study.exclusion.heard > study.gates.heard:
        raise StudyError(
            f"exclusion.heard: {study.exclusion.heard:g} leaves out raters who heard the "
            f"{study.gates.heard:g} that gates.heard asks; take at most that"
        )
    if design.trials_per_rater > n:
        raise StudyError(
            f"design.trials_per_rater: there are only {n} cells, and nobody rates one twice"
        )
    if (checks := design.attention + len(design.gold)) >= design.trials_per_rater and checks:
        raise StudyError(
            f"design.trials_per_rater: {checks} attention and gold trials need more ratings "
            "than that between them"
        )
    if design.attention and all(q.type == "multi" for q in study.questions):
        raise StudyError("design.attention: multi cannot tell an answer; add another question")


def _known(where: str, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise StudyError(f"{where}: there is no {name!r}")
