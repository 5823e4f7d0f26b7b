"""An append-only journal of events: all that is kept on disk of a study's raters.

Events are numbered from 1 without gaps. Who appends says after which number, so of two who decided
on the same past only the first is taken (optimistic concurrency); the other reads on and decides
anew. What a study's raters did is the fold of its events, see `state`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Event:
    """One thing that happened. data, by kind:

    study: study, version, sha256 of its file, secret in hex; rater is None
    enrol: study, version, token and withdrawal as SHA-256, trials with the type of their question
    claim: tab, the only one that may answer from now on
    answer: fields of records.Answer; mark: kind_of, position, result of records.Mark
    event: event, what the page told of itself
    withdraw: nothing; all other events of this rater are then erased: no rater, data or time
    """

    kind: str
    rater: int | None
    data: Mapping[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=lambda: now())


class SequenceTakenError(Exception):
    """The journal goes on after the number that was given: read on, decide anew."""


class Journal(Protocol):
    """Keeps the events of one version of one study. Raises BusyError where the disk fails."""

    shared: bool  # whether other processes may append, too; else it is read once

    def read(self, after: int) -> Sequence[Event]:
        """Events with the numbers after + 1, after + 2 … to the end."""

    def append(self, events: Sequence[Event], after: int) -> None:
        """Add all or none, durably; a withdrawal erases its rater's other events in the same step.

        Raises SequenceTakenError if the journal does not end at this number.
        """

    def of_rater(self, rater: int) -> Sequence[Event]:
        """All events of one rater."""
        return [event for event in self.read(0) if event.rater == rater]

    def last_rater(self) -> int:
        """The highest number of a rater who is there, of any study in the same place."""
        return 0

    def close(self) -> None:
        """Let go of files and connections."""


def now() -> str:
    """The time, UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
