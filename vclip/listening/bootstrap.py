"""Two-way bootstrap over raters and items: intervals for whoever would rate and whatever is said.

Raters and items are drawn with replacement, independently, and a judgement counts as often as both
were drawn (the pigeonhole bootstrap: Owen 2007, The pigeonhole bootstrap, Ann. Appl. Stat. 1,
386–411). Drawing is done by weights, so all draws are two matrix products.

It is known to count the noise of single judgements three times, and percentiles are too narrow
where raters or items are few. So the draws keep their shape but get the spread of the two-way
cluster variance, raters + items − judgements (Cameron, Gelbach & Miller 2011, J. Bus. Econ. Stat.
29, 238–249), times Student's t over normal quantile, its degrees of freedom by Satterthwaite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval, standard error and degrees of freedom."""

    value: float
    low: float = nan
    high: float = nan
    se: float = nan
    df: float = nan

    @property
    def p(self) -> float:
        """Two-sided p-value of "it is zero", by Student's t; nan without spread."""
        if not (isfinite(self.se) and self.se > 0):
            return nan
        return float(2 * stats.t.sf(abs(self.value) / self.se, self.df))


class TwoWay:
    """Draws of raters and items for N judgements; raters and items are any labels, (N,) each."""

    def __init__(
        self,
        raters: Sequence[object] | npt.NDArray[np.generic],
        items: Sequence[object] | npt.NDArray[np.generic],
        draws: int,
        rng: np.random.Generator,
    ) -> None:
        self.rater, self.n_raters = _codes(raters)
        self.item, self.n_items = _codes(items)
        self._rater_weights = _weights(self.n_raters, draws, rng)  # (B, R)
        self._item_weights = _weights(self.n_items, draws, rng)  # (B, I)

    def totals(self, values: npt.ArrayLike) -> Floats:
        """Σ values over the judgements of each draw, (B,); values (N,)."""
        shape = (self.n_raters, self.n_items)
        flat = self.rater * self.n_items + self.item
        table = np.bincount(flat, np.asarray(values, float), shape[0] * shape[1]).reshape(shape)
        found: Floats = ((self._rater_weights @ table) * self._item_weights).sum(axis=1)
        return found

    def means(self, values: npt.ArrayLike, chosen: npt.ArrayLike) -> Floats:
        """Mean of the chosen values in each draw, (B,); nan where none of them was drawn."""
        mask = np.asarray(chosen, float)
        numbers = np.where(mask > 0, np.asarray(values, float), 0.0)
        counts = self.totals(mask)
        found: Floats = np.where(counts > 0, self.totals(numbers), nan) / np.maximum(counts, 1)
        return found

    def variance(self, influence: npt.ArrayLike) -> tuple[float, float]:
        """Two-way cluster variance of an estimate and its degrees of freedom.

        influence: by how much each judgement moves the estimate, (N,), summing to 0.
        """
        moved = np.asarray(influence, float)
        cells = np.unique(self.rater * self.n_items + self.item, return_inverse=True)[1]
        by_rater, by_item = _spread(self.rater, moved), _spread(self.item, moved)
        by_cell = _spread(cells, moved)
        if self.n_raters < 2 or self.n_items < 2:  # nothing is known of who or what else
            return max(by_rater, by_item), max(self.n_raters, self.n_items, 2) - 1.0
        # never below the least of the three: noise may make the difference negative
        found = max(by_rater + by_item - by_cell, min(by_rater, by_item, by_cell))
        parts = by_rater**2 / (self.n_raters - 1) + by_item**2 / (self.n_items - 1)
        df = found**2 / parts if parts > 0 else 1.0
        least, most = min(self.n_raters, self.n_items) - 1, self.n_raters + self.n_items - 2
        return found, float(np.clip(df, least, most))

    def interval(self, value: float, draws: Floats, influence: npt.ArrayLike) -> Interval:
        """The 95 % interval of an estimate from its draws (B,), which may hold nan."""
        variance, df = self.variance(influence)
        se, known = sqrt(variance), draws[np.isfinite(draws)]
        if len(known) < 2:
            return Interval(value, se=se, df=df)
        low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - known.mean()
        spread = known.std(ddof=1)
        wider = stats.t.ppf((1 + LEVEL) / 2, df) / stats.norm.ppf((1 + LEVEL) / 2)
        factor = wider * se / spread if spread > 0 else 0.0
        return Interval(value, float(value + factor * low), float(value + factor * high), se, df)

    def mean(self, values: npt.ArrayLike, chosen: npt.ArrayLike) -> Interval:
        """Mean of the chosen values (N,) with its interval."""
        draws = self.means(values, chosen)
        return self.interval(average(values, chosen), draws, pull(values, chosen))

    def difference(
        self, values: npt.ArrayLike, one: npt.ArrayLike, other: npt.ArrayLike
    ) -> Interval:
        """Mean of one set of judgements less that of the other, compared within each draw."""
        draws = self.means(values, one) - self.means(values, other)
        value = average(values, one) - average(values, other)
        return self.interval(value, draws, pull(values, one) - pull(values, other))


def average(values: npt.ArrayLike, chosen: npt.ArrayLike) -> float:
    """Mean of the chosen values; nan of none."""
    found = np.asarray(values, float)[np.asarray(chosen, bool)]
    return float(found.mean()) if len(found) else nan


def pull(values: npt.ArrayLike, chosen: npt.ArrayLike) -> Floats:
    """By how much each judgement moves the mean of the chosen ones, (N,)."""
    mask = np.asarray(chosen, bool)
    numbers = np.where(mask, np.asarray(values, float), 0.0)
    moved: Floats = np.where(mask, numbers - average(values, mask), 0.0) / max(int(mask.sum()), 1)
    return moved


def _codes(labels: Sequence[object] | npt.NDArray[np.generic]) -> tuple[Ints, int]:
    """Numbers 0, 1, … for labels, and how many there are."""
    known, codes = np.unique(np.asarray(labels), return_inverse=True)
    return codes.astype(np.intp), len(known)


def _weights(n: int, draws: int, rng: np.random.Generator) -> Floats:
    """How often each of n was drawn when n were drawn with replacement, (draws, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)


def _spread(codes: Ints, moved: Floats) -> float:
    """Cluster variance: sum of squares of the clusters' pulls, corrected for their number."""
    sums = np.bincount(codes, moved)
    n = len(sums)
    return float(np.square(sums).sum() * n / (n - 1)) if n > 1 else 0.0
