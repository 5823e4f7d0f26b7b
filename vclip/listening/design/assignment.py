"""Assignment of cells to a rater: the least filled first, so that all fill evenly.

Nobody gets a cell twice, so as long as every rater gets some, no two cells differ by more than one;
where raters drop out, those who follow fill the gaps first.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from vclip.listening.design.trials import Cell

T = TypeVar("T")


def assign_cells(
    cells: Sequence[Cell],
    counts: Mapping[Cell, int],
    n: int,
    quota: int | None,
    rng: np.random.Generator,
) -> list[Cell]:
    """Up to n cells below the quota. Of equally filled ones, conditions and items take turns."""
    levels: dict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        levels[counts.get(cell, 0)].append(cell)
    chosen: list[Cell] = []
    for filled in sorted(levels):
        if quota is None or filled < quota:
            chosen += _in_turn(levels[filled], chosen, n - len(chosen), rng)
    return chosen


def _in_turn(level: list[Cell], chosen: list[Cell], n: int, rng: np.random.Generator) -> list[Cell]:
    """Up to n of a level: always of the label, then of the item, that the rater has least of."""
    had = Counter(balance_key(cell) for cell in chosen)
    items = Counter(cell.item for cell in chosen)
    groups, found = grouped(level, rng), list[Cell]()
    while groups and len(found) < n:
        name = min(groups, key=lambda name: had[name])
        cell = min(groups[name], key=lambda cell: items[cell.item])
        groups[name].remove(cell)
        if not groups[name]:
            del groups[name]
        found.append(cell)
        had[name] += 1
        items[cell.item] += 1
    return found


def balance_key(cell: Cell) -> tuple[str, ...]:
    """Key by which cells are balanced: the question and its conditions."""
    return (cell.question, *cell.conditions)


def grouped(cells: Sequence[Cell], rng: np.random.Generator) -> dict[tuple[str, ...], list[Cell]]:
    """The cells of each label in a random order; labels as they come in it."""
    groups: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
    for cell in shuffled(cells, rng):
        groups[balance_key(cell)].append(cell)
    return groups


def shuffled(values: Sequence[T], rng: np.random.Generator) -> list[T]:
    """The values in a random order."""
    return [values[i] for i in rng.permutation(len(values))]
