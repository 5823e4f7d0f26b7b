"""What is asked of the database in more than one place, or at length."""

import secrets
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from vclip.errors import ConflictError, StudyError
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Counts
from vclip.listening.store import rows
from vclip.listening.store.database import connect, transaction
from vclip.listening.store.store import RESERVED, Answer, Rating, changed, count, now
from vclip.listening.store.tables import AnswerRow, MarkRow, RaterRow, StudyRow, TrialRow

ANSWERED = and_(AnswerRow.rater_id == TrialRow.rater_id, AnswerRow.position == TrialRow.position)
REFUSED = exists().where(MarkRow.rater_id == RaterRow.id, MarkRow.kind == "refused")


def registered(session: Session, study: Study) -> StudyRow:
    """The row of this version of the study. Raises StudyError if raters had another file."""
    asked = select(StudyRow).where(StudyRow.study == study.study, StudyRow.version == study.version)
    row = session.scalars(asked.with_for_update()).one_or_none()
    if row is None:
        row = StudyRow(study=study.study, version=study.version, enrolled=0, created=now())
        row.sha256, row.secret = study.sha256, secrets.token_bytes(32)
        session.add(row)
        session.flush()
    if row.sha256 != study.sha256:
        if row.enrolled:
            raise changed(study)
        row.sha256 = study.sha256
    return row


def counts(session: Session, study: Study, row: StudyRow) -> Counts:
    """Rating trials that are answered, or may be soon."""
    limit = (datetime.now(UTC) - RESERVED).isoformat(timespec="milliseconds")
    order = (TrialRow.question, TrialRow.item, TrialRow.conditions, TrialRow.items)
    asked = (
        select(*order, func.count())
        .join(RaterRow, RaterRow.id == TrialRow.rater_id)
        .outerjoin(AnswerRow, ANSWERED)
        .where(RaterRow.study_id == row.id, TrialRow.purpose == "rating")
        .where(or_(AnswerRow.id.is_not(None), and_(RaterRow.seen > limit, ~REFUSED)))
        .group_by(*order)
    )
    found = session.execute(asked)
    orders = (((q, item, items or conditions), n) for q, item, conditions, items, n in found)
    return count(study, orders, row.enrolled)


def repeated(session: Session, rater: int, answer: Answer) -> bool:
    """Whether this answer is there already. Raises ConflictError if another is."""
    asked = select(AnswerRow.request).where(
        AnswerRow.rater_id == rater, AnswerRow.position == answer.position
    )
    request = session.scalars(asked).one_or_none()
    if request not in (None, answer.request):
        raise ConflictError("this was answered before; reload the page to go on")
    return request is not None


def numbers(
    session: Session, table: type[AnswerRow] | type[TrialRow], study: int
) -> dict[int, int]:
    """Rows of each rater of a study."""
    asked = select(table.rater_id, func.count()).join(RaterRow, RaterRow.id == table.rater_id)
    found = asked.where(RaterRow.study_id == study).group_by(table.rater_id)
    return {rater: n for rater, n in session.execute(found)}


def ratings(session: Session, which: ColumnElement[bool]) -> list[Rating]:
    """Of some studies, by rater and position."""
    asked = (
        select(StudyRow, TrialRow, AnswerRow)
        .join(RaterRow, RaterRow.study_id == StudyRow.id)
        .join(TrialRow, TrialRow.rater_id == RaterRow.id)
        .join(AnswerRow, ANSWERED)
        .where(which)
        .order_by(TrialRow.rater_id, TrialRow.position)
    )
    return [rows.rating(study, trial, answer) for study, trial, answer in session.execute(asked)]


def studies(session: Session) -> list[str]:
    """Ids of all that are kept."""
    return list(session.scalars(select(StudyRow.study).distinct().order_by(StudyRow.study)))


def load_ratings(url: str, study: str | None = None) -> list[Rating]:
    """See store.load_ratings."""
    engine = connect(url, new=False)
    try:
        with transaction(engine.execution_options(reads=True)) as session:
            kept = studies(session)
            if study is None and len(kept) != 1:
                raise StudyError(f"the store has {len(kept)} studies; name one of: {kept}")
            return ratings(session, StudyRow.study == (study or kept[0]))
    finally:
        engine.dispose()
