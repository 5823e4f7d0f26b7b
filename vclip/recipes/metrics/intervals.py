"""Estimates with 95 % intervals: percentile bootstraps over persons, Wilson's for shares.

Several media of one person are not independent, so persons are drawn, not media: those of a person
who is drawn twice count twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from vclip.arrays import Float64

Statistics = Callable[[Float64], Sequence[float]]  # of how often each entry counts


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; nan where the data do not determine it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def proportion(hits: int, n: int) -> Estimate:
    """hits of n independent decisions with Wilson's interval, which holds at 0 and n too."""
    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"{hits} hits of {n} decisions")
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return Estimate(hits / n, float(interval.low), float(interval.high))


def person_draws(persons: npt.ArrayLike, rng: np.random.Generator) -> Iterator[Float64]:
    """Bootstrap draws: how often each entry's person was drawn, in the shape of persons."""
    names, person_of = np.unique(np.asarray(persons), return_inverse=True)
    while True:
        drawn = rng.integers(len(names), size=len(names))
        yield np.bincount(drawn, minlength=len(names)).astype(np.float64)[person_of]


def bootstrap(
    statistics: Statistics, persons: npt.ArrayLike, n_draws: int, rng: np.random.Generator
) -> list[Estimate]:
    """Each of statistics(counts), where counts has the shape of persons: any labels of theirs."""
    values = statistics(np.ones(np.shape(persons)))
    n = n_draws if np.size(persons) else 0  # of nobody, nobody can be drawn
    draws = [statistics(counts) for counts in islice(person_draws(persons, rng), n)]
    table = np.array(draws).reshape(n, len(values))
    return [percentiles(value, column) for value, column in zip(values, table.T, strict=True)]


def bootstrap_means(
    values: Float64, persons: npt.ArrayLike, n_draws: int, rng: np.random.Generator
) -> list[Estimate]:
    """Means of the columns of values (N, columns), each over the rows where it is not nan."""
    sums, known = np.nan_to_num(values), ~np.isnan(values)

    def means(counts: Float64) -> list[float]:
        parts = zip(counts @ sums, counts @ known, strict=True)
        return [float(total / n) if n else np.nan for total, n in parts]

    return bootstrap(means, persons, n_draws, rng)


def percentiles(value: float, draws: npt.ArrayLike) -> Estimate:
    """A value with the 2.5th and 97.5th percentile of its bootstrap draws (B,), nan left out."""
    known = np.asarray(draws, dtype=np.float64)
    known = known[~np.isnan(known)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return Estimate(float(value), float(low), float(high))
