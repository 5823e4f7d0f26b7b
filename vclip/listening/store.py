"""What a study keeps of its raters: records, what every store must do, and how to open one.

sqlite:///ratings.db, postgresql+psycopg://USER@HOST/NAME (`sql`), jsonl:FOLDER (`jsonl`). All keep
these promises: an answer is on disk before `record` returns; it is never changed; no position of a
rater is answered twice; a rater who withdraws is gone. Of tokens and codes only SHA-256 are kept,
of addresses nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from vclip.errors import StudyError
from vclip.listening.study import Study
from vclip.listening.trials import Cell, Counts, Order, Trial, cell_of

Value = str | dict[str, float]
"""ACR "1" to "5", slot "A" to "H", "tie"; multi: 0 to 100 by slot."""

Plan = Callable[[Counts], list[Trial]]
RESERVED = timedelta(hours=1)  # unanswered trials of a rater not seen for longer are free again


@dataclass(frozen=True)
class Answer:
    """What a rater answered to one trial, as sent and measured."""

    position: int
    value: Value
    heard: list[list[tuple[float, float]]]  # played ranges of each slot, s
    plays: list[int]  # of each slot
    seconds: float  # from the trial's appearance to the answer, as the page measured it
    request: str  # the page's name for this answer: sent twice, it is one
    share: float = 0.0  # that was heard of the slot heard least; `session` measures it
    created: str = ""  # the store's time, UTC


@dataclass(frozen=True)
class Mark:
    """A step that a rater has behind them; position: of the trial that follows, or the attempt."""

    kind: str  # agree, volume, headphones, break
    position: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    created: str = ""


@dataclass(frozen=True)
class Enrolment:
    """What a new rater is told once: neither token nor code can be had again."""

    rater: int
    token: str
    withdrawal: str


@dataclass(frozen=True)
class Progress:
    """How far one rater is. done, total: trials of any purpose; seen, created: ISO, UTC."""

    rater: int
    created: str
    seen: str
    done: int
    total: int
    marks: tuple[Mark, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every trial is answered."""
        return self.done == self.total


@dataclass(frozen=True)
class Rating:
    """One judgement with all that is known of it: a trial and its answer."""

    study: str
    version: str
    rater: int
    position: int
    question: str
    type: str
    item: str
    conditions: tuple[str, ...]
    items: tuple[str, ...]
    purpose: str
    expected: str | None
    value: Value
    seconds: float
    heard: float  # share of the slot heard least
    plays: tuple[int, ...]
    created: str  # ISO, UTC


class Store(Protocol):
    """Keeps one study. Methods may be called from any thread; raters are numbers.

    Raises BusyError where nothing could be written: what was sent is not kept, sending it again
    may work.
    """

    study: Study
    at_once: int  # how many calls are worth making at the same time
    secret: bytes  # of this study, the same after a restart; completion codes come from it

    def enrol(self, plan: Plan, request: str | None = None) -> Enrolment:
        """A new rater with the trials that plan makes of the counts; no two see the same counts.

        The same request (random, of the page) again is the same rater.
        """
        ...

    def rater(self, token: str) -> int | None:
        """Whose token this is."""
        ...

    def trials(self, rater: int) -> list[Trial]:
        """The whole session in order; empty for a rater who withdrew."""
        ...

    def answers(self, rater: int) -> dict[int, Answer]:
        """By position."""
        ...

    def requests(self, rater: int) -> dict[int, str]:
        """Only the names of the answers, by position: all that is needed between two trials."""
        ...

    def marks(self, rater: int) -> list[Mark]:
        """In the order they were made."""
        ...

    def events(self, rater: int) -> list[dict[str, Any]]:
        """In the order they were logged."""
        ...

    def claim(self, rater: int, tab: str) -> None:
        """Only this tab may answer from now on."""
        ...

    def record(self, rater: int, answer: Answer, tab: str) -> None:
        """Keep an answer, durably. The same request again changes nothing.

        Raises ConflictError if the position is answered, another tab is in use, or the rater or the
        trial does not exist.
        """
        ...

    def mark(self, rater: int, mark: Mark) -> None:
        """Keep a step, durably; the first of each kind and position stays."""
        ...

    def log(self, rater: int, events: Sequence[Mapping[str, Any]]) -> None:
        """Keep what happened on the page."""
        ...

    def withdraw(self, code: str) -> int | None:
        """Delete all data of the rater with this code; how many answers. None if there is none."""
        ...

    def ratings(self) -> list[Rating]:
        """Every answer of every purpose, by rater and position."""
        ...

    def counts(self) -> Counts:
        """Ratings that are made or reserved."""
        ...

    def raters(self) -> list[Progress]:
        """All who enrolled and did not withdraw."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def open_store(url: str, study: Study) -> Store:
    """The store of a study; made or migrated where needed. Raises StudyError, BusyError."""
    if url.startswith("jsonl:"):
        from vclip.listening import jsonl

        return jsonl.open_store(url, study)
    if url.startswith(("sqlite:", "postgresql")):
        from vclip.listening.sql import Database

        return Database(url, study)
    ways = "sqlite:///FILE, postgresql+psycopg://USER@HOST/NAME or jsonl:FOLDER"
    raise StudyError(f"{url} is no store; use {ways}")


def load_ratings(url: str, study: str | None = None) -> list[Rating]:
    """Ratings without the study's file: of one study by its id, or of the only one there is.

    Raises StudyError.
    """
    if url.startswith("jsonl:"):
        from vclip.listening import jsonl

        return jsonl.load_ratings(url, study)
    from vclip.listening import sql

    return sql.load_ratings(url, study)


def rating(study: Study, rater: int, trial: Trial, answer: Answer) -> Rating:
    """A trial and its answer as one record."""
    kind = study.question(trial.question).type
    names = {"study": study.study, "version": study.version, "type": kind}
    return judgement(trial, answer, rater=rater, **names)


def judgement(
    trial: Trial, answer: Answer, *, study: str, version: str, rater: int, type: str
) -> Rating:
    """The same without the study's file. study: its id, type: of the question."""
    return Rating(
        study=study,
        version=version,
        rater=rater,
        position=trial.position,
        question=trial.question,
        type=type,
        item=trial.item,
        conditions=trial.conditions,
        items=trial.items,
        purpose=trial.purpose,
        expected=trial.expected,
        value=answer.value,
        seconds=answer.seconds,
        heard=answer.share,
        plays=tuple(answer.plays),
        created=answer.created,
    )


def count(study: Study, orders: Iterable[tuple[Order, int]], raters: int) -> Counts:
    """Counts of orders, and of the cells that they belong to."""
    cells: dict[Cell, int] = {}
    by_order: dict[Order, int] = {}
    for order, n in orders:
        question, item, conditions = order
        cell = cell_of(study, Trial(0, question, item, conditions))
        cells[cell] = cells.get(cell, 0) + n
        by_order[order] = by_order.get(order, 0) + n
    return Counts(cells, by_order, raters)


def changed(study: Study) -> StudyError:
    """The study's file is not the one that raters had."""
    return StudyError(
        f"the file of {study.study}, version {study.version}, changed after raters had begun; "
        "take the file they had, or give the changed one another version"
    )


def now() -> str:
    """The time, UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def lately(seen: str) -> bool:
    """Whether a rater last seen then still holds their trials."""
    return datetime.now(UTC) - datetime.fromisoformat(seen) < RESERVED
