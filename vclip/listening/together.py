"""Writes of several threads in one transaction, for SQLite, where a commit costs the most.

A commit of SQLite's rollback journal waits for the disk four times (28 ms on the machine where this
was written), and only one can write. So whoever waits meanwhile shares the next commit: with 50
raters a disk that does 36 commits a second takes some hundred answers. Nothing is acknowledged
before the commit that has it, and what one job does wrong undoes that job alone.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from vclip.errors import VclipError
from vclip.listening.database import transaction

T = TypeVar("T")


@dataclass
class _Job:
    """What one thread wants to write, and what came of it."""

    work: Callable[[Session], Any]
    value: Any = None
    error: Exception | None = None
    over: bool = False

    def run(self, session: Session) -> None:
        """In a savepoint of its own. What the database itself has raised is everybody's trouble."""
        try:
            with session.begin_nested():
                self.value = self.work(session)
        except VclipError as error:
            self.error = error


class Together:
    """Call it with a job: its result, once that is on disk; its error, or BusyError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[_Job] = []
        self._list = threading.Lock()
        self._turn = threading.Lock()  # of the one that writes for all who wait

    def __call__(self, work: Callable[[Session], T]) -> T:
        """From any thread."""
        mine = _Job(work)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            if not mine.over:
                with self._list:
                    jobs, self._waiting = self._waiting, []
                self._commit(jobs)
        if mine.error:
            raise mine.error
        value: T = mine.value
        return value

    def _commit(self, jobs: Sequence[_Job]) -> None:
        try:
            with transaction(self._engine) as session:
                for job in jobs:
                    job.run(session)
        except Exception as error:
            for job in jobs:
                job.error = job.error or error
        for job in jobs:
            job.over = True
