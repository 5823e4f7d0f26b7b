"""Timing on a shared machine: medians, interleaved comparisons, and tables of results.

Pass `time.process_time` as the clock where other load must not count, and `time.thread_time` where
other threads must not, either.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Clock = Callable[[], float]


def seconds(action: Callable[[], Any], clock: Clock = time.perf_counter) -> float:
    """How long an action takes."""
    begun = clock()
    action()
    return clock() - begun


def median(action: Callable[[int], Any], times: int, clock: Clock = time.perf_counter) -> float:
    """Median seconds; the action is told how often it ran, so that seeds can differ."""
    return statistics.median(seconds(lambda i=i: action(i), clock) for i in range(times))  # type: ignore[misc]


def in_turns(actions: Mapping[str, Callable[[int], Any]], times: int) -> dict[str, float]:
    """Median seconds of several actions that take turns, so that other load hits all alike."""
    for action in actions.values():
        action(0)  # warm
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for i in range(times):
        for name, action in actions.items():
            taken[name].append(seconds(lambda a=action, i=i: a(i)))  # type: ignore[misc]
    return {name: statistics.median(values) for name, values in taken.items()}


def show(rows: Iterable[Mapping[str, Any]], as_json: bool) -> None:
    """Print rows of equal keys as they come: one JSON object a line, or a table with a head."""
    for i, row in enumerate(rows):
        head = [] if as_json or i else [line(row)]
        print(*head, json.dumps(row) if as_json else line(row.values()), sep="\n", flush=True)


def line(cells: Iterable[Any]) -> str:
    """One line of a table."""
    return "  ".join(f"{c:>12.4g}" if isinstance(c, float) else f"{c!s:>12}" for c in cells)
