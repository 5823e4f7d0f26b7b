"""Timing on a shared machine: medians, and comparisons in turns."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def seconds(action: Callable[[], Any]) -> float:
    """How long an action takes."""
    # by the clock on the wall: a visitor waits for all that the machine does
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def median(action: Callable[[int], Any], times: int) -> float:
    """Median seconds; the action is told how often it ran, so that seeds can differ."""
    return statistics.median(seconds(lambda i=i: action(i)) for i in range(times))  # type: ignore[misc]


def in_turns(actions: Mapping[str, Callable[[int], Any]], times: int) -> dict[str, float]:
    """Median seconds of several actions that take turns, so that other load hits all alike."""
    for action in actions.values():
        action(0)  # warm
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for i in range(times):
        for name, action in actions.items():
            taken[name].append(seconds(lambda a=action, i=i: a(i)))  # type: ignore[misc]
    return {name: statistics.median(values) for name, values in taken.items()}
