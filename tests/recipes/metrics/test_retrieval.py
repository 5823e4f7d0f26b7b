"""Average precision of galleries against scikit-learn, and its chance against random orders."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from vclip.recipes.metrics import retrieval


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_scikit_learns_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = np.round(rng.normal(size=90), 1), rng.random(90) < 0.2
    found = retrieval.average_precision(scores, np.flatnonzero(positive))
    assert found == pytest.approx(average_precision_score(positive, scores))


def test_retrieval_of_many_blocks_is_scikit_learn_probe_by_probe() -> None:
    rng = np.random.default_rng(0)
    n = 2 * retrieval.BLOCK + 7
    probes, gallery = unit(rng.normal(size=(n, 6))), unit(rng.normal(size=(300, 6)))
    who, whose = rng.integers(12, size=n), rng.integers(11, size=300)  # person 11 has no items
    found = retrieval.average_precisions(probes, gallery, who, whose)
    scores = probes @ gallery.T
    for i in range(0, n, 13):
        if who[i] == 11:
            assert np.isnan(found[i])
        else:
            naive = average_precision_score(whose == who[i], scores[i])
            assert found[i] == pytest.approx(naive, abs=1e-6)
    mean = retrieval.mean_average_precision(found, who, 100, rng)
    assert mean.value == pytest.approx(np.nanmean(found)) and mean.low < mean.value < mean.high


def test_a_perfect_gallery_has_precision_one() -> None:
    probes = unit(np.eye(5))
    everyone = np.repeat(np.arange(5), 3)
    found = retrieval.average_precisions(probes, probes[everyone], np.arange(5), everyone)
    np.testing.assert_allclose(found, 1)


@pytest.mark.parametrize(("n", "right"), [(30, 1), (30, 5), (10, 10)])
def test_chance_precision_is_the_mean_over_random_orders(n: int, right: int) -> None:
    rng = np.random.default_rng(0)
    drawn = [retrieval.average_precision(rng.random(n), np.arange(right)) for _ in range(20_000)]
    assert retrieval.chance_precision(n, right) == pytest.approx(np.mean(drawn), abs=0.006)
