"""Group commit: commands of several threads share one durable append to the journal.

Whoever comes while an append waits for the disk shares the next one, and turns come in order.
Nothing is acknowledged before its append; what one command does wrong undoes that command alone.
Reads take part where other processes write: what the append confirms, nobody has overtaken.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vclip.errors import BusyError
from vclip.listening.store.journal import Event, Journal, SequenceTakenError
from vclip.listening.store.state import StudyState

T = TypeVar("T")
Decide = Callable[[StudyState], tuple[Sequence[Event], T]]
"""Decides on a state: what is to happen, and what is answered once that is durable."""

TRIES = 100  # to be the first among servers; each time another one was, so work goes on


@dataclass
class _Job:
    """A command of one thread, and what came of it."""

    command: Decide[Any]
    value: Any = None
    error: Exception | None = None
    over: bool = False
    woken: threading.Event = field(default_factory=threading.Event)  # it is over, or its turn

    def decide(self, state: StudyState) -> Sequence[Event]:
        """Events; none if the command fails."""
        self.value = self.error = None
        try:
            events, self.value = self.command(state)
        except Exception as error:
            self.error = error
            return ()
        return events


class GroupCommit:
    """Call it with a command: its result, once its events are durable; its error, or BusyError."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._state = StudyState().after(journal.read(0))
        self._waiting: list[_Job] = []
        self._busy = False  # one appends, for all who waited when it began
        self._list = threading.Lock()

    def __call__(self, command: Decide[T]) -> T:
        """From any thread. A command may be called again if another server was faster."""
        mine = _Job(command)
        with self._list:
            self._waiting.append(mine)
            is_first, self._busy = not self._busy, True
        if not is_first:
            mine.woken.wait()
        if not mine.over:
            self._lead()
        if mine.error:
            raise mine.error
        value: T = mine.value
        return value

    @property
    def waiting(self) -> int:
        """Commands that the next append will be for."""
        return len(self._waiting)

    def look(self) -> StudyState:
        """The state with all that any process has acknowledged."""
        return self(lambda state: ((), state)) if self._journal.shared else self._state

    def _lead(self) -> None:
        """Commit for all who wait; who has come meanwhile goes on, the first of them leads."""
        with self._list:
            jobs, self._waiting = self._waiting, []
        try:
            self._commit(jobs)
        except Exception as error:
            for job in jobs:
                job.error = job.error or error
        for job in jobs:
            job.over = True
            job.woken.set()
        with self._list:
            if self._waiting:
                self._waiting[0].woken.set()
            else:
                self._busy = False

    def _commit(self, jobs: Sequence[_Job]) -> None:
        for _ in range(TRIES):
            if self._journal.shared:
                self._state = self._state.after(self._journal.read(self._state.n))
            state, events = self._state, list[Event]()
            for job in jobs:
                new = job.decide(state)
                state = state.after(new) if new else state
                events += new
            try:
                if events:
                    self._journal.append(events, self._state.n)
            except SequenceTakenError:
                if not self._journal.read(self._state.n):
                    self._state = StudyState()  # a backup took its place: read it from the start
                continue
            self._state = state
            return
        raise BusyError("too many servers write at once; try again in a minute")
