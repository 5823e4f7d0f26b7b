"""How many requests are served at once: the rest is told at once that it is too many."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vclip.errors import BusyError


class Gate:
    """So many places, for requests at work and in the queue alike."""

    def __init__(self, places: int) -> None:
        self._places = threading.Semaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Be one of them. Raises BusyError where all places are taken."""
        if not self._places.acquire(blocking=False):
            raise BusyError("too many texts are being spoken just now; try again in a moment")
        try:
            yield
        finally:
            self._places.release()
