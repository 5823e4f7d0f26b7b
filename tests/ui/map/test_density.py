"""Density of the generated voices: contours hold the shares they are named after."""

import numpy as np
import pytest

from vclip.ui.map import density

SIZE = (640, 520)


@pytest.mark.parametrize("n", [1000, 5000])
def test_contours_hold_their_shares(n: int) -> None:
    rng = np.random.default_rng(n)
    at = np.concatenate([rng.normal([200, 250], 40, (n // 2, 2)), rng.normal(400, 25, (n // 2, 2))])
    found = density.estimate(at, SIZE)
    assert found.z.shape == (len(found.y), len(found.x)) == (104, 128)
    assert (np.diff(found.levels) > 0).all()
    cells = (at / density.CELL).astype(int)
    heights = found.z[cells[:, 1].clip(0, 103), cells[:, 0].clip(0, 127)]
    held = (heights[:, None] >= found.levels).mean(0)
    assert np.allclose(held, density.SHARES, atol=0.01)


def test_the_peak_is_where_voices_are() -> None:
    found = density.estimate(np.full((1000, 2), [123.0, 400.0]), SIZE)
    row, column = np.unravel_index(found.z.argmax(), found.z.shape)
    assert abs(found.x[column] - 123) <= density.CELL and abs(found.y[row] - 400) <= density.CELL
    assert found.z.sum() == pytest.approx(1000, rel=1e-3)


def test_voices_in_a_corner() -> None:
    found = density.estimate(np.full((5, 2), 0.0), SIZE)
    assert np.isfinite(found.levels).all() and (found.levels < found.z.max()).all()
    assert (density.estimate(np.array([[640.0, 520.0]]), SIZE).z.max()) > 0
