"""Ordinal mixed model with crossed random effects, as a check of the comparisons of means.

Cumulative logit (McCullagh 1980): P(answer ≤ k) = logistic(θ_k − β[condition] − u), where u is the
sum of normal effects of the rater, the item, the rater's taste for a condition and the stimulus
(item × condition). statsmodels has no ordinal model with crossed effects: OrderedModel has none at
all, MixedLM is not ordinal, BinomialBayesMixedGLM is binary. So it is fitted here by penalised
likelihood: the joint mode of θ, β and u by Newton's method, and each variance by MacKay's fixed
point of the Laplace evidence, σ² = Σu² / (n − tr H⁻¹/σ²), which is lme4's nAGQ = 0 with another
search. Like that it pulls effects a little to zero where raters give few answers each; p-values are
Wald's. The bootstrap stays the main result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log, nan, sqrt

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, special, stats

from vclip.arrays import Float64, Indices
from vclip.listening.analysis.scores import holm

ROUNDS, STEPS = 60, 50
TOLERANCE = 0.01  # relative change of the standard deviations
RIDGE = 1e-8  # of cuts and conditions: the curvature's inverse exists without overlap, too
LEAST = 0.03  # standard deviation that counts as none, in log-odds
MOST = 30.0  # standard error in log-odds that only answers without overlap have


@dataclass(frozen=True)
class Contrast:
    """Two conditions on the latent scale, in log-odds of a better answer: one − other.

    All nan where answers do not overlap ("separation"): the likelihood then has no maximum.
    """

    one: str
    other: str
    value: float
    se: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class OrdinalFit:
    """A fitted model: sd is of the effects by name, effects of conditions relative to the first.

    With one rater, or one item, what they do to a condition cannot be told from the condition.
    """

    thresholds: list[float]
    effects: dict[str, float]
    sd: dict[str, float]
    contrasts: list[Contrast]
    converged: bool


def fit(rows: pd.DataFrame, names: Sequence[str]) -> OrdinalFit | None:
    """Fit to ACR rows with rater, item, condition, value; None if all answers are alike."""
    levels, answers = np.unique(rows["value"].to_numpy(float), return_inverse=True)
    present = [name for name in names if (rows["condition"] == name).any()]
    if len(levels) < 2 or len(present) < 2:
        return None
    design = treatment_coding(rows["condition"].to_numpy(), present)
    model = OrdinalModel(answers, len(levels), design, groups(rows))
    sd, converged = model.search()
    cuts = len(levels) - 1
    fixed = slice(cuts, cuts + len(present) - 1)
    effects = np.pad(model.params[fixed], (1, 0))  # of the first condition 0
    covariance = np.pad(model.covariance[fixed, fixed], (1, 0))
    known = np.where(np.diag(model.covariance) < MOST**2, model.params, nan)
    return OrdinalFit(
        thresholds=[float(x) for x in known[:cuts]],
        effects=dict(zip(present, [0.0, *map(float, known[fixed])], strict=True)),
        sd=sd,
        contrasts=_contrasts(present, effects, covariance),
        converged=converged,
    )


def groups(rows: pd.DataFrame) -> dict[str, Indices]:
    """Codes (N,) of each grouping that has several members and repeats."""
    columns = {
        "rater": ["rater"],
        "item": ["item"],
        "rater × condition": ["rater", "condition"],
        "stimulus": ["item", "condition"],
    }
    codes = {name: rows.groupby(of).ngroup().to_numpy() for name, of in columns.items()}
    return {name: c for name, c in codes.items() if 1 < c.max() + 1 < len(rows)}


class OrdinalModel:
    """Penalised likelihood of N answers 0 … K − 1.

    params (P,): K − 1 cuts, effects of the design's columns, effects of each group's members.
    """

    def __init__(
        self, answers: Indices, n_levels: int, design: Float64, groups: dict[str, Indices]
    ) -> None:
        n, self._cuts = len(answers), n_levels - 1
        members = [sparse.eye_array(c.max() + 1, format="csr")[c] for c in groups.values()]
        parts = [sparse.csr_array(design), *members]
        common = -sparse.hstack(parts, format="csr")  # (N, P): subtracted from the cuts
        self._slices, start = {}, self._cuts + design.shape[1]
        for name, part in zip(groups, members, strict=True):
            self._slices[name] = slice(start, start := start + part.shape[1])
        # one-hot of the cut below each level, (K + 1, K − 1): none below the first, above the last
        cuts = sparse.csr_array(np.eye(n_levels + 1, self._cuts, k=-1))
        self._first, self._last = answers == 0, answers == self._cuts
        self._upper = sparse.hstack([cuts[answers + 1], common], format="csr")
        self._lower = sparse.hstack([cuts[answers], common], format="csr")
        shares = np.cumsum(np.bincount(answers, minlength=n_levels))[:-1] / n
        self.params: Float64 = np.concatenate([special.logit(shares), np.zeros(common.shape[1])])
        self.covariance: Float64 = np.eye(len(self.params))

    def search(self, sd: float = 0.5) -> tuple[dict[str, float], bool]:
        """Standard deviations of the groups' effects, and whether they settled."""
        logs, settled = np.full(len(self._slices), log(sd)), False
        trail = [logs]  # up to three rounds
        for _ in range(ROUNDS):
            found = self._named(logs)
            self.mode(found, 2)
            parts = self._slices.items()
            logs = np.log([self._updated(part, found[name]) for name, part in parts])
            if settled := bool((np.abs(logs - trail[-1]) <= TOLERANCE).all()):
                break
            trail = [*trail, logs]
            if len(trail) == 4:
                trail = [logs := _ahead(*trail[1:])]
        self.mode(self._named(logs))
        return self._named(logs), settled

    def _named(self, logs: Float64) -> dict[str, float]:
        return {name: float(np.exp(x)) for name, x in zip(self._slices, logs, strict=True)}

    def mode(self, sd: dict[str, float], steps: int = STEPS) -> float:
        """Newton's method with halved steps to the joint mode; returns its log-likelihood."""
        penalty = np.full(len(self.params), RIDGE)
        for name, part in self._slices.items():
            penalty[part] = 1 / sd[name] ** 2
        value, gradient, hessian = self._terms(self.params, penalty)
        for _ in range(steps):
            step = np.linalg.solve(hessian, gradient)
            if gradient @ step < 1e-8:
                break
            scale = 1.0
            while self._value(self.params + scale * step, penalty) < value and scale > 1e-6:
                scale /= 2
            self.params = self.params + scale * step
            value, gradient, hessian = self._terms(self.params, penalty)
        self.covariance = np.linalg.inv(hessian).astype(np.float64)
        return value + 0.5 * float(penalty @ self.params**2)

    def _updated(self, part: slice, sd: float) -> float:
        effects = self.params[part]
        trace = float(np.trace(self.covariance[part, part])) / sd**2
        free = max(len(effects) - trace, 1e-9)  # how many effects the answers determine
        return max(sqrt(float(effects @ effects) / free), LEAST)

    def _value(self, params: Float64, penalty: Float64) -> float:
        upper, lower = self._bounds(params)
        share = upper - lower
        if (share <= 0).any():
            return -np.inf
        return float(np.log(share).sum() - 0.5 * penalty @ params**2)

    def _bounds(self, params: Float64) -> tuple[Float64, Float64]:
        upper = np.where(self._last, 1.0, special.expit(self._upper @ params))
        lower = np.where(self._first, 0.0, special.expit(self._lower @ params))
        return upper, lower

    def _terms(self, params: Float64, penalty: Float64) -> tuple[float, Float64, Float64]:
        """Log-likelihood, its gradient and its negative Hessian, with the penalty."""
        upper, lower = self._bounds(params)
        share = upper - lower
        up, down = upper * (1 - upper) / share, lower * (1 - lower) / share  # densities / share
        gradient = self._upper.T @ up - self._lower.T @ down - penalty * params
        curve_up = up**2 - up * (1 - 2 * upper)
        curve_down = down**2 + down * (1 - 2 * lower)
        cross = self._upper.T @ (self._lower * (up * down)[:, None])
        hessian = self._upper.T @ (self._upper * curve_up[:, None])
        hessian = hessian + self._lower.T @ (self._lower * curve_down[:, None]) - cross - cross.T
        value = float(np.log(share).sum() - 0.5 * penalty @ params**2)
        return value, gradient, hessian.toarray() + np.diag(penalty)


