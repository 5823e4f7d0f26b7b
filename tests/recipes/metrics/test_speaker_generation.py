"""TacoSpawn's distances and the Vendi score against loops and closed forms."""

import numpy as np
import pytest

from vclip.recipes.metrics.speaker_generation import generation_distances, nearest, vendi


def naive_nearest(queries: np.ndarray, others: np.ndarray, same: bool) -> list[float]:
    found = []
    for i, q in enumerate(queries):
        distances = [
            1 - q @ o / np.linalg.norm(q) / np.linalg.norm(o)
            for j, o in enumerate(others)
            if not (same and i == j)
        ]
        found.append(min(distances))
    return found


def test_generation_distances_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    speakers, generated = rng.normal(size=(9, 5)) * 3 + 1, rng.normal(size=(7, 5))
    found = generation_distances(speakers, generated)
    assert found.s2s == pytest.approx(np.median(naive_nearest(speakers, speakers, True)))
    assert found.g2s == pytest.approx(np.median(naive_nearest(generated, speakers, False)))
    assert found.g2g == pytest.approx(np.median(naive_nearest(generated, generated, True)))


def test_generation_distances_of_copies_and_of_one_distribution() -> None:
    rng = np.random.default_rng(1)
    speakers = rng.normal(size=(200, 8))
    copies = generation_distances(speakers, 5 * speakers)  # scale is no distance
    assert copies.g2s == pytest.approx(0, abs=1e-12) and copies.g2g == pytest.approx(copies.s2s)
    twins = nearest(np.repeat(speakers[:3], 2, axis=0))
    assert twins == pytest.approx(np.zeros(6), abs=1e-12)
    alike = generation_distances(speakers, rng.normal(size=(200, 8)))
    assert alike.g2s == pytest.approx(alike.s2s, rel=0.15)
    assert alike.g2g == pytest.approx(alike.s2s, rel=0.15)


def naive_vendi(rows: np.ndarray) -> float:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    shares = np.linalg.eigvalsh(unit @ unit.T / len(rows))
    return float(np.exp(-sum(s * np.log(s) for s in shares if s > 1e-12)))


def test_vendi_is_the_entropy_of_the_kernels_eigenvalues() -> None:
    rng = np.random.default_rng(0)
    for n, d in ((6, 20), (20, 6)):
        rows = rng.normal(size=(n, d)) + 0.5
        assert vendi(rows) == pytest.approx(naive_vendi(rows))
        assert vendi(rows) == pytest.approx(vendi(np.tile(rows, (3, 1))))


def test_vendi_counts_different_directions() -> None:
    assert vendi(np.eye(5)) == pytest.approx(5)
    assert vendi(np.ones((5, 3))) == pytest.approx(1)
    assert vendi(np.repeat(np.eye(4), 3, axis=0)) == pytest.approx(4)
