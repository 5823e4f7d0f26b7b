"""Forced choice with a right answer (ABX, k-AFC: whose voice is it): accuracy against chance."""

from dataclasses import dataclass

import pandas as pd
from scipy import stats

from vclip.listening.analysis.bootstrap import Interval, TwoWayBootstrap


@dataclass(frozen=True)
class Accuracy:
    """Share of right answers of a group of judgements: all of a question, or those of one pair.

    p is of the exact binomial test against chance, two-sided, and low and high are Wilson's
    interval; both take judgements as independent. two_way does not; it has no ends where all were
    right, or all wrong.
    """

    name: str
    right: int
    n: int
    chance: float
    share: float
    low: float
    high: float
    p: float
    two_way: Interval


def accuracies(rows: pd.DataFrame, two_way: TwoWayBootstrap) -> list[Accuracy]:
    """Accuracy over rows (N), abx also by pair; rows have correct, chance, conditions."""
    everything = accuracy("all", rows, pd.Series(True, rows.index), two_way)
    pairs = rows["conditions"].map(lambda shown: " ".join(sorted(set(str(shown).split()))))
    names = sorted(pairs[rows["type"] == "abx"].unique())
    more = [accuracy(name, rows, pairs == name, two_way) for name in names]
    return [everything, *(more if len(names) > 1 else [])]


def accuracy(
    name: str, rows: pd.DataFrame, chosen: "pd.Series[bool]", two_way: TwoWayBootstrap
) -> Accuracy:
    """Accuracy of the chosen rows."""
    correct = rows["correct"].astype(float).to_numpy()
    mask = chosen.to_numpy()
    right, n = int(correct[mask].sum()), int(mask.sum())
    chance = float(rows.loc[chosen, "chance"].mean())
    test = stats.binomtest(right, n, chance)
    wilson = test.proportion_ci(method="wilson")
    share = right / n
    mean = two_way.mean(correct, mask).within(0, 1) if 0 < right < n else Interval(share)
    return Accuracy(name, right, n, chance, share, wilson.low, wilson.high, test.pvalue, mean)