def _ahead(first: Float64, second: Float64, third: Float64) -> Float64:
    """Where a slowly converging row is heading (Aitken); variances near none crawl otherwise."""
    before, after = second - first, third - second
    rate = np.divide(after, before, out=np.zeros_like(after), where=np.abs(before) > 1e-9)
    rate = np.clip(rate, 0.0, 0.9)
    ahead: Float64 = np.maximum(third + after * rate / (1 - rate), log(LEAST))
    return ahead


def _contrasts(names: Sequence[str], effects: Float64, covariance: Float64) -> list[Contrast]:
    pairs = np.array(list(combinations(range(len(names)), 2)))
    rows = np.eye(len(names))[pairs[:, 0]] - np.eye(len(names))[pairs[:, 1]]  # (pairs, M)
    errors = np.sqrt(np.maximum(np.einsum("pi,ij,pj->p", rows, covariance, rows), 0.0))
    errors = np.where((errors > 0) & (errors < MOST), errors, nan)
    values = np.where(np.isfinite(errors), rows @ effects, nan)
    p = 2 * stats.norm.sf(np.abs(values) / errors)
    columns = (values.tolist(), errors.tolist(), p.tolist(), holm(p))
    found = zip(pairs, *columns, strict=True)
    return [Contrast(names[i], names[j], *figures) for (i, j), *figures in found]


def treatment_coding(labels: npt.NDArray[np.object_], names: Sequence[str]) -> Float64:
    """One column for each name but the first, (N, n − 1)."""
    return np.stack([labels == name for name in names[1:]], axis=1).astype(float)
