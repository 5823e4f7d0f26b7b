"""Williams squares: orders balanced for first-order carry-over effects.

Williams (1949), Experimental designs balanced for the estimation of residual effects of treatments.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

Label = TypeVar("Label")


def square(n: int) -> list[list[int]]:
    """Rows of 0 to n - 1: n of them for an even n, 2 n for an odd one.

    Each number is in each place equally often, and right after each other one equally often.
    """
    first = [i // 2 if i % 2 == 0 else n - 1 - i // 2 for i in range(n)]  # 0, n - 1, 1, n - 2, …
    rows = [[(number + shift) % n for number in first] for shift in range(n)]
    return rows if n % 2 == 0 else rows + [row[::-1] for row in rows if n > 1]


def rounds(amounts: Mapping[Label, int], labels: Sequence[Label], start: int) -> list[Label]:
    """Each label as often as amounts says, round by round, each once a round while it lasts.

    Round r has the order of row start + r of the square of all labels.
    """
    left, rows, found = dict(amounts), square(len(labels)), list[Label]()
    for r in range(max(left.values(), default=0)):
        order = [labels[i] for i in rows[(start + r) % len(rows)]]
        found += [label for label in order if left.get(label, 0) > r]
    return found
