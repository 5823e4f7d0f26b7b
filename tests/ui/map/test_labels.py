"""Numbers of the map: none hides another or the star, no two lines cross, whatever the voices."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vclip.ui.map import labels

SIZE = (640, 520)
FRAME = np.array(SIZE)


def cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Whether the lines ab and cd have a point within both: each parts the other's ends."""

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float(np.cross(np.append(q - p, 0), np.append(r - p, 0))[2])

    eps = 1e-6
    return side(a, b, c) * side(a, b, d) < -eps and side(c, d, a) * side(c, d, b) < -eps


def check(points: np.ndarray, placed: np.ndarray, star: np.ndarray | None) -> None:
    assert placed.shape == points.shape
    gaps = np.linalg.norm(placed[:, None] - placed[None], axis=2) + 1e9 * np.eye(len(placed))
    assert gaps.min(initial=1e9) >= labels.SPACING - 1e-6 > 2 * 1.36 * labels.RADIUS
    if star is not None:
        assert np.linalg.norm(placed - star, axis=1).min() >= labels.STAR_ROOM - 1e-6
    assert (placed >= labels.MARGIN - 1e-6).all()
    assert (placed <= FRAME - labels.MARGIN + 1e-6).all()
    lines = list(zip(points, placed, strict=True))
    assert not any(cross(*one, *other) for one, other in itertools.combinations(lines, 2))


coordinate = st.floats(36, 484)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=20), st.booleans())
def test_nothing_collides(places: list[tuple[float, float]], face: bool) -> None:
    points = np.array(places)
    dots = np.random.default_rng(len(places)).uniform(36, 484, (242, 2))
    star = points[0] + 3 if face else None
    check(points, labels.place(points, dots, star, SIZE), star)


@pytest.mark.slow
@pytest.mark.parametrize("k", range(1, 21))
@pytest.mark.parametrize("spread", [0.0, 8.0, 60.0])
def test_crowds_and_corners(k: int, spread: float) -> None:
    rng = np.random.default_rng(k)
    for centre in ([320, 260], [36, 36], [604, 484]):
        points = np.clip(centre + spread * rng.normal(size=(k, 2)), 36, FRAME - 36)
        star = np.array(centre, float)
        check(points, labels.place(points, points, star, SIZE), star)


def test_no_points() -> None:
    assert labels.place(np.empty((0, 2)), np.zeros((5, 2)), None, SIZE).shape == (0, 2)


def test_a_lonely_mark_stays_by_its_voice() -> None:
    points = np.array([[100.0, 100.0], [400.0, 300.0]])
    placed = labels.place(points, points, None, SIZE)
    away = np.linalg.norm(placed - points, axis=1)
    assert (away <= labels.REACH + 1e-6).all() and (away > labels.RADIUS + 4).all()


def test_marks_leave_dots_uncovered_where_there_is_room() -> None:
    dots = np.stack(np.meshgrid(np.arange(40, 600, 60.0), np.arange(40, 480, 60.0)), -1)
    dots = dots.reshape(-1, 2)
    placed = labels.place(dots[:10], dots, None, SIZE)
    assert np.linalg.norm(placed[:, None] - dots[None], axis=2).min() >= labels.RADIUS


def test_ten_lines_run_under_no_other_mark() -> None:
    rng = np.random.default_rng(0)
    dots = rng.uniform(36, 484, (242, 2))
    for _ in range(20):
        points = rng.uniform(100, 400, 2) + 40 * rng.normal(size=(10, 2))
        placed = labels.place(points, dots, points.mean(0), SIZE)
        for (a, b), i in zip(zip(points, placed, strict=True), range(10), strict=True):
            others = np.delete(placed, i, axis=0)
            along = np.linspace(0, 1, 200)[:, None]
            line = a + along * (b - a)
            assert np.linalg.norm(others[:, None] - line[None], axis=2).min() >= labels.RADIUS - 1
