"""The store in a database. Every method is one transaction, committed before it returns."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from vclip.errors import ConflictError
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Counts, Trial
from vclip.listening.store import codes, queries, rows
from vclip.listening.store.database import POOL, alone, connect, transaction
from vclip.listening.store.group_commit import Together
from vclip.listening.store.store import (
    Answer,
    Enrolment,
    Known,
    Mark,
    Plan,
    Progress,
    Rating,
    now,
)
from vclip.listening.store.tables import (
    AnswerRow,
    EventRow,
    MarkRow,
    RaterRow,
    StudyRow,
    TrialRow,
)

T = TypeVar("T")


class Database:
    """See store.Store for what each method promises."""

    def __init__(self, url: str, study: Study) -> None:
        self.study = study
        self._engine = connect(url)
        self._plans: dict[int, list[Trial]] = {}
        lite = self._engine.dialect.name == "sqlite"
        self.at_once = 2 * POOL if lite else POOL  # who waits for SQLite's disk shares a commit
        # there is one connection to SQLite, and only who asks `Together` gets it in turn
        self._together = Together(self._engine) if lite else None
        self._reader = self._engine.execution_options(reads=True)
        try:
            self._id, self.secret = self._registered()
        except Exception:
            self.close()
            raise

    def _registered(self) -> tuple[int, bytes]:
        with transaction(self._engine) as session:
            alone(session.connection())
            row = queries.registered(session, self.study)
            return row.id, row.secret

    def _write(self, work: Callable[[Session], T]) -> T:
        """PostgreSQL has many connections, whose commits wait for the disk together anyway."""
        if self._together:
            return self._together(work)
        with transaction(self._engine) as session:
            return work(session)

    def _look(self, work: Callable[[Session], T]) -> T:
        """Reads only."""
        if self._together:
            return self._together(work, reads=True)
        with transaction(self._reader) as session:
            return work(session)

    def enrol(self, plan: Plan, request: str | None = None) -> Enrolment:
        """A new rater, planned while nobody else enrols."""
        token, withdrawal = codes.token_and_withdrawal(self.secret, request)

        def work(session: Session) -> Enrolment:
            study = session.get_one(StudyRow, self._id, with_for_update=True)
            there = session.execute(self._by_token(token)).one_or_none()
            if there:
                return Enrolment(there.id, token, withdrawal)
            at, trials = now(), plan(queries.counts(session, self.study, study))
            study.enrolled += 1
            rater = RaterRow(
                study_id=self._id,
                token=codes.digest(token),
                withdrawal=codes.digest(codes.plain(withdrawal)),
                created=at,
                seen=at,
            )
            session.add(rater)
            session.flush()
            kinds = {question.id: question.type for question in self.study.questions}
            session.add_all(rows.trial_row(rater.id, kinds[t.question], t) for t in trials)
            agreed = Mark("agree", result={"study_sha256": self.study.sha256}, created=at)
            session.add(rows.mark_row(rater.id, agreed))
            return Enrolment(rater.id, token, withdrawal)

        return self._write(work)

    def rater(self, token: str) -> int | None:
        """By the hash of the token."""
        row = self._look(lambda session: session.execute(self._by_token(token)).one_or_none())
        return row.id if row and codes.same(row.token, codes.digest(token)) else None

    def known(self, token: str) -> Known | None:
        """In one look: whoever reads waits for whoever writes."""
        answers = select(AnswerRow.position, AnswerRow.request)
        marks = select(MarkRow).order_by(MarkRow.id)

        def work(session: Session) -> tuple[int, dict[int, str], list[Mark]] | None:
            row = session.execute(self._by_token(token)).one_or_none()
            if row is None or not codes.same(row.token, codes.digest(token)):
                return None
            sent = session.execute(answers.where(AnswerRow.rater_id == row.id))
            requests = {position: request for position, request in sent}
            made = session.scalars(marks.where(MarkRow.rater_id == row.id))
            return row.id, requests, [rows.mark(mark) for mark in made]

        found = self._look(work)
        return Known(found[0], self.trials(found[0]), *found[1:]) if found else None

    def trials(self, rater: int) -> list[Trial]:
        """By position; they never change, so they are read once."""
        if rater not in self._plans:
            asked = select(TrialRow).where(TrialRow.rater_id == rater).order_by(TrialRow.position)
            read = self._look(lambda session: [rows.trial(row) for row in session.scalars(asked)])
            if not read:
                return []
            self._plans[rater] = read
        return list(self._plans[rater])

    def answers(self, rater: int) -> dict[int, Answer]:
        """Of one rater."""
        asked = select(AnswerRow).where(AnswerRow.rater_id == rater).order_by(AnswerRow.position)
        return self._look(
            lambda session: {row.position: rows.answer(row) for row in session.scalars(asked)}
        )

    def marks(self, rater: int) -> list[Mark]:
        """Of one rater."""
        asked = select(MarkRow).where(MarkRow.rater_id == rater).order_by(MarkRow.id)
        return self._look(lambda session: [rows.mark(row) for row in session.scalars(asked)])

    def events(self, rater: int) -> list[dict[str, Any]]:
        """Of one rater."""
        asked = select(EventRow.event).where(EventRow.rater_id == rater).order_by(EventRow.id)
        return self._look(lambda session: list(session.scalars(asked)))

    def claim(self, rater: int, tab: str) -> None:
        """The last who claims may answer."""

        def work(_: Session, row: RaterRow | None) -> None:
            if row:
                row.tab = tab

        self._present(rater, work)

    def record(self, rater: int, answer: Answer, tab: str) -> None:
        """The rater's row is locked meanwhile, and the table lets no second answer in."""

        def work(session: Session, row: RaterRow | None) -> None:
            if row is None or not session.get(TrialRow, (rater, answer.position)):
                raise ConflictError("there is no such trial; the answers may have been deleted")
            if queries.repeated(session, rater, answer):
                return
            if row.tab not in (None, tab):
                raise ConflictError("the test goes on in another window; answer there")
            row.tab = tab
            session.add(rows.answer_row(rater, replace(answer, created=row.seen)))

        self._present(rater, work)

    def mark(self, rater: int, mark: Mark) -> None:
        """Once for each kind and position."""
        there = select(MarkRow.id).where(
            MarkRow.rater_id == rater, MarkRow.kind == mark.kind, MarkRow.position == mark.position
        )

        def work(session: Session, row: RaterRow | None) -> None:
            if row and not session.scalars(there).first():
                session.add(rows.mark_row(rater, replace(mark, created=row.seen)))

        self._present(rater, work)

    def log(self, rater: int, events: Sequence[Mapping[str, Any]]) -> None:
        """Each event is a row."""

        def work(session: Session, row: RaterRow | None) -> None:
            if row:
                made = [EventRow(rater_id=rater, event=dict(e), created=row.seen) for e in events]
                session.add_all(made)

        self._present(rater, work)

    def withdraw(self, code: str) -> int | None:
        """Everything goes with the rater's row."""
        digest = codes.digest(codes.plain(code))
        asked = select(RaterRow).where(RaterRow.withdrawal == digest, RaterRow.study_id == self._id)

        def work(session: Session) -> tuple[int, int] | None:
            row = session.scalars(asked.with_for_update()).one_or_none()
            if row is None:
                return None
            answers = select(func.count()).where(AnswerRow.rater_id == row.id)
            deleted = session.scalars(answers).one()
            session.execute(delete(RaterRow).where(RaterRow.id == row.id))
            return row.id, deleted

        found = self._write(work)
        if found is None:
            return None
        self._plans.pop(found[0], None)
        return found[1]

    def ratings(self) -> list[Rating]:
        """Of this version of the study."""
        return self._look(lambda session: queries.ratings(session, StudyRow.id == self._id))

    def counts(self) -> Counts:
        """Of this version of the study."""
        return self._look(
            lambda session: queries.counts(session, self.study, session.get_one(StudyRow, self._id))
        )

    def raters(self) -> list[Progress]:
        """By number."""
        asked = select(RaterRow).where(RaterRow.study_id == self._id).order_by(RaterRow.id)
        marks = select(MarkRow).join(RaterRow).where(RaterRow.study_id == self._id)

        def work(session: Session) -> list[Progress]:
            made: dict[int, list[Mark]] = defaultdict(list)
            for row in session.scalars(marks.order_by(MarkRow.id)):
                made[row.rater_id].append(rows.mark(row))
            done, total = (
                queries.numbers(session, table, self._id) for table in (AnswerRow, TrialRow)
            )
            return [
                Progress(r.id, r.created, r.seen, done.get(r.id, 0), total[r.id], (*made[r.id],))
                for r in session.scalars(asked)
            ]

        return self._look(work)

    def close(self) -> None:
        """All connections."""
        self._engine.dispose()

    def _by_token(self, token: str) -> Select[int, str]:
        of_study = RaterRow.study_id == self._id
        found = select(RaterRow.id, RaterRow.token)
        return found.where(RaterRow.token == codes.digest(token), of_study)

    def _present(self, rater: int, work: Callable[[Session, RaterRow | None], None]) -> None:
        """A rater who does something: work gets their row, locked; None if they withdrew."""

        def locked(session: Session) -> None:
            row = session.get(RaterRow, rater, with_for_update=True)
            if row:
                row.seen = now()
            work(session, row)

        self._write(locked)
