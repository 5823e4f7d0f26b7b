"""The rating store: validates commands against the state, appends events to the journal.

sqlite:///ratings.db, postgresql+psycopg://USER@HOST/NAME (`sql_journal`), jsonl:FOLDER
(`folder_journal`), all with the same promises: an answer is on disk before `record` returns; it is
never changed; no position of a rater is answered twice; a rater who withdraws is gone. Of tokens
and codes only SHA-256 are kept, of addresses nothing.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from vclip.errors import ConflictError, StudyError
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Counts, Trial
from vclip.listening.store import codes, folder_journal, sql_journal
from vclip.listening.store.database import connect
from vclip.listening.store.group_commit import GroupCommit
from vclip.listening.store.hub_mirror import HubMirror
from vclip.listening.store.journal import Event, Journal, now
from vclip.listening.store.records import Answer, Enrolment, Mark, Progress, Rating
from vclip.listening.store.state import RaterState, StudyState

Plan = Callable[[Counts], list[Trial]]
Events = Sequence[Event]


class Store:
    """Keeps one study. Methods may be called from any thread; raters are numbers.

    secret: of this study, the same after a restart; completion codes come from it. Raises BusyError
    where nothing could be written: what was sent is not kept, sending it again may work.
    """

    at_once = 16  # how many calls are worth making at the same time: who waits shares a commit

    def __init__(self, journal: Journal, study: Study) -> None:
        self.study, self._journal = study, journal
        try:
            self._commit = GroupCommit(journal)
            self.secret = bytes.fromhex(self._commit(self._begin))
        except Exception:
            journal.close()
            raise

    def _begin(self, state: StudyState) -> tuple[Events, str]:
        """The secret of the study, known from now on. Raises StudyError if its file changed."""
        study = self.study
        header = {"study": study.study, "version": study.version, "sha256": study.sha256}
        secret = state.header.get("secret") or secrets.token_hex(32)
        if state.header == header | {"secret": secret}:
            return (), secret
        if state.enrolled:
            raise _changed(study)
        return [Event("study", None, header | {"secret": secret})], secret

    def enrol(self, plan: Plan, request: str | None = None) -> Enrolment:
        """A new rater with the trials that plan makes of the counts; no two see the same counts.

        The same request (random, of the page) again is the same rater.
        """
        token, withdrawal = codes.token_and_withdrawal(self.secret, request)
        hashes = {"token": codes.digest(token), "withdrawal": codes.digest(codes.plain(withdrawal))}

        def decide(state: StudyState) -> tuple[Events, int]:
            there = _find(state, "token", hashes["token"])
            if there:
                return (), there.rater
            if state.header["sha256"] != self.study.sha256:
                raise _changed(self.study)
            trials = plan(state.counts(self.study, datetime.now(UTC)))
            rater = max(state.last, self._journal.last_rater()) + 1
            return self._enrolled(rater, hashes, trials), rater

        return Enrolment(self._commit(decide), token, withdrawal)

    def _enrolled(self, rater: int, hashes: dict[str, str], trials: Sequence[Trial]) -> Events:
        study, at = self.study, now()
        types = {question.id: question.type for question in study.questions}
        planned = [{**asdict(trial), "type": types[trial.question]} for trial in trials]
        about = {"study": study.study, "version": study.version, **hashes, "trials": planned}
        agreed = Mark("agree", result={"study_sha256": study.sha256})
        return [Event("enrol", rater, about, at), _mark_event(rater, agreed, at)]

    def rater(self, token: str) -> int | None:
        """The rater with this token, or None."""
        found = self.known(token)
        return found.rater if found else None

    def known(self, token: str) -> RaterState | None:
        """The rater with this token and how far they are, all at the same moment."""
        return _find(self._commit.look(), "token", codes.digest(token))

    def trials(self, rater: int) -> list[Trial]:
        """The whole session in order; empty for a rater who withdrew."""
        found = self._commit.look().raters.get(rater)
        return list(found.trials) if found else []

    def answers(self, rater: int) -> dict[int, Answer]:
        """Answers of a rater, by position."""
        found = self._commit.look().raters.get(rater)
        return dict(sorted(found.answers.items())) if found else {}

    def marks(self, rater: int) -> list[Mark]:
        """In the order they were made."""
        found = self._commit.look().raters.get(rater)
        return list(found.marks) if found else []

    def events(self, rater: int) -> list[dict[str, Any]]:
        """Client events of the page in their order; read from disk, not needed during the test."""
        found = self._journal.of_rater(rater)
        return [event.data["event"] for event in found if event.kind == "event"]

    def claim(self, rater: int, tab: str) -> None:
        """Only this tab may answer from now on."""
        self._present(rater, lambda _: [Event("claim", rater, {"tab": tab})])

    def record(self, rater: int, answer: Answer, tab: str) -> None:
        """Keep an answer, durably. The same request again changes nothing.

        Raises ConflictError if the position is answered, another tab is in use, or the rater or the
        trial does not exist.
        """

        def decide(state: StudyState) -> tuple[Events, None]:
            found = state.raters.get(rater)
            if found is None or answer.position not in range(len(found.trials)):
                raise ConflictError("there is no such trial; the answers may have been deleted")
            there = found.answers.get(answer.position)
            if there and there.request == answer.request:
                return (), None
            if there:
                raise ConflictError("this was answered before; reload the page to go on")
            if found.tab not in (None, tab):
                raise ConflictError("the test goes on in another window; answer there")
            fields, at = asdict(answer), now()
            del fields["created"]
            claim = [] if found.tab else [Event("claim", rater, {"tab": tab}, at)]
            return [*claim, Event("answer", rater, fields, at)], None

        self._commit(decide)

    def mark(self, rater: int, mark: Mark) -> None:
        """Keep a step, durably; the first of each kind and position stays."""

        def decide(found: RaterState) -> Events:
            there = found.has(mark.kind, mark.position)
            return [] if there else [_mark_event(rater, mark, now())]

        self._present(rater, decide)

    def log(self, rater: int, events: Sequence[Mapping[str, Any]]) -> None:
        """Keep what happened on the page."""
        at = now()
        told = [Event("event", rater, {"event": dict(event)}, at) for event in events]
        self._present(rater, lambda _: told)

    def withdraw(self, code: str) -> int | None:
        """Delete all data of the rater with this code; how many answers. None if there is none."""
        digest = codes.digest(codes.plain(code))

        def decide(state: StudyState) -> tuple[Events, int | None]:
            found = _find(state, "withdrawal", digest)
            return ([Event("withdraw", found.rater)], len(found.answers)) if found else ((), None)

        return self._commit(decide)

    def ratings(self) -> list[Rating]:
        """Every answer of every purpose, by rater and position."""
        return self._commit.look().ratings()

    def counts(self) -> Counts:
        """Ratings that are made or reserved."""
        return self._commit.look().counts(self.study, datetime.now(UTC))

    def raters(self) -> list[Progress]:
        """All who enrolled and did not withdraw, by number."""
        return self._commit.look().progress()

    def close(self) -> None:
        """Let go of files and connections."""
        self._journal.close()

    def _present(self, rater: int, decide: Callable[[RaterState], Events]) -> None:
        """What a rater does; nothing if they withdrew."""

        def command(state: StudyState) -> tuple[Events, None]:
            found = state.raters.get(rater)
            return (decide(found) if found else ()), None

        self._commit(command)


def open_store(url: str, study: Study) -> Store:
    """The store of a study; made or converted where needed. Raises StudyError, BusyError.

    "jsonl:FOLDER?repo=OWNER/NAME" also keeps a copy in a private dataset repository, see `mirror`.
    """
    if url.startswith(("sqlite:", "postgres")):
        return Store(sql_journal.SqlJournal(connect(url), study.study, study.version), study)
    if not url.startswith("jsonl:"):
        kind = url.partition(":")[0]  # no more of it: there may be a password
        ways = "sqlite:///FILE, postgresql+psycopg://USER@HOST/NAME or jsonl:FOLDER"
        raise StudyError(f"there is no store of the kind {kind!r}; use {ways}")
    place, _, query = url.removeprefix("jsonl:").partition("?")
    if not place:
        raise StudyError("the store has no folder; use jsonl:FOLDER")
    repo = parse_qs(query).get("repo")
    mirror = HubMirror(Path(place), repo[0]) if repo else None
    return Store(folder_journal.FolderJournal(Path(place), mirror), study)


def load_ratings(url: str, study: str | None = None) -> list[Rating]:
    """Ratings without the study's file: of one study by its id, or of the only one there is.

    Raises StudyError.
    """
    if url.startswith("jsonl:"):
        folder = Path(url.removeprefix("jsonl:").partition("?")[0])
        return folder_journal.load_state(folder, study).ratings()
    return [rating for state in sql_journal.load_states(url, study) for rating in state.ratings()]


def _find(state: StudyState, name: str, digest: str) -> RaterState | None:
    """Who has this token or code; all are compared, in a time that tells nothing."""
    found = None
    for one in state.raters.values():
        if hmac.compare_digest(getattr(one, name), digest):
            found = one
    return found


def _mark_event(rater: int, mark: Mark, at: str) -> Event:
    data = {"kind_of": mark.kind, "position": mark.position, "result": mark.result}
    return Event("mark", rater, data, at)


def _changed(study: Study) -> StudyError:
    """The study's file is not the one that raters had."""
    return StudyError(
        f"the file of {study.study}, version {study.version}, changed after raters had begun; "
        "take the file they had, or give the changed one another version"
    )
