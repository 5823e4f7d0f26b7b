"""Two-way bootstrap over raters and items: intervals that hold for other raters and other texts.

Raters and items are drawn with replacement, independently, and a judgement counts as often as both
were drawn (the pigeonhole bootstrap: Owen 2007, The pigeonhole bootstrap, Ann. Appl. Stat. 1,
386–411). Drawing is done by weights, so all draws are two matrix products.

It is known to count the noise of single judgements three times, and percentiles are too narrow
where raters or items are few. So the draws say only how an interval lies about its estimate; it
is as wide as Student's t times the two-way cluster standard error, whose variance is raters +
items − judgements (Cameron, Gelbach & Miller 2011, J. Bus. Econ. Stat. 29, 238–249), with
Satterthwaite's degrees of freedom.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan, sqrt

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from vclip.arrays import Bools, Float64, Indices

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval, standard error and degrees of freedom."""

    value: float
    low: float = nan
    high: float = nan
    se: float = nan
    df: float = nan

    def within(self, least: float, most: float) -> "Interval":
        """The interval clipped to [least, most], as on a bounded scale."""
        low, high = (float(np.clip(end, least, most)) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    @property
    def p(self) -> float:
        """Two-sided p-value of "it is zero", by Student's t; nan without spread.

        The standard error is of the side on which zero lies, so that p is below 5 % exactly where
        the interval leaves zero out.
        """
        towards = self.value - self.low if self.value > 0 else self.high - self.value
        if not (isfinite(towards) and towards > 0):
            return nan
        wide = stats.t.ppf((1 + LEVEL) / 2, self.df)
        return float(2 * stats.t.sf(wide * abs(self.value) / towards, self.df))


class TwoWayBootstrap:
    """Draws of raters and items for N judgements; raters and items are any labels, (N,) each."""

    def __init__(
        self, raters: npt.ArrayLike, items: npt.ArrayLike, draws: int, rng: np.random.Generator
    ) -> None:
        self.rater, known_raters = pd.factorize(np.asarray(raters), sort=True)
        self.item, known_items = pd.factorize(np.asarray(items), sort=True)
        self.n_raters, self.n_items = len(known_raters), len(known_items)
        self._rater_weights = _weights(self.n_raters, draws, rng)  # (B, R)
        self._item_weights = _weights(self.n_items, draws, rng)  # (B, I)

    def totals(self, values: npt.ArrayLike) -> Float64:
        """Σ values over the judgements of each draw, (B,); values (N,)."""
        shape = (self.n_raters, self.n_items)
        flat = self.rater * self.n_items + self.item
        table = np.bincount(flat, np.asarray(values, float), shape[0] * shape[1]).reshape(shape)
        found: Float64 = ((self._rater_weights @ table) * self._item_weights).sum(axis=1)
        return found

    def means(self, values: npt.ArrayLike, chosen: npt.ArrayLike) -> Float64:
        """Mean of the chosen values in each draw, (B,); nan where none of them was drawn."""
        counts, sums = self.totals(chosen), self.totals(np.where(chosen, values, 0.0))
        found: Float64 = np.where(counts > 0, sums, nan) / np.maximum(counts, 1)
        return found

    def variance(self, influence: npt.ArrayLike, *arms: npt.ArrayLike) -> tuple[float, float]:
        """Two-way cluster variance of an estimate and its degrees of freedom; nan if unknown.

        influence: by how much each judgement moves the estimate, (N,), summing to 0 in each arm.
        arms: the judgements that the estimate is of, (N,) each, weighed alike; all, if left out.
        An arm of one rater tells nothing of raters, one of one item among many nothing of items.
        """
        moved = np.asarray(influence, float)
        masks = [np.asarray(arm, bool) for arm in arms] or [np.ones(len(moved), bool)]
        by_rater, raters = _spread(self.rater, moved, masks)
        cells = np.unique(self.rater * self.n_items + self.item, return_inverse=True)[1]
        by_cell, _ = _spread(cells, moved, masks)
        if self.n_items == 1:  # a study of one item is about that item
            return by_rater, raters
        by_item, items = _spread(self.item, moved, masks)
        if not isfinite(by_rater + by_item):
            return nan, nan
        # noise may make the difference too small, which would find what is not there: it is never
        # below one of raters or items alone, nor, of a mean, below that of independent judgements
        least = by_cell if len(arms) == 1 else max(by_rater, by_item)
        found = max(by_rater + by_item - by_cell, least)
        parts = by_rater**2 / raters + by_item**2 / items
        df = found**2 / parts if parts > 0 else 1.0
        return found, float(np.clip(df, min(raters, items), raters + items))

    def interval(
        self, value: float, draws: Float64, influence: npt.ArrayLike, *arms: npt.ArrayLike
    ) -> Interval:
        """The 95 % interval of an estimate from its draws (B,), which may hold nan."""
        variance, df = self.variance(influence, *arms)
        se, known = sqrt(variance), draws[np.isfinite(draws)]
        if len(known) < 2 or not isfinite(se):
            return Interval(value)
        low, middle, high = np.quantile(known, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
        # draws of a few discrete answers may leave no room at all on one side
        share = np.clip((middle - low) / (high - low), 0.25, 0.75) if high > low else 0.5
        wide = 2 * stats.t.ppf((1 + LEVEL) / 2, df) * se
        ends = value - share * wide, value + (1 - share) * wide
        return Interval(value, float(ends[0]), float(ends[1]), se, df)

    def mean(self, values: npt.ArrayLike, chosen: npt.ArrayLike) -> Interval:
        """Mean of the chosen values (N,) with its interval."""
        draws = self.means(values, chosen)
        return self.interval(average(values, chosen), draws, mean_influence(values, chosen), chosen)

    def difference(
        self, values: npt.ArrayLike, one: npt.ArrayLike, other: npt.ArrayLike
    ) -> Interval:
        """Mean of one set of judgements less that of the other, compared within each draw."""
        draws = self.means(values, one) - self.means(values, other)
        value = average(values, one) - average(values, other)
        moved = mean_influence(values, one) - mean_influence(values, other)
        return self.interval(value, draws, moved, one, other)


def average(values: npt.ArrayLike, chosen: npt.ArrayLike) -> float:
    """Mean of the chosen values; nan of none."""
    found = np.asarray(values, float)[np.asarray(chosen, bool)]
    return float(found.mean()) if len(found) else nan


def mean_influence(values: npt.ArrayLike, chosen: npt.ArrayLike) -> Float64:
    """Influence of each judgement on the mean of the chosen ones, (N,)."""
    moved = np.asarray(values, float) - average(values, chosen)
    found: Float64 = np.where(chosen, moved, 0.0) / max(np.count_nonzero(chosen), 1)
    return found


def _weights(n: int, draws: int, rng: np.random.Generator) -> Float64:
    """How often each of n was drawn when n were drawn with replacement, (draws, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)


def _spread(codes: Indices, moved: Float64, arms: Sequence[Bools]) -> tuple[float, float]:
    """Cluster variance and its degrees of freedom; nan if an arm is within one cluster.

    Each arm's pulls are stepped up by what centring takes away, exactly so for clusters of any size
    (Σw² of 1 − 2Σw³ / Σw² + Σw² is left, w: shares of the clusters); degrees of freedom are of the
    effective number of clusters (Carter, Schnepel & Steigerwald 2017, Rev. Econ. Stat. 99, 698).
    """
    n = int(codes.max()) + 1
    sums, weight = np.zeros(n), np.zeros(n)
    for arm in arms:
        counts = np.bincount(codes[arm], minlength=n)
        if (counts > 0).sum() < 2:
            return nan, nan
        share = counts / counts.sum()
        square = float(np.square(share).sum())
        left = 1 - 2 * float((share**3).sum()) / square + square
        sums += np.bincount(codes[arm], moved[arm], n) / sqrt(left)
        weight += np.square(share)
    df = float(weight.sum() ** 2 / np.square(weight).sum()) - 1
    return float(np.square(sums).sum()), max(df, 1.0)
