"""The store as JSON lines, for machines without a database: one file a rater, only appended to.

    FOLDER/study.json           which study this is, and its secret
    FOLDER/sessions/7.jsonl     rater 7: the plan, then answers, marks and events as they came
    FOLDER/gone.jsonl           numbers of raters who withdrew; their files are deleted

Every line is on disk before it counts. One that a crash tore was never acknowledged and is cut off
at the next start. "jsonl:FOLDER?repo=OWNER/NAME" also keeps a copy in a private dataset repository,
see `mirror`.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from vclip.errors import ConflictError, StudyError
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Counts, Order, Trial
from vclip.listening.store import codes, lines
from vclip.listening.store.folder import gone, header, hold, secret
from vclip.listening.store.mirror import Mirror
from vclip.listening.store.sessionfile import SessionFile
from vclip.listening.store.store import (
    Answer,
    Enrolment,
    Known,
    Mark,
    Plan,
    Progress,
    Rating,
    count,
    now,
)


class JsonLines:
    """See store.Store for what each method promises."""

    at_once = 8  # files are flushed independently of each other

    def __init__(self, folder: Path, study: Study, mirror: Mirror | None = None) -> None:
        self.study, self._folder, self._mirror = study, folder, mirror
        (folder / "sessions").mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()  # of who is there; each session has its own
        self._held: int | None = hold(folder / "lock")
        try:
            self.secret = self._replay()
        except Exception:
            os.close(self._held)
            raise
        if mirror:
            mirror.start()

    def _replay(self) -> bytes:
        """All that was kept; the study's secret."""
        if self._mirror:
            self._mirror.pull()
        self._gone: set[int] = gone(self._folder)
        self._sessions = {session.rater: session for session in self._replayed()}
        return secret(self._folder / "study.json", self.study, enrolled=self._enrolled() > 0)

    def enrol(self, plan: Plan, request: str | None = None) -> Enrolment:
        """A new rater, planned while nobody else enrols."""
        token, withdrawal = codes.token_and_withdrawal(self.secret, request)
        with self._lock:
            there = self.rater(token)
            if there:
                return Enrolment(there, token, withdrawal)
            trials = plan(self.counts())
            session = SessionFile.new(
                self._path(self._enrolled() + 1),
                self.study,
                trials,
                token=codes.digest(token),
                withdrawal=codes.digest(codes.plain(withdrawal)),
            )
            self._sessions[session.rater] = session
        self._changed()
        return Enrolment(session.rater, token, withdrawal)

    def rater(self, token: str) -> int | None:
        """By the hash of the token; all are compared, in a time that tells nothing."""
        digest, found = codes.digest(token), None
        for session in self._all():
            if codes.same(session.token, digest):
                found = session.rater
        return found

    def known(self, token: str) -> Known | None:
        """From memory."""
        rater = self.rater(token)
        if rater is None:
            return None
        requests = {at: answer.request for at, answer in self.answers(rater).items()}
        return Known(rater, self.trials(rater), requests, self.marks(rater))

    def trials(self, rater: int) -> list[Trial]:
        """By position."""
        session = self._sessions.get(rater)
        return list(session.trials) if session else []

    def answers(self, rater: int) -> dict[int, Answer]:
        """Of one rater."""
        session = self._sessions.get(rater)
        return dict(session.answers) if session else {}

    def marks(self, rater: int) -> list[Mark]:
        """Of one rater."""
        session = self._sessions.get(rater)
        return list(session.marks.values()) if session else []

    def events(self, rater: int) -> list[dict[str, Any]]:
        """Of one rater, from the file: nobody needs them while the test runs."""
        session = self._sessions.get(rater)
        return session.events() if session else []

    def claim(self, rater: int, tab: str) -> None:
        """The last who claims may answer. Not kept: after a restart the first to answer may."""
        with self._present(rater) as session:
            if session:
                session.tab, session.seen = tab, now()

    def record(self, rater: int, answer: Answer, tab: str) -> None:
        """One line."""
        with self._present(rater) as session:
            if session is None or answer.position not in range(len(session.trials)):
                raise ConflictError("there is no such trial; the answers may have been deleted")
            session.record(answer, tab)
        self._changed()

    def mark(self, rater: int, mark: Mark) -> None:
        """One line, once for each kind and position."""
        with self._present(rater) as session:
            if session:
                session.mark(mark)
        self._changed()

    def log(self, rater: int, events: Sequence[Mapping[str, Any]]) -> None:
        """One line each."""
        with self._present(rater) as session:
            if session and events:
                session.log(events)
        self._changed()

    def withdraw(self, code: str) -> int | None:
        """First it is noted, so that the file goes even if a crash comes between."""
        digest = codes.digest(codes.plain(code))
        found = [s for s in self._all() if codes.same(s.withdrawal, digest)]
        if not found:
            return None
        with self._present(found[0].rater) as session:
            if session is None:
                return None
            lines.append(self._folder / "gone.jsonl", {"rater": session.rater, "created": now()})
            with self._lock:
                self._gone.add(session.rater)
                del self._sessions[session.rater]
            session.delete()
        self._changed()
        return len(session.answers)

    def ratings(self) -> list[Rating]:
        """By rater and position."""
        return [rating for session in self._all() for rating in session.ratings()]

    def counts(self) -> Counts:
        """From memory."""
        orders = Counter[Order]()
        for session in self._all():
            orders.update(session.counted())
        return count(self.study, orders.items(), self._enrolled())

    def raters(self) -> list[Progress]:
        """By number."""
        return [session.progress() for session in self._all()]

    def close(self) -> None:
        """The copy is brought up to date, another process may take over."""
        if self._held is not None:
            if self._mirror:
                self._mirror.close()
            os.close(self._held)
            self._held = None

    def _all(self) -> list[SessionFile]:
        return [session for _, session in sorted(self._sessions.copy().items())]

    def _enrolled(self) -> int:
        """No number is given twice."""
        return max([0, *self._gone, *self._sessions])

    def _path(self, rater: int) -> Path:
        return self._folder / "sessions" / f"{rater}.jsonl"

    def _changed(self) -> None:
        if self._mirror:
            self._mirror.note()

    def _replayed(self) -> Iterator[SessionFile]:
        for rater in self._gone:
            self._path(rater).unlink(missing_ok=True)
        for path in (self._folder / "sessions").glob("*.jsonl"):
            session = SessionFile.replayed(path)
            if session:
                yield session

    @contextmanager
    def _present(self, rater: int) -> Iterator[SessionFile | None]:
        """A rater who does something, one thing at a time; None if they withdrew."""
        session = self._sessions.get(rater)
        if session is None:
            yield None
            return
        with session.lock:
            yield session if rater in self._sessions else None


