"""Verification: are this voice and this face one person's? AUC and EER of scored trials.

Trials come as lists of pairs (scores (K,), positive (K,)) or as all pairs of a score matrix, of
which `same` and `sex_mask` say who is whose.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from vclip.arrays import Bools, Float32, Float64, Int64
from vclip.recipes.metrics.intervals import Estimate, bootstrap


def same(labels: npt.ArrayLike) -> Bools:
    """labels (N,) -> (N, N): where two rows carry the same label."""
    values = np.asarray(labels)
    return np.asarray(values[:, None] == values[None, :])


def sex_mask(sex: npt.ArrayLike) -> Bools:
    """sex (N,), '' where unknown -> (N, N): pairs whose sexes are known and equal."""
    known = np.asarray(sex) != ""
    return np.asarray(same(sex) & known[:, None] & known[None, :])


def trial_cosines(one: Float32, other: Float32, left: Int64, right: Int64) -> Float64:
    """Cosines (K,) of row left[i] of one (N, D) with row right[i] of other (M, D), unit norm."""
    parts = [
        np.einsum("kd,kd->k", one[left[i : i + 4096]], other[right[i : i + 4096]])
        for i in range(0, len(left), 4096)
    ]
    return np.concatenate([*parts, np.zeros(0)]).astype(np.float64)


def auc(scores: Float64, positive: Bools, weight: Float64 | None = None) -> float:
    """Area under the ROC of trials (K,), ties counted half; nan without both kinds."""
    return auc_and_eer(scores, positive, weight)[0]


def auc_and_eer(
    scores: Float64, positive: Bools, weight: Float64 | None = None
) -> tuple[float, float]:
    """AUC and equal error rate of trials (K,), both in [0, 1]; nan without both kinds.

    The EER is where false alarms equal misses, linear between thresholds.
    """
    weights = np.ones(len(scores)) if weight is None else weight
    if not (weights @ positive > 0 and weights @ ~positive > 0):
        return np.nan, np.nan
    false, hits, _ = metrics.roc_curve(
        positive, scores, sample_weight=weights, drop_intermediate=False
    )
    eer = np.interp(0.0, false - (1 - hits), false)  # from -1 to 1, rising at every threshold
    return float(metrics.auc(false, hits)), float(eer)


def verify(
    scores: Float64,
    positive: Bools,
    persons: npt.NDArray[Any],
    n_draws: int,
    rng: np.random.Generator,
) -> tuple[Estimate, Estimate]:
    """AUC and EER of trials with scores (K,), positive (K,), persons (K, 2) of the two sides.

    A trial of one person with himself counts as often as he was drawn, one of two people as often
    as both were. Where nobody knows the persons, a label of its own for every trial draws trials.
    """
    order = np.argsort(-scores, kind="stable")  # what is sorted already is sorted fast in each draw
    scores, positive, persons = scores[order], positive[order], persons[order]
    genuine = persons[:, 0] == persons[:, 1]

    def statistics(counts: Float64) -> tuple[float, float]:
        one, other = counts.T
        return auc_and_eer(scores, positive, np.where(genuine, one, one * other))

    auc_estimate, eer_estimate = bootstrap(statistics, persons, n_draws, rng)
    return auc_estimate, eer_estimate
