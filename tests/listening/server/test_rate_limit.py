"""So many at once, so many a second: against adding up, and where time stands still."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from vclip.listening.server.rate_limit import TokenBucket


@given(st.integers(1, 20), st.integers(1, 8), st.lists(st.integers(0, 6), max_size=60))
def test_no_window_has_more_than_the_bucket_and_what_flows_in(
    size: int, rate: int, pauses: list[int]
) -> None:
    """In any span of s seconds at most size + rate · s; and none is refused that fits."""
    now = 0.0
    bucket, taken = TokenBucket(size, rate, lambda: now), list[float]()
    for pause in pauses:
        now += pause / 8  # binary fractions: sums are exact
        if bucket.take():
            taken.append(now)
        else:
            assert any(
                len([t for t in taken if t >= start]) + 1 > size + rate * (now - start)
                for start in {0.0, *taken}
            )
    for i, start in enumerate(taken):
        for j, end in enumerate(taken[i:], start=i):
            assert j - i + 1 <= size + rate * (end - start)


def test_threads_get_no_more_than_there_is() -> None:
    bucket, got = TokenBucket(50, 0.0, lambda: 0.0), list[bool]()
    threads = [threading.Thread(target=lambda: got.append(bucket.take())) for _ in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 50