def open_store(url: str, study: Study) -> JsonLines:
    """From jsonl:FOLDER or jsonl:FOLDER?repo=OWNER/NAME. Raises StudyError."""
    folder, _, query = url.removeprefix("jsonl:").partition("?")
    repo = parse_qs(query).get("repo")
    if not folder:
        raise StudyError("the store has no folder; use jsonl:FOLDER")
    try:
        return JsonLines(Path(folder), study, Mirror(Path(folder), repo[0]) if repo else None)
    except OSError as error:
        raise StudyError(f"cannot keep ratings in {folder}: {error.strerror or error}") from error


def load_ratings(url: str, study: str | None = None) -> list[Rating]:
    """See store.load_ratings; the folder may be in use."""
    folder = Path(url.removeprefix("jsonl:").partition("?")[0])
    if not (folder / "study.json").is_file():
        raise StudyError(f"there are no ratings in {folder}; check the store's URL")
    kept = header(folder / "study.json")["study"]
    if study not in (None, kept):
        raise StudyError(f"the ratings in {folder} are of {kept}, not of {study}")
    left = gone(folder, mend=False)
    found = [SessionFile.read(path) for path in (folder / "sessions").glob("*.jsonl")]
    there = sorted((s for s in found if s and s.rater not in left), key=lambda s: s.rater)
    return [rating for session in there for rating in session.ratings()]
