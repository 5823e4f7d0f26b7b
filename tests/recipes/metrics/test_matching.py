"""Matching against loops that spell its trials out."""

import numpy as np
import pytest

from vclip.recipes.metrics import matching


def test_the_first_candidate_wins_ties_by_lot() -> None:
    scores = np.array([[2.0, 1, 0], [1, 2, 0], [2, 2, 0], [3, 3, 3]])
    np.testing.assert_allclose(matching.first_wins(scores), [1, 0, 1 / 2, 1 / 3])


def test_accuracy_is_the_share_of_argmaxes_at_every_gallery_size() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(300, 5)) + np.eye(5)[0]
    persons = np.stack([rng.permutation(30)[:5] for _ in range(300)])
    found = matching.accuracies(scores, persons, 100, rng)
    naive = [np.mean(scores[:, :n].argmax(axis=1) == 0) for n in (2, 3, 4, 5)]
    assert [estimate.value for estimate in found] == pytest.approx(naive)
    assert all(estimate.low < estimate.value < estimate.high for estimate in found)


def test_accuracy_by_chance_is_one_in_n() -> None:
    rng = np.random.default_rng(1)
    persons = np.stack([rng.permutation(60)[:10] for _ in range(3000)])
    found = matching.accuracies(rng.normal(size=(3000, 10)), persons, 5, rng)
    for n, estimate in enumerate(found, start=2):
        assert estimate.value == pytest.approx(1 / n, abs=0.04)  # 4 standard errors: 0.036
