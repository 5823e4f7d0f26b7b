"""Matching: which of N candidates is the probe's person? Accuracies of 1:2 and 1:N trials."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vclip.arrays import Bools, Float64, Int64
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


@dataclass(frozen=True)
class PairwiseMatching:
    """Every 1:2 trial of a score matrix (N, M), none sampled: P positives, each with its rivals."""

    probe: Int64  # (P,) row of the positive
    rivals: Bools  # (P, M) the negatives of that row
    wins: Float64  # (P, M) 1 where the positive scores above the rival, 1/2 where equal

    @classmethod
    def of(cls, scores: Float64, positive: Bools) -> "PairwiseMatching":
        """All trials with the rows of scores as probes."""
        probe, match = np.nonzero(positive)
        mine, theirs, rivals = scores[probe, match][:, None], scores[probe], ~positive[probe]
        return cls(probe, rivals, rivals * ((mine > theirs) + 0.5 * (mine == theirs)))

    def accuracy(self, counts: Float64) -> float:
        """Chance that a positive beats a rival drawn from its row, mean over all positives.

        Row i stands counts[i] times among probes and rivals; M = N.
        """
        rivals = self.rivals @ counts
        mass = counts[self.probe] * (rivals > 0)
        wins = self.wins @ counts / np.maximum(rivals, 1e-12)
        return float(mass @ wins / mass.sum()) if mass.sum() > 0 else np.nan
