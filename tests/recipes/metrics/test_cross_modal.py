"""Figures of whole score matrices against loops, and how their intervals behave."""

from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from vclip.recipes.metrics.cross_modal import evaluate, weighted_figures
from vclip.recipes.metrics.intervals import person_draws
from vclip.recipes.metrics.verification import same, sex_mask


def toy(seed: int = 0, n: int = 14) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, persons with several rows, sexes with gaps."""
    rng = np.random.default_rng(seed)
    person = rng.integers(n // 2, size=n)
    sex = np.array(["F", "M", ""])[person % 3]
    return np.round(rng.normal(size=(n, n)) + same(person), 1), person, sex


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
def test_report_equals_the_spelled_out_definitions(seed: int) -> None:
    """Matching: the mean over every possible 1:2 trial, both ways."""
    scores, person, sex = toy(seed)
    report = evaluate(scores, person, sex, n_draws=5)
    positive, known = same(person), np.outer(sex != "", sex != "")
    inside = known & (sex[:, None] == sex[None, :])
    assert report.auc.value == pytest.approx(roc_auc_score(positive.ravel(), scores.ravel()))
    expected = roc_auc_score(positive[inside], scores[inside])
    assert report.auc_within_sex.value == pytest.approx(expected)
    assert report.match_face_to_voice.value == pytest.approx(naive_matching(scores, positive))
    assert report.match_voice_to_face.value == pytest.approx(naive_matching(scores.T, positive))


def test_figures_do_not_depend_on_the_order_of_rows() -> None:
    scores, person, sex = toy(3)
    shuffled = np.random.default_rng(0).permutation(len(scores))
    one = evaluate(scores, person, sex, n_draws=1)
    other = evaluate(scores[np.ix_(shuffled, shuffled)], person[shuffled], sex[shuffled], n_draws=1)
    for name, estimate in asdict(one).items():
        assert estimate["value"] == pytest.approx(asdict(other)[name]["value"])


def test_a_drawn_person_weighs_like_copies_that_are_strangers_to_nobody() -> None:
    """Counts give the figures of a matrix in which the copies really stand, side by side."""
    scores, person, sex = toy(1, n=8)
    counts = next(person_draws(person, np.random.default_rng(4)))
    rows = np.repeat(np.arange(8), counts.astype(int))
    copy = np.concatenate([np.arange(c) for c in counts.astype(int)])
    big = scores[np.ix_(rows, rows)]
    person_big = person[rows]
    hit = same(person_big) & same(copy)
    kept = hit | ~same(person_big)  # copies of one person are not compared
    figures = weighted_figures(scores, same(person), sex_mask(sex))(counts)
    assert figures[0] == pytest.approx(roc_auc_score(hit[kept], big[kept]))


@pytest.mark.slow
def test_the_interval_covers_a_planted_auc_in_most_worlds() -> None:
    """25 people each, scores of two Gaussians 1.2 apart, whose AUC is known."""
    rng, n, worlds = np.random.default_rng(0), 25, 60
    truth, covered = norm.cdf(1.2 / np.sqrt(2)), 0
    for _ in range(worlds):
        scores = rng.normal(size=(n, n)) + 1.2 * np.eye(n)
        found = evaluate(scores, np.arange(n), np.full(n, ""), 50, rng).auc
        covered += found.low <= truth <= found.high
    # 50 draws and 25 people cover a little less; 0.028 is the standard error of 60 worlds
    assert 0.85 < covered / worlds <= 1


def test_the_same_draws_give_the_same_report() -> None:
    scores, person, sex = toy(2, n=40)
    first, again = (evaluate(scores, person, sex, 50, np.random.default_rng(1)) for _ in "12")
    assert first == again


@pytest.mark.slow
def test_more_persons_narrow_the_interval() -> None:
    widths = []
    for n in (12, 120):
        rng = np.random.default_rng(0)
        scores = rng.normal(size=(n, n)) + np.eye(n)
        auc = evaluate(scores, np.arange(n), np.full(n, "F"), 200, rng).auc
        widths.append(auc.high - auc.low)
    assert widths[1] < widths[0] / 2


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 3 rows"):
        evaluate(np.zeros((2, 2)), ["a", "b", "c"], ["", "", ""])
