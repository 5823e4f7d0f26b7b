"""Figures with intervals and targets, as lines of a table and as JSON.

Shares carry Wilson's 95 % interval, everything else a bootstrap over persons.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan
from typing import Any

import numpy as np

from vclip.arrays import Float64
from vclip.recipes.metrics.intervals import Estimate, bootstrap, proportion

N_DRAWS = 2000


@dataclass(frozen=True)
class Figure:
    """One line of the table; it has a target where least or most is finite."""

    part: str
    name: str
    value: float
    low: float = nan
    high: float = nan
    least: float = -inf
    most: float = inf
    note: str = ""

    @property
    def ok(self) -> bool | None:
        """Whether the target is met; None without one."""
        if not isfinite(self.least) and not isfinite(self.most):
            return None
        return self.least <= self.value <= self.most  # nan is never ok

    @property
    def target(self) -> str:
        """The target in words."""
        bounds = [f"≥ {self.least:g}"] * isfinite(self.least)
        return ", ".join(bounds + [f"≤ {self.most:g}"] * isfinite(self.most))

    def as_dict(self) -> dict[str, Any]:
        """For JSON, which knows no nan."""
        numbers = {name: getattr(self, name) for name in ("value", "low", "high")}
        known = {k: round(v, 5) if isfinite(v) else None for k, v in numbers.items()}
        return known | {"target": self.target, "ok": self.ok, "note": self.note}

    def __str__(self) -> str:
        interval = "" if isnan(self.low) else f"[{self.low:.3f}, {self.high:.3f}]"
        verdict = {True: "ok", False: "SHORT", None: ""}[self.ok]
        columns = f"{self.part} {self.name:36s}{self.value:9.3f} {interval:17s}"
        return f"{columns} {self.target:12s} {verdict:6s}{self.note}".rstrip()


def share_of(part: str, name: str, hits: Sequence[bool], what: str, least: float = -inf) -> Figure:
    """The share of hits among independent decisions."""
    found, note = proportion(int(np.sum(hits)), len(hits)), f"{np.sum(hits)} of {len(hits)} {what}"
    return Figure(part, name, found.value, found.low, found.high, least=least, note=note)


def bootstrapped(figure: Callable[[Float64], float], n: int) -> Estimate:
    """figure(counts (N,)) with an interval over n speakers drawn with replacement."""
    rng = np.random.default_rng(0)
    return bootstrap(lambda counts: [figure(counts)], np.arange(n), N_DRAWS, rng)[0]


def estimated(part: str, name: str, found: Estimate, most: float = inf, note: str = "") -> Figure:
    """A figure with the interval of an estimate."""
    return Figure(part, name, found.value, found.low, found.high, most=most, note=note)
