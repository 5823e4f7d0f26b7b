"""Mean scores of conditions (ACR 1–5, multi 0–100): comparisons, Holm's correction, power."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite, nan

import numpy as np
import pandas as pd
from scipy import stats

from vclip.arrays import Float64
from vclip.listening.analysis.bootstrap import Interval, TwoWayBootstrap

ALPHA, POWER = 0.05, 0.8


@dataclass(frozen=True)
class ConditionMean:
    """Mean score of one condition of a question, with its spread and histogram."""

    condition: str
    n: int
    mean: Interval
    sd: float
    histogram: dict[str, int]


@dataclass(frozen=True)
class PairComparison:
    """Two conditions: one − other. p is two-sided, p_holm is corrected for the question's pairs.

    detectable: the smallest difference that a study like this finds with about 80 % power at 5 %.
    """

    one: str
    other: str
    difference: Interval
    p: float
    p_holm: float
    detectable: float

    @property
    def significant(self) -> bool:
        """Whether p_holm is below 5 %; False where there is no p."""
        return self.p_holm < ALPHA


def means(
    rows: pd.DataFrame, names: Sequence[str], two_way: TwoWayBootstrap
) -> list[ConditionMean]:
    """Each condition's mean; rows (N) have condition and value, two_way is of the same rows."""
    values, of = rows["value"].to_numpy(float), rows["condition"].to_numpy()
    multi, found = bool((rows["type"] == "multi").any()), []
    for name in names:
        mine = values[of == name]
        sd = float(mine.std(ddof=1)) if len(mine) > 1 else nan
        mean = two_way.mean(values, of == name).within(*((0, 100) if multi else (1, 5)))
        found.append(ConditionMean(name, len(mine), mean, sd, histogram(mine, multi)))
    return found


def comparisons(
    rows: pd.DataFrame, names: Sequence[str], two_way: TwoWayBootstrap
) -> list[PairComparison]:
    """All pairs of conditions, in the order of names."""
    values, of = rows["value"].to_numpy(float), rows["condition"].to_numpy()
    return compared(names, lambda a, b: two_way.difference(values, of == a, of == b))


def compared(
    names: Sequence[str], difference: Callable[[str, str], Interval]
) -> list[PairComparison]:
    """All pairs of conditions as one family of tests, with Holm's correction."""
    pairs = list(combinations(names, 2))
    found = [difference(one, other) for one, other in pairs]
    corrected = holm([one.p for one in found])
    return [
        PairComparison(*pair, one, one.p, p_holm, detectable(one.se, one.df))
        for pair, one, p_holm in zip(pairs, found, corrected, strict=True)
    ]


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction; nan stays nan and is not counted.

    statsmodels has it, too, but collects garbage at every call: 90 ms.
    """
    values = np.asarray(p, float)
    rising = np.argsort(values)[: int(np.isfinite(values).sum())]  # nan comes last
    steps = values[rising] * np.arange(len(rising), 0, -1)
    found = np.full(len(values), nan)
    found[rising] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in found]


def detectable(se: float, df: float) -> float:
    """Smallest true difference with about 80 % power at 5 % two-sided: (t₀.₉₇₅ + t₀.₈) · SE.

    Where raters and items are few it is nearer to 75 % (simulated, 16 raters × 12 items): the
    standard error is itself an estimate.
    """
    if not (isfinite(se) and se > 0):
        return nan
    return float((stats.t.ppf(1 - ALPHA / 2, df) + stats.t.ppf(POWER, df)) * se)


def histogram(values: Float64, multi: bool) -> dict[str, int]:
    """How often each value was given; multi by tens, the last from 90 to 100."""
    if not multi:
        return {str(k): int((values == k).sum()) for k in range(1, 6)}
    names = [*(f"{k}–{k + 9}" for k in range(0, 90, 10)), "90–100"]
    counts, _ = np.histogram(values, np.arange(0, 101, 10))
    return dict(zip(names, counts.tolist(), strict=True))
