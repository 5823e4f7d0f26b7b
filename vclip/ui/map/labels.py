"""Label placement on the map: marks near their voices, apart from each other, leaders uncrossed."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from vclip.arrays import Bools, Floating

RADIUS = 12.0  # of a mark
SPACING = 36.0  # between centres of marks, which are larger on a phone
STAR_ROOM = 38.0  # from the star's centre to a mark's
MARGIN = 20.0  # from the frame
REACH = 22.0  # a line is at least this long, so that it is seen
COVERED = 20.0  # how much longer a line may be to leave one more dot uncovered
TRIES = 24


def place(
    points: Floating, dots: Floating, star: Floating | None, size: tuple[int, int]
) -> Floating:
    """Centres (K, 2) of the marks of these points (K, 2) in a frame, beside the dots (N, 2).

    Marks take the places of a honeycomb, assigned so that all lines together are shortest: then
    no two cross, or exchanging their ends would make them shorter. What places cost beside that
    does not change this, as the exchange keeps the places.
    """
    slots = _slots(size, star)
    cost = COVERED * _covered(slots, dots, RADIUS + 3) + 1e4 * _covered(slots, points, RADIUS + 5)
    distances, best, fewest = cdist(points, slots), slots[:0], len(points) + 1
    for _ in range(TRIES):
        _, taken = linear_sum_assignment(distances + cost)
        hidden = _hidden(points, slots[taken])
        if hidden.sum() < fewest:
            best, fewest = slots[taken], int(hidden.sum())
        if not fewest:
            break
        cost[taken[hidden]] += RADIUS  # a line that runs under a mark had better end elsewhere
    return _pull(points, best, dots, star)


def _slots(size: tuple[int, int], star: Floating | None) -> Floating:
    """A honeycomb of places (M, 2), none on the star; the innermost first."""
    step = SPACING * np.sqrt(3) / 2
    rows = np.arange(MARGIN, size[1] - MARGIN + 1e-9, step)
    columns = np.arange(MARGIN, size[0] - MARGIN - SPACING / 2 + 1e-9, SPACING)
    x = columns + SPACING / 2 * (np.arange(len(rows)) % 2)[:, None]
    slots = np.stack([x, np.broadcast_to(rows[:, None], x.shape)], axis=-1).reshape(-1, 2)
    return slots if star is None else slots[cdist(slots, star[None])[:, 0] >= STAR_ROOM]


def _pull(points: Floating, placed: Floating, dots: Floating, star: Floating | None) -> Floating:
    """Slide each mark along its line towards its point while nothing is in the way.

    A part of a line crosses nothing that the whole line does not.
    """
    placed = placed.copy()
    fixed = np.empty((0, 2)) if star is None else star[None]
    for i in np.argsort(np.linalg.norm(placed - points, axis=1)):
        length = np.linalg.norm(placed[i] - points[i])
        others = np.arange(len(points)) != i
        share = np.append(np.arange(REACH, length, 2.0), length) / max(length, 1e-9)
        path = points[i] + share[:, None] * (placed[i] - points[i])  # (S, 2), nearest first
        free = (cdist(path, placed[others]) >= SPACING).all(1)
        free &= (cdist(path, fixed) >= STAR_ROOM).all(1)
        free &= _covered(path, points[others], RADIUS + 5) == 0
        free &= _covered(path, dots, RADIUS + 3) <= _covered(placed[[i]], dots, RADIUS + 3)
        for a, b in zip(points[others], placed[others], strict=True):
            free &= _from_line(path, a, b) >= RADIUS + 2
        if free.any():
            placed[i] = path[free.argmax()]
    return placed


def _hidden(points: Floating, placed: Floating) -> Bools:
    """Which marks' lines run under another mark, (K,)."""
    lines = zip(points, placed, strict=True)
    under = [(_from_line(placed, a, b) < RADIUS).sum() > 1 for a, b in lines]  # its own is one
    return np.array(under, bool)


def _covered(places: Floating, dots: Floating, radius: float) -> Floating:
    """How many dots are nearer than `radius` to each place, (M,)."""
    return np.asarray((cdist(places, dots) < radius).sum(1), float)


def _from_line(places: Floating, a: Floating, b: Floating) -> Floating:
    """Distances (M,) of places (M, 2) from the line between a and b, its ends included."""
    along = b - a
    share = np.clip((places - a) @ along / max(float(along @ along), 1e-9), 0, 1)
    return np.asarray(np.linalg.norm(places - (a + share[:, None] * along), axis=1))
