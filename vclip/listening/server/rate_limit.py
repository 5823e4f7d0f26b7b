"""Rate limit of enrolments by one token bucket for all clients; no IP address is looked at.

Whoever has the link of a study can begin as often as they like, and every beginning holds cells for
an hour (`state.RESERVED`) and makes rows. So beginnings are counted in a bucket that refills.
"""

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """As many at once as it holds, and afterwards so many a second on average."""

    def __init__(
        self, size: int, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size, self._per_second, self._clock = size, per_second, clock
        self._left, self._at = float(size), clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether it may happen once more now."""
        with self._lock:
            now = self._clock()
            self._left = min(self._size, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True
