"""Records as rows of the tables, and back."""

from typing import cast

from vclip.listening.design.trials import Purpose, Trial
from vclip.listening.store import store
from vclip.listening.store.store import Answer, Mark, Rating
from vclip.listening.store.tables import AnswerRow, MarkRow, StudyRow, TrialRow


def trial_row(rater: int, kind: str, trial: Trial) -> TrialRow:
    """kind: type of the question."""
    return TrialRow(
        rater_id=rater,
        position=trial.position,
        question=trial.question,
        type=kind,
        item=trial.item,
        conditions=trial.conditions,
        items=trial.items,
        purpose=trial.purpose,
        expected=trial.expected,
    )


def trial(row: TrialRow) -> Trial:
    """As it was planned."""
    return Trial(
        position=row.position,
        question=row.question,
        item=row.item,
        conditions=row.conditions,
        items=row.items,
        purpose=cast(Purpose, row.purpose),
        expected=row.expected,
    )


def answer_row(rater: int, answer: Answer) -> AnswerRow:
    """Not yet in the database."""
    return AnswerRow(
        rater_id=rater,
        position=answer.position,
        value=answer.value,
        heard=answer.heard,
        plays=answer.plays,
        seconds=answer.seconds,
        share=answer.share,
        request=answer.request,
        created=answer.created,
    )


def answer(row: AnswerRow) -> Answer:
    """As it was recorded."""
    return Answer(
        position=row.position,
        value=row.value,
        heard=ranges(row.heard),
        plays=row.plays,
        seconds=row.seconds,
        request=row.request,
        share=row.share,
        created=row.created,
    )


def ranges(heard: list[list[list[float]]]) -> list[list[tuple[float, float]]]:
    """Played ranges as JSON has them, as pairs."""
    return [[(start, end) for start, end in slot] for slot in heard]


def mark_row(rater: int, mark: Mark) -> MarkRow:
    """Not yet in the database."""
    return MarkRow(
        rater_id=rater,
        kind=mark.kind,
        position=mark.position,
        result=mark.result,
        created=mark.created,
    )


def mark(row: MarkRow) -> Mark:
    """As it was made."""
    return Mark(row.kind, row.position, row.result, row.created)


def rating(study: StudyRow, trial_row: TrialRow, answer_row: AnswerRow) -> Rating:
    """One judgement, without the study's file."""
    return store.judgement(
        trial(trial_row),
        answer(answer_row),
        study=study.study,
        version=study.version,
        rater=trial_row.rater_id,
        type=trial_row.type,
    )
