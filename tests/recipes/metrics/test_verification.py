"""AUC and EER against scikit-learn, closed forms, and copies of trials that really stand there."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from vclip.recipes.metrics import verification
from vclip.recipes.metrics.intervals import person_draws
from vclip.recipes.metrics.verification import auc, auc_and_eer


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def trials(seed: int, n: int = 400, people: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, labels, and persons whose two codes agree where the label is positive."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    one = rng.integers(people, size=n)
    other = np.where(positive, one, (one + rng.integers(1, people, size=n)) % people)
    return np.round(rng.normal(size=n) + positive, 1), positive, np.stack([one, other], axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = np.round(rng.normal(size=80), 1), rng.random(80) < 0.3
    weight = rng.integers(0, 4, size=80).astype(float)
    assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    expected = roc_auc_score(positive, scores, sample_weight=weight)
    assert auc(scores, positive, weight) == pytest.approx(expected)


def test_auc_counts_wins_and_half_ties() -> None:
    scores, positive = np.array([3.0, 2, 2, 1]), np.array([True, True, False, False])
    wins = [float(p > n) + (p == n) / 2 for p in scores[positive] for n in scores[~positive]]
    assert auc(scores, positive) == pytest.approx(np.mean(wins))


@pytest.mark.parametrize("seed", range(5))
def test_eer_lies_on_the_curve_where_both_errors_are_equal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = rng.normal(size=200), rng.random(200) < 0.4
    false, hits, _ = roc_curve(positive, scores + positive, drop_intermediate=False)
    grid = np.linspace(0, 1, 200_001)
    naive = grid[np.argmin(np.abs(grid - (1 - np.interp(grid, false, hits))))]
    assert auc_and_eer(scores + positive, positive)[1] == pytest.approx(naive, abs=0.01)


def test_figures_of_two_gaussians_are_their_closed_forms() -> None:
    rng, n = np.random.default_rng(0), 200_000
    positive = np.arange(n) % 2 == 0
    area, error = auc_and_eer(rng.normal(size=n) + 1.5 * positive, positive)
    assert area == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=0.004)
    assert error == pytest.approx(norm.cdf(-0.75), abs=0.004)


@pytest.mark.parametrize(("sign", "expected"), [(1, (1, 0)), (-1, (0, 1)), (0, (0.5, 0.5))])
def test_perfect_reversed_and_constant_scores(sign: int, expected: tuple[float, float]) -> None:
    positive = np.array([True, True, False, False, False])
    assert auc_and_eer(sign * positive.astype(float), positive) == expected


def test_one_kind_only_is_undetermined() -> None:
    for positive in (np.ones(3, bool), np.zeros(3, bool)):
        assert np.isnan(auc_and_eer(np.arange(3.0), positive)).all()
    rng, none = np.random.default_rng(0), np.zeros(0)
    nothing = verification.verify(none, none > 0, np.zeros((0, 2), int), 3, rng)
    only = verification.verify(np.arange(3.0), np.ones(3, bool), np.zeros((3, 2), int), 3, rng)
    assert all(np.isnan(estimate.value) for estimate in (*nothing, *only))


def test_trial_cosines_are_those_of_a_loop_over_more_than_one_block() -> None:
    rng = np.random.default_rng(0)
    one, other = unit(rng.normal(size=(50, 8))), unit(rng.normal(size=(40, 8)))
    left, right = rng.integers(50, size=5000), rng.integers(40, size=5000)
    naive = [float(one[i] @ other[j]) for i, j in zip(left, right, strict=True)]
    found = verification.trial_cosines(one, other, left, right)
    np.testing.assert_allclose(found, naive, atol=1e-6)
    assert len(verification.trial_cosines(one, other, left[:0], right[:0])) == 0


@pytest.mark.parametrize("seed", range(3))
def test_listed_trials_have_the_figures_of_all_trials(seed: int) -> None:
    scores, positive, persons = trials(seed)
    found = verification.verify(scores, positive, persons, 50, np.random.default_rng(0))
    assert [x.value for x in found] == pytest.approx(auc_and_eer(scores, positive))
    assert all(x.low < x.value < x.high for x in found)


def test_a_drawn_pair_of_people_weighs_like_copies_of_its_trials() -> None:
    """One bootstrap draw equals scikit-learn on the trials, repeated as the docstring says."""
    scores, positive, persons = trials(1, n=120, people=8)
    counts = next(person_draws(np.arange(8), np.random.default_rng(5)))
    both = counts[persons[:, 0]] * counts[persons[:, 1]]
    copies = np.repeat(np.arange(120), np.where(positive, counts[persons[:, 0]], both).astype(int))
    expected = roc_auc_score(positive[copies], scores[copies])
    found, _ = verification.verify(scores, positive, persons, 1, np.random.default_rng(5))
    assert found.low == pytest.approx(expected) and found.high == pytest.approx(expected)


def test_intervals_are_wider_for_fewer_people_with_as_many_trials() -> None:
    widths = []
    for people in (10, 200):
        scores, positive, persons = trials(3, n=2000, people=people)
        fits = 3 * np.random.default_rng(0).normal(size=people)[persons[:, 0]] * positive
        rng = np.random.default_rng(1)
        found, _ = verification.verify(scores + fits, positive, persons, 200, rng)
        widths.append(found.high - found.low)
    assert widths[0] > 1.5 * widths[1]


def test_unknown_sex_is_nobodys_sex() -> None:
    mask = verification.sex_mask(np.array(["F", "", "M", "F", ""]))
    assert mask[0, 3] and not mask[0, 2] and not mask[1].any() and not mask[4, 1]
