"""Matching: which of N candidates is the probe's person? Accuracies of 1:2 and 1:N trials."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vclip.arrays import Bools, Float64
from vclip.recipes.metrics.intervals import Estimate, bootstrap


def first_wins(scores: Float64) -> Float64:
    """Chance (K,) that column 0 of scores (K, N) is taken for the best; ties are broken by lot."""
    best = scores.max(axis=1, keepdims=True)
    return np.where(scores[:, 0] == best[:, 0], 1 / (scores == best).sum(axis=1), 0.0)


def accuracies(
    scores: Float64, persons: npt.ArrayLike, n_draws: int, rng: np.random.Generator
) -> list[Estimate]:
    """Accuracy among the first 2, 3, … N candidates of scores (K, N), N - 1 figures.

    Column 0 is the right one; persons (K, N) are the candidates'. In a draw a trial counts as often
    as its first person and, on average, as the others.
    """
    sizes = np.arange(2, scores.shape[1] + 1)
    hits = np.stack([first_wins(scores[:, :n]) for n in sizes], axis=1)  # (K, N - 1)

    def statistics(counts: Float64) -> list[float]:
        weight = counts[:, :1] * np.cumsum(counts[:, 1:], axis=1) / (sizes - 1)
        total = weight.sum(axis=0)
        mean = (hits * weight).sum(axis=0) / np.where(total > 0, total, np.nan)
        return [float(x) for x in mean]

    return bootstrap(statistics, persons, n_draws, rng)


def pairwise_accuracy(scores: Float64, positive: Bools) -> Callable[[Float64], float]:
    """Accuracy of all 1:2 trials of scores (N, N), none sampled, by how often each row counts (N,).

    The chance that a positive beats a rival drawn from the negatives of its row, ties counted half,
    mean over all positives. Rows are probes; row i stands counts[i] times among probes and rivals.
    """
    probe, match = np.nonzero(positive)  # (P,)
    mine, theirs, rivals = scores[probe, match][:, None], scores[probe], ~positive[probe]
    wins = rivals * ((mine > theirs) + 0.5 * (mine == theirs))  # (P, N)

    def accuracy(counts: Float64) -> float:
        total = rivals @ counts
        mass = counts[probe] * (total > 0)
        won = wins @ counts / np.maximum(total, 1e-12)
        return float(mass @ won / mass.sum()) if mass.sum() > 0 else np.nan

    return accuracy
