"""The plane of the map: principal axes, the order of voices along them, nothing outside."""

import numpy as np

from vclip.ui.map.projection import EDGE, SIZE, MapProjection

Embs = tuple[np.ndarray, np.ndarray]


def test_projection_is_pca(embs: Embs) -> None:
    rows = np.concatenate(embs)
    projection = MapProjection.fit(*embs)
    values = np.linalg.eigvalsh(np.cov(rows.T))[::-1][:2]
    variances = ((rows - projection.mean) @ projection.axes).var(axis=0, ddof=1)
    assert np.allclose(variances, values, rtol=1e-3)
    assert np.allclose(projection.axes.T @ projection.axes, np.eye(2), atol=1e-5)


def test_projection_keeps_the_order_along_both_axes(embs: Embs) -> None:
    projection = MapProjection.fit(*embs)
    at = (embs[0] - projection.mean) @ projection.axes
    placed = projection.place(embs[0])
    assert (np.diff(placed[np.argsort(at[:, 0]), 0]) >= 0).all()
    assert (np.diff(placed[np.argsort(at[:, 1]), 1]) <= 0).all()  # downwards
    assert (np.diff(projection.shares, axis=0) >= 0).all()
    assert np.allclose(projection.shares[[0, -1]], [[0, 0], [1, 1]])


def test_projection_does_not_depend_on_order(embs: Embs) -> None:
    rows = np.concatenate(embs)
    one = MapProjection.fit(*embs)
    other = MapProjection.fit(embs[0][::-1], embs[1][::-1])
    assert np.allclose(one.place(rows), other.place(rows), atol=0.5)
    assert len(np.unique(one.place(embs[0]), axis=0)) == len(embs[0])  # none is pushed to the edge


def test_everything_is_inside_the_frame(embs: Embs) -> None:
    far = 100 * np.random.default_rng(1).normal(size=(50, embs[0].shape[1]))
    at = MapProjection.fit(*embs).place(far)
    assert (at >= EDGE).all()
    assert (at <= np.array(SIZE) - EDGE).all()
