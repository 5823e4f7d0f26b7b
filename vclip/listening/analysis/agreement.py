"""Agreement of raters, and the reliability of their means.

Krippendorff's alpha asks whether one rater could stand for another; it is low where taste differs
and says little of means. Reliability of the mean asks whether other raters would put the stimuli
in the same order: intraclass correlations (Shrout & Fleiss 1979, Psychol. Bull. 86, 420–428) and
split halves with Spearman–Brown.
"""

from dataclasses import dataclass
from math import nan
from typing import Literal

import krippendorff
import numpy as np
import pandas as pd

from vclip.arrays import Float64

SPLITS = 200
Level = Literal["interval", "ordinal"]


@dataclass(frozen=True)
class Reliability:
    """Intraclass correlation of one judgement and of the mean of k of them.

    kind: "ICC(2,k)" where every rater judged every stimulus, else "ICC(1,k)": each stimulus was
    judged by raters of its own, and their bias counts as error.
    """

    kind: Literal["ICC(1,k)", "ICC(2,k)"]
    k: float
    single: float
    mean: float


@dataclass(frozen=True)
class Agreement:
    """Agreement on one question; units are the stimuli (item and condition)."""

    alpha: float
    reliability: Reliability
    split_half: float
    n_units: int


def agreement(rows: pd.DataFrame, rng: np.random.Generator) -> Agreement:
    """Agreement; rows: rater, item, condition, value, type (alpha: ACR ordinal, multi interval)."""
    table = matrix(rows)
    level: Level = "interval" if (rows["type"] == "multi").any() else "ordinal"
    return Agreement(alpha(table, level), icc(table), split_half(table, rng), table.shape[1])


def matrix(rows: pd.DataFrame) -> Float64:
    """Raters × stimuli, nan where a rater judged it not: (R, U)."""
    table = rows.pivot_table("value", "rater", ["item", "condition"], aggfunc="last")
    return np.asarray(table, float)


def alpha(table: Float64, level: Level = "ordinal") -> float:
    """Krippendorff's alpha of raters × units; nan where it is not defined."""
    paired = np.isfinite(table).sum(axis=0) > 1
    values = table[:, paired]
    if len(np.unique(values[np.isfinite(values)])) < 2:
        return nan
    return float(krippendorff.alpha(reliability_data=values, level_of_measurement=level))


def icc(table: Float64) -> Reliability:
    """ICC(2,·) of a full table of raters × units (R, U), ICC(1,·) of one with gaps."""
    return _two_way(table) if np.isfinite(table).all() and min(table.shape) > 1 else one_way(table)


def _two_way(table: Float64) -> Reliability:
    """Two-way random effects, absolute agreement, from the mean squares."""
    k, n = table.shape
    grand = table.mean()
    units, raters = table.mean(axis=0) - grand, table.mean(axis=1) - grand
    between = k * float(units @ units) / (n - 1)
    judges = n * float(raters @ raters) / (k - 1)
    rest = table - grand - units - raters[:, None]
    error = float(np.square(rest).sum()) / ((n - 1) * (k - 1))
    single = _ratio(between - error, between + (k - 1) * error + k * (judges - error) / n)
    mean = _ratio(between - error, between + (judges - error) / n)
    return Reliability("ICC(2,k)", float(k), single, mean)


def one_way(table: Float64) -> Reliability:
    """One-way random effects with unequal counts: k is their usual average."""
    judged = np.ma.masked_invalid(table[:, np.isfinite(table).any(axis=0)])
    counts, total, n = judged.count(axis=0), judged.count(), judged.shape[1]
    if n < 2 or total <= n:
        return Reliability("ICC(1,k)", nan, nan, nan)
    means = judged.mean(axis=0)
    between = float((counts * np.square(means - judged.mean())).sum()) / (n - 1)
    within = float(np.square(judged - means).sum()) / (total - n)
    k = float(total - np.square(counts).sum() / total) / (n - 1)
    single = _ratio(between - within, between + (k - 1) * within)
    return Reliability("ICC(1,k)", k, single, _ratio(between - within, between))


def split_half(table: Float64, rng: np.random.Generator) -> float:
    """Mean correlation of two random halves' unit means, stepped up by Spearman–Brown; or nan."""
    found, known = [], np.ma.masked_invalid(table)
    for _ in range(SPLITS if len(table) > 1 else 0):
        halves = np.array_split(rng.permutation(len(table)), 2)
        one, other = (known[half].mean(axis=0).filled(nan) for half in halves)
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() > 2 and one[both].std() > 0 and other[both].std() > 0:
            found.append(float(np.corrcoef(one[both], other[both])[0, 1]))
    return spearman_brown(float(np.mean(found))) if found else nan


def spearman_brown(r: float, times: float = 2.0) -> float:
    """Reliability of a mean of so many times as many judgements."""
    return _ratio(times * r, 1 + (times - 1) * r)


def _ratio(above: float, below: float) -> float:
    return above / below if below else nan
