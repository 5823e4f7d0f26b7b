"""What a study keeps of its raters: records, what every store must do, and how to open one.

sqlite:///ratings.db, postgresql+psycopg://USER@HOST/NAME (`sql`), jsonl:FOLDER (`jsonl`). All keep
these promises: an answer is on disk before `record` returns; it is never changed; no position of a
rater is answered twice; a rater who withdraws is gone. Of tokens and codes only SHA-256 are kept,
of addresses nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from vclip.errors import StudyError
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Cell, Counts, Order, Trial, cell_of
from vclip.listening.store.records import (
    Answer as Answer,  # all of them are part of this module's face
)
from vclip.listening.store.records import Enrolment as Enrolment
from vclip.listening.store.records import Known as Known
from vclip.listening.store.records import Mark as Mark
from vclip.listening.store.records import Progress as Progress
from vclip.listening.store.records import Rating as Rating
from vclip.listening.store.records import Value as Value
from vclip.listening.store.records import judgement as judgement

Plan = Callable[[Counts], list[Trial]]
RESERVED = timedelta(hours=1)  # unanswered trials of a rater not seen for longer are free again


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

    def known(self, token: str) -> "Known | None":
        """The rater with this token and how far they are, all at the same moment."""
        ...

    def trials(self, rater: int) -> list[Trial]:
        """The whole session in order; empty for a rater who withdrew."""
        ...

    def answers(self, rater: int) -> dict[int, Answer]:
        """By position."""
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
        from vclip.listening.store import jsonl

        return jsonl.open_store(url, study)
    if url.startswith(("sqlite:", "postgres")):
        from vclip.listening.store.sql import Database

        return Database(url, study)
    kind = url.partition(":")[0]  # no more of it: there may be a password
    ways = "sqlite:///FILE, postgresql+psycopg://USER@HOST/NAME or jsonl:FOLDER"
    raise StudyError(f"there is no store of the kind {kind!r}; use {ways}")


def load_ratings(url: str, study: str | None = None) -> list[Rating]:
    """Ratings without the study's file: of one study by its id, or of the only one there is.

    Raises StudyError.
    """
    if url.startswith("jsonl:"):
        from vclip.listening.store import jsonl

        return jsonl.load_ratings(url, study)
    from vclip.listening.store import queries

    return queries.load_ratings(url, study)


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
