"""Preference model of pairs: Bradley–Terry with ties (Davidson 1970) and a position effect.

Davidson & Beaver (1977, Biometrics 33, 693–702): of i heard first and j second,
    P(i) : P(j) : P(tie) = exp(λi + δ) : exp(λj) : exp(τ + (λi + λj) / 2).
That is a multinomial logit, so the likelihood is concave and Newton's method finds its maximum.
Draws of the bootstrap are one step from it, by influence: a draw fitted anew may have no maximum,
and then spoils the interval. Strengths λ sum to 0. A faint ridge keeps Newton's steps
finite where one condition always wins; what only it determines is nan.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import pandas as pd
from scipy.special import softmax

from vclip.arrays import Float64, Indices
from vclip.listening.analysis.bootstrap import Interval, TwoWayBootstrap
from vclip.listening.analysis.scores import PairComparison, compared

RIDGE = 1e-6
STEPS, STRIDE = 100, 2.0  # of Newton's method; the longest one


@dataclass(frozen=True)
class Strength:
    """A condition: λ (nan if undetermined), how often it was preferred; ties count in n only."""

    condition: str
    strength: Interval
    wins: int
    n: int


@dataclass(frozen=True)
class Preferences:
    """position: δ, by how much being heard first helps. tie: τ; nan where nobody said "tie"."""

    strengths: list[Strength]
    comparisons: list[PairComparison]
    position: Interval
    tie: float
    n: int
    ties: int


class PairedChoices:
    """Features of the outcomes of N judgements: z (N, 3, P) and which outcome it was, (N,)."""

    def __init__(self, rows: pd.DataFrame, names: Sequence[str]) -> None:
        shown = rows["conditions"].str.split(expand=True)
        self.first, self.second = (pd.Index(names).get_indexer(shown[i]) for i in (0, 1))
        self.outcome: Indices = pd.Index(["A", "B", "tie"]).get_indexer(rows["answer"])
        self.ties = bool((self.outcome == 2).any())
        self.basis = contrasts(len(names))

    @property
    def features(self) -> Float64:
        """z (N, 3, P): strengths by the basis, then position, then tie; two outcomes without."""
        first, second = self.basis[self.first], self.basis[self.second]
        strengths = np.stack([first, second, (first + second) / 2], axis=1)  # (N, 3, M − 1)
        rest = np.zeros((len(self.first), 3, 2))
        rest[:, 0, 0] = rest[:, 2, 1] = 1
        z: Float64 = np.concatenate([strengths, rest], axis=2)
        return z if self.ties else z[:, :2, :-1]


def preferences(
    rows: pd.DataFrame, names: Sequence[str], two_way: TwoWayBootstrap
) -> Preferences | None:
    """Fit to rows (N) with conditions as heard and answer (A, B, tie); None if no rows."""
    present = {name for pair in rows["conditions"] for name in str(pair).split()}
    names = [name for name in names if name in present]
    if len(names) < 2:
        return None
    pairs = PairedChoices(rows, names)
    z = pairs.features
    theta = fit(pairs.outcome, z)
    pulls = influence(theta, z, pairs.outcome)
    loose = undetermined(theta, z)
    n = len(names) - 1

    def interval(direction: Float64) -> Interval:
        """The interval of direction · params."""
        if np.abs(direction @ loose).max(initial=0) > 1e-3:
            return Interval(nan)
        value, moved = float(theta @ direction), pulls @ direction
        return two_way.interval(value, value + two_way.totals(moved), moved)

    rows_of = np.pad(pairs.basis, ((0, 0), (0, len(theta) - n)))  # strengths of params, (M, P)
    strength = dict(zip(names, rows_of, strict=True))
    return Preferences(
        strengths=[
            Strength(name, interval(strength[name]), *_wins(pairs, i))
            for i, name in enumerate(names)
        ],
        comparisons=compared(names, lambda a, b: interval(strength[a] - strength[b])),
        position=interval(np.eye(len(theta))[n]),
        tie=interval(np.eye(len(theta))[-1]).value if pairs.ties else nan,
        n=len(rows),
        ties=int((pairs.outcome == 2).sum()),
    )


def contrasts(m: int) -> Float64:
    """An orthonormal basis of vectors that sum to 0, (M, M − 1)."""
    full = np.concatenate([np.ones((m, 1)), np.eye(m)[:, : m - 1]], axis=1)
    basis: Float64 = np.linalg.qr(full)[0][:, 1:].astype(np.float64)
    return basis


def fit(outcome: Indices, z: Float64) -> Float64:
    """Parameters (P,) that make the outcomes (N,) likeliest; features z (N, O, P)."""
    theta: Float64 = np.zeros(z.shape[2])
    for _ in range(STEPS):
        gradient = _gradients(theta, z, outcome).sum(axis=0) - RIDGE * theta
        step = np.linalg.solve(_information(theta, z), gradient)
        length = float(np.linalg.norm(step))
        theta = theta + step * min(1, STRIDE / max(length, 1e-12))
        if length < 1e-8:
            break
    return theta


def undetermined(theta: Float64, z: Float64) -> Float64:
    """Directions in which nothing but the ridge holds the parameters, (P, n), each of norm 1.

    So it is where a condition always wins, where pairs were heard in one order only, or where no
    chain of pairs connects two conditions. A likelihood that curves less than 1e-3 of one
    judgement's in a direction has no maximum in it.
    """
    values, directions = np.linalg.eigh(_information(theta, z))
    found: Float64 = directions[:, values < 1e-3]
    return found


def influence(theta: Float64, z: Float64, outcome: Indices) -> Float64:
    """Influence of each judgement on each parameter, (N, P): H⁻¹ of its own gradient."""
    moved = np.linalg.solve(_information(theta, z), _gradients(theta, z, outcome).T)
    return moved.T.astype(np.float64)


def _gradients(theta: Float64, z: Float64, outcome: Indices) -> Float64:
    """Of each judgement's log-likelihood, (N, P): what was chosen less what was expected."""
    return _centred(theta, z)[1][np.arange(len(z)), outcome]


def _information(theta: Float64, z: Float64) -> Float64:
    """Negative Hessian with the ridge, (P, P)."""
    share, centred = _centred(theta, z)
    flat = (centred * np.sqrt(share)[..., None]).reshape(-1, len(theta))
    found: Float64 = flat.T @ flat + RIDGE * np.eye(len(theta))
    return found


def _centred(theta: Float64, z: Float64) -> tuple[Float64, Float64]:
    """Probabilities of the outcomes (N, O), and their features less what is expected, (N, O, P)."""
    share = softmax(z @ theta, axis=1)
    return share, z - np.einsum("no,nop->np", share, z)[:, None]


def _wins(pairs: PairedChoices, i: int) -> tuple[int, int]:
    """How often a condition was preferred, and how often it was heard."""
    first, second = pairs.first == i, pairs.second == i
    wins = (first & (pairs.outcome == 0)) | (second & (pairs.outcome == 1))
    return int(wins.sum()), int((first | second).sum())
