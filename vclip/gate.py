"""Who may compute now: a few at once, a bounded queue behind them, a clear refusal beyond that."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vclip.errors import BusyError


class Gate:
    """At most `running` turns at once; at most `waiting` newcomers wait for their first one."""

    def __init__(self, running: int, waiting: int) -> None:
        self._turns = threading.Semaphore(running)
        self._places = threading.Semaphore(running + waiting)

    @contextmanager
    def first(self) -> Iterator[None]:
        """The first turn of a request. Raises BusyError at once if too many wait already."""
        if not self._places.acquire(blocking=False):
            raise BusyError("too many people are listening just now; try again in a moment")
        try:
            with self._turns:
                yield
        finally:
            self._places.release()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Any later turn of a request that has begun: it waits, but is never refused."""
        with self._turns:
            yield
