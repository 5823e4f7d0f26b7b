"""Metrics against scikit-learn and against loops that spell out their definitions."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score, roc_curve

from vclip.recipes.metrics import verification


def toy(seed: int = 0, n: int = 14) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, persons with several rows, sexes with gaps."""
    rng = np.random.default_rng(seed)
    person = rng.integers(n // 2, size=n)
    sex = np.array(["F", "M", ""])[person % 3]
    scores = np.round(rng.normal(size=(n, n)) + verification.same(person), 1)
    return scores, person, sex


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = np.round(rng.normal(size=80), 1), rng.random(80) < 0.3
    weight = rng.integers(0, 4, size=80).astype(float)
    assert verification.auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    expected = roc_auc_score(positive, scores, sample_weight=weight)
    assert verification.auc(scores, positive, weight) == pytest.approx(expected)


def test_auc_counts_wins_and_half_ties() -> None:
    scores, positive = np.array([3.0, 2, 2, 1]), np.array([True, True, False, False])
    wins = [float(p > n) + (p == n) / 2 for p in scores[positive] for n in scores[~positive]]
    assert verification.auc(scores, positive) == pytest.approx(np.mean(wins))


@pytest.mark.parametrize("seed", range(5))
def test_eer_lies_on_the_curve_where_both_errors_are_equal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = rng.normal(size=200), rng.random(200) < 0.4
    false, hits, _ = roc_curve(positive, scores + positive, drop_intermediate=False)
    grid = np.linspace(0, 1, 200_001)
    naive = grid[np.argmin(np.abs(grid - (1 - np.interp(grid, false, hits))))]
    assert verification.eer(scores + positive, positive) == pytest.approx(naive, abs=0.01)


def test_perfect_reversed_and_constant_scores() -> None:
    positive = np.array([True, True, False, False, False])
    assert (
        verification.auc(positive * 1.0, positive) == 1
        and verification.eer(positive * 1.0, positive) == 0
    )
    assert verification.auc(-1.0 * positive, positive) == 0
    assert verification.eer(-1.0 * positive, positive) == 1
    assert (
        verification.auc(np.zeros(5), positive) == 0.5
        and verification.eer(np.zeros(5), positive) == 0.5
    )


def test_one_kind_only_is_undetermined() -> None:
    for positive in (np.ones(3, bool), np.zeros(3, bool)):
        assert np.isnan(verification.auc(np.arange(3.0), positive))
        assert np.isnan(verification.eer(np.arange(3.0), positive))


def naive_matching(scores: np.ndarray, positive: np.ndarray) -> float:
    trials = []
    for i in range(len(scores)):
        for j in np.flatnonzero(positive[i]):
            rivals = np.flatnonzero(~positive[i])
            won = [float(scores[i, j] > scores[i, k]) for k in rivals]
            tied = [float(scores[i, j] == scores[i, k]) / 2 for k in rivals]
            trials.append(np.mean(np.add(won, tied)))
    return float(np.mean(trials))


@pytest.mark.parametrize("seed", range(4))
def test_matching_is_the_mean_over_every_possible_trial(seed: int) -> None:
    scores, person, _ = toy(seed)
    positive = verification.same(person)
    assert verification.matching(scores, positive) == pytest.approx(
        naive_matching(scores, positive)
    )


@pytest.mark.parametrize("seed", range(4))
def test_report_equals_the_spelled_out_definitions(seed: int) -> None:
    scores, person, sex = toy(seed)
    report = verification.verify(scores, person, sex, n_draws=5)
    positive, known = verification.same(person), np.outer(sex != "", sex != "")
    inside = known & (sex[:, None] == sex[None, :])
    assert report.auc.value == pytest.approx(roc_auc_score(positive.ravel(), scores.ravel()))
    expected = roc_auc_score(positive[inside], scores[inside])
    assert report.auc_within_sex.value == pytest.approx(expected)
    assert report.match_face_to_voice.value == pytest.approx(naive_matching(scores, positive))
    assert report.match_voice_to_face.value == pytest.approx(naive_matching(scores.T, positive))


def test_figures_do_not_depend_on_the_order_of_rows() -> None:
    scores, person, sex = toy(3)
    shuffled = np.random.default_rng(0).permutation(len(scores))
    one = verification.verify(scores, person, sex, n_draws=1)
    other = verification.verify(
        scores[np.ix_(shuffled, shuffled)], person[shuffled], sex[shuffled], n_draws=1
    )
    for name, estimate in one.as_dict().items():
        assert estimate["value"] == pytest.approx(other.as_dict()[name]["value"])


def test_a_drawn_person_weighs_like_copies_that_are_strangers_to_nobody() -> None:
    """Counts give the figures of a matrix in which the copies really stand, side by side."""
    scores, person, sex = toy(1, n=8)
    counts = verification.person_counts(person, np.random.default_rng(4))
    rows = np.repeat(np.arange(8), counts.astype(int))
    copy = np.concatenate([np.arange(c) for c in counts.astype(int)])
    big = scores[np.ix_(rows, rows)]
    person_big = person[rows]
    hit = verification.same(person_big) & verification.same(copy)
    kept = hit | ~verification.same(person_big)  # copies of one person are not compared
    figures = verification._figures(scores, verification.same(person), verification.sex_mask(sex))(
        counts
    )
    assert figures[0] == pytest.approx(roc_auc_score(hit[kept], big[kept]))


def test_bootstrap_covers_and_repeats_itself() -> None:
    scores, person, sex = toy(2, n=40)
    first = verification.verify(scores, person, sex, 200, np.random.default_rng(1))
    again = verification.verify(scores, person, sex, 200, np.random.default_rng(1))
    assert first == again
    assert first.auc.low <= first.auc.value <= first.auc.high
    assert first.auc.high - first.auc.low < 0.5


def test_more_persons_narrow_the_interval() -> None:
    widths = []
    for n in (12, 120):
        rng = np.random.default_rng(0)
        scores = rng.normal(size=(n, n)) + np.eye(n)
        auc = verification.verify(scores, np.arange(n), np.full(n, "F"), 200, rng).auc
        widths.append(auc.high - auc.low)
    assert widths[1] < widths[0] / 2


def test_persons_not_rows_are_drawn() -> None:
    person = np.array(["a", "a", "b", "c"])
    counts = verification.person_counts(person, np.random.default_rng(3))
    assert counts[0] == counts[1] and counts[[0, 2, 3]].sum() == 3


def test_unknown_sex_is_nobodys_sex() -> None:
    mask = verification.sex_mask(np.array(["F", "", "M", "F", ""]))
    assert mask[0, 3] and not mask[0, 2] and not mask[1].any() and not mask[4, 1]


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 3 rows"):
        verification.verify(np.zeros((2, 2)), ["a", "b", "c"], ["", "", ""])


@pytest.mark.parametrize(("hits", "n"), [(0, 40), (40, 40), (34, 40), (1, 3)])
def test_interval_of_a_share_is_scipys_wilson(hits: int, n: int) -> None:
    found = verification.proportion(hits, n)
    expected = binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_a_share_of_nothing_is_refused() -> None:
    for hits, n in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="hits of"):
            verification.proportion(hits, n)


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
    found = verification.generation_distances(speakers, generated)
    assert found.s2s == pytest.approx(np.median(naive_nearest(speakers, speakers, True)))
    assert found.g2s == pytest.approx(np.median(naive_nearest(generated, speakers, False)))
    assert found.g2g == pytest.approx(np.median(naive_nearest(generated, generated, True)))


def test_generation_distances_of_copies_and_of_one_distribution() -> None:
    rng = np.random.default_rng(1)
    speakers = rng.normal(size=(200, 8))
    copies = verification.generation_distances(speakers, 5 * speakers)  # scale is no distance
    assert copies.g2s == pytest.approx(0, abs=1e-12) and copies.g2g == pytest.approx(copies.s2s)
    twins = verification.nearest(np.repeat(speakers[:3], 2, axis=0))
    assert twins == pytest.approx(np.zeros(6), abs=1e-12)
    alike = verification.generation_distances(speakers, rng.normal(size=(200, 8)))
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
        assert verification.vendi(rows) == pytest.approx(naive_vendi(rows))
        assert verification.vendi(rows) == pytest.approx(verification.vendi(np.tile(rows, (3, 1))))


def test_vendi_counts_different_directions() -> None:
    assert verification.vendi(np.eye(5)) == pytest.approx(5)
    assert verification.vendi(np.ones((5, 3))) == pytest.approx(1)
    assert verification.vendi(np.repeat(np.eye(4), 3, axis=0)) == pytest.approx(4)
