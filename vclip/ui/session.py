"""Session of one visitor on the server: visit and takes, in memory, until they leave."""

import threading
from collections.abc import Callable
from typing import Any

from vclip.ui.speech.take_list import TakeEntry
from vclip.ui.visit import Visit


class VisitorSession:
    """A visit and its takes; its lock serialises clicks, so that none undoes another.

    What takes longer than a step (speech) remembers the epoch in which it began: work of an earlier
    one comes from a visitor who wished to be forgotten.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.epoch = 0
        self.turns = {"speak": 0, "compare": 0}  # how often each was begun; the last one counts
        self.visit = Visit()
        self.spoken: tuple[TakeEntry, ...] = ()  # newest first
        self.compared: tuple[str, ...] = ()  # tokens of takes

    def __deepcopy__(self, _: Any) -> "VisitorSession":
        """A new visitor's: Gradio copies the first value of a state for each of them."""
        return VisitorSession()

    def snapshot(self) -> tuple[Visit, int]:
        """The visit as the last step left it, and its epoch: never one of before forgetting."""
        with self.lock:
            return self.visit, self.epoch

    def begin(self, what: str, epoch: int) -> Callable[[], bool]:
        """Start speaking or comparing; the function returned says whether it is still wanted."""
        with self.lock:
            self.turns[what] += 1
            turn = self.turns[what]
        return lambda: self.epoch == epoch and self.turns[what] == turn

    @property
    def tokens(self) -> list[str]:
        """Tokens of all takes of the session."""
        return [*(one.token for one in self.spoken), *self.compared]

    def forget(self) -> None:
        """Reset the session, but for language and number of voices."""
        self.epoch += 1
        self.visit = Visit(language=self.visit.language, k=self.visit.k)
        self.spoken, self.compared = (), ()
