"""Trial lists and galleries against scikit-learn and against loops that spell the rules out."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from vclip.recipes.metrics import trials as trial_metrics
from vclip.recipes.metrics import verification


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def trials(seed: int, n: int = 400, people: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, labels, and persons whose two codes agree where the label is positive."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    one = rng.integers(people, size=n)
    other = np.where(positive, one, (one + rng.integers(1, people, size=n)) % people)
    return np.round(rng.normal(size=n) + positive, 1), positive, np.stack([one, other], axis=1)


def test_paired_cosines_are_those_of_a_loop_over_more_than_one_block() -> None:
    rng = np.random.default_rng(0)
    one, other = unit(rng.normal(size=(50, 8))), unit(rng.normal(size=(40, 8)))
    left, right = rng.integers(50, size=5000), rng.integers(40, size=5000)
    naive = [float(one[i] @ other[j]) for i, j in zip(left, right, strict=True)]
    np.testing.assert_allclose(trial_metrics.paired(one, other, left, right), naive, atol=1e-6)
    assert len(trial_metrics.paired(one, other, left[:0], right[:0])) == 0


@pytest.mark.parametrize("seed", range(3))
def test_verification_is_scikit_learns_auc_and_our_eer(seed: int) -> None:
    scores, positive, persons = trials(seed)
    rng = np.random.default_rng(0)
    auc, eer = trial_metrics.verification(scores, positive, persons, 50, rng)
    assert auc.value == pytest.approx(roc_auc_score(positive, scores))
    assert eer.value == pytest.approx(verification.eer(scores, positive))
    assert auc.low <= auc.value <= auc.high and eer.low <= eer.value <= eer.high


def test_a_drawn_pair_of_people_weighs_like_copies_of_its_trials() -> None:
    """One bootstrap draw equals scikit-learn on the trials, repeated as the docstring says."""
    scores, positive, persons = trials(1, n=120, people=8)
    counts = verification.person_counts(np.arange(8), np.random.default_rng(5))
    both = counts[persons[:, 0]] * counts[persons[:, 1]]
    copies = np.repeat(np.arange(120), np.where(positive, counts[persons[:, 0]], both).astype(int))
    expected = roc_auc_score(positive[copies], scores[copies])
    auc, _ = trial_metrics.verification(scores, positive, persons, 1, np.random.default_rng(5))
    assert auc.low == pytest.approx(expected) and auc.high == pytest.approx(expected)


def test_intervals_are_wider_for_fewer_people_with_as_many_trials() -> None:
    widths = []
    for people in (10, 200):
        scores, positive, persons = trials(3, n=2000, people=people)
        fits = 3 * np.random.default_rng(0).normal(size=people)[persons[:, 0]] * positive
        rng = np.random.default_rng(1)
        auc, _ = trial_metrics.verification(scores + fits, positive, persons, 200, rng)
        widths.append(auc.high - auc.low)
    assert widths[0] > 1.5 * widths[1]


def test_one_kind_of_trial_or_none_has_no_figure() -> None:
    rng, none = np.random.default_rng(0), np.zeros(0)
    nothing = trial_metrics.verification(none, none > 0, np.zeros((0, 2), int), 3, rng)
    same = np.zeros((3, 2), int)
    only = trial_metrics.verification(np.arange(3.0), np.ones(3, bool), same, 3, rng)
    assert all(np.isnan(estimate.value) for estimate in (*nothing, *only))


def test_the_first_candidate_wins_ties_by_lot() -> None:
    scores = np.array([[2.0, 1, 0], [1, 2, 0], [2, 2, 0], [3, 3, 3]])
    np.testing.assert_allclose(trial_metrics.first_wins(scores), [1, 0, 1 / 2, 1 / 3])


def test_matching_is_the_share_of_argmaxes_at_every_gallery_size() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(300, 5)) + np.eye(5)[0]
    persons = np.stack([rng.permutation(30)[:5] for _ in range(300)])
    found = trial_metrics.matching(scores, persons, 100, rng)
    naive = [np.mean(scores[:, :n].argmax(axis=1) == 0) for n in (2, 3, 4, 5)]
    assert [estimate.value for estimate in found] == pytest.approx(naive)
    assert all(estimate.low < estimate.value < estimate.high for estimate in found)


def test_matching_by_chance_is_one_in_n() -> None:
    rng = np.random.default_rng(1)
    persons = np.stack([rng.permutation(60)[:10] for _ in range(3000)])
    found = trial_metrics.matching(rng.normal(size=(3000, 10)), persons, 5, rng)
    for n, estimate in enumerate(found, start=2):
        assert estimate.value == pytest.approx(1 / n, abs=0.04)  # 4 standard errors: 0.036


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_scikit_learns_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = np.round(rng.normal(size=90), 1), rng.random(90) < 0.2
    found = trial_metrics.average_precision(scores, np.flatnonzero(positive))
    assert found == pytest.approx(average_precision_score(positive, scores))


def test_retrieval_of_many_blocks_is_scikit_learn_probe_by_probe() -> None:
    rng = np.random.default_rng(0)
    n = 2 * trial_metrics.BLOCK + 7
    probes, gallery = unit(rng.normal(size=(n, 6))), unit(rng.normal(size=(300, 6)))
    who, whose = rng.integers(12, size=n), rng.integers(11, size=300)  # person 11 has no items
    found = trial_metrics.average_precisions(probes, gallery, who, whose)
    scores = probes @ gallery.T
    for i in range(0, n, 13):
        if who[i] == 11:
            assert np.isnan(found[i])
        else:
            naive = average_precision_score(whose == who[i], scores[i])
            assert found[i] == pytest.approx(naive, abs=1e-6)
    mean = trial_metrics.mean_precision(found, who, 100, rng)
    assert mean.value == pytest.approx(np.nanmean(found)) and mean.low < mean.value < mean.high


def test_a_perfect_gallery_has_precision_one() -> None:
    probes = unit(np.eye(5))
    everyone = np.repeat(np.arange(5), 3)
    found = trial_metrics.average_precisions(probes, probes[everyone], np.arange(5), everyone)
    np.testing.assert_allclose(found, 1)


@pytest.mark.parametrize(("n", "right"), [(30, 1), (30, 5), (10, 10)])
def test_chance_precision_is_the_mean_over_random_orders(n: int, right: int) -> None:
    rng = np.random.default_rng(0)
    drawn = [
        trial_metrics.average_precision(rng.random(n), np.arange(right)) for _ in range(20_000)
    ]
    assert trial_metrics.chance_precision(n, right) == pytest.approx(np.mean(drawn), abs=0.006)
