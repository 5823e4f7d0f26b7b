"""How well faces and voices of the same people find each other; plain numpy.

A score matrix is `scores (N, N)`: row i is the face of manifest row i, column j the voice of row
j. `person (N,)` says who a row belongs to: entries of the same person are positives, of different
persons negatives. Intervals are percentile bootstraps over persons: a person drawn twice counts
twice, in both axes, but its copies are never each other's negatives.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from vclip.arrays import Bools, Float64, Int64

Figures = Callable[[Float64], list[float]]  # of how often each row, or person, counts


@dataclass(frozen=True)
class Estimate:
    """A figure with its bootstrap interval; nan where the rows do not determine it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Report:
    """Cross-modal verification and matching of one score matrix (paper.md §2.1's quantities)."""

    auc: Estimate
    eer: Estimate
    auc_within_sex: Estimate
    match_face_to_voice: Estimate
    match_voice_to_face: Estimate

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Nested plain numbers, for JSON."""
        return asdict(self)


def _curve(scores: Float64, positive: Bools, weight: Float64) -> tuple[Float64, Float64]:
    """False and true positive rates (K+1,) at every distinct threshold, from (0, 0) to (1, 1)."""
    order = np.argsort(-scores, kind="stable")
    sorted_scores, sorted_weight = scores[order], weight[order]
    last_of_tie = np.append(np.diff(sorted_scores) != 0, np.ones(min(1, len(scores)), bool))
    hits = np.cumsum(sorted_weight * positive[order])[last_of_tie]
    false = np.cumsum(sorted_weight * ~positive[order])[last_of_tie]
    if not len(hits) or hits[-1] <= 0 or false[-1] <= 0:
        return np.array([np.nan]), np.array([np.nan])
    return np.append(0.0, false / false[-1]), np.append(0.0, hits / hits[-1])


def _area(false: Float64, hits: Float64) -> float:
    return float(np.sum(np.diff(false) * (hits[1:] + hits[:-1]) / 2)) if len(hits) > 1 else np.nan


def _crossing(false: Float64, hits: Float64) -> float:
    """Rate at which false alarms equal misses, linear between thresholds."""
    if len(hits) < 2:
        return np.nan
    gap = false - (1 - hits)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(false[after - 1] + share * (false[after] - false[after - 1]))


def _weights(scores: Float64, weight: Float64 | None) -> Float64:
    return np.ones(scores.shape) if weight is None else np.asarray(weight, dtype=np.float64)


def auc(scores: Float64, positive: Bools, weight: Float64 | None = None) -> float:
    """Area under the ROC of scores (K,), ties counted half; nan without both kinds."""
    return _area(*_curve(scores, positive, _weights(scores, weight)))


def eer(scores: Float64, positive: Bools, weight: Float64 | None = None) -> float:
    """Equal error rate of scores (K,) in [0, 1], interpolated; nan without both kinds."""
    return _crossing(*_curve(scores, positive, _weights(scores, weight)))


def auc_and_eer(
    scores: Float64, positive: Bools, weight: Float64 | None = None
) -> tuple[float, float]:
    """Both of one curve."""
    curve = _curve(scores, positive, _weights(scores, weight))
    return _area(*curve), _crossing(*curve)


@dataclass(frozen=True)
class Trials:
    """Every 1:2 trial of a score matrix (N, M): one line per positive entry, P of them."""

    probe: Int64  # (P,) row of the positive
    rivals: Bools  # (P, M) the negatives of that row
    wins: Float64  # (P, M) 1 where the positive scores above the rival, 1/2 where equal

    @classmethod
    def of(cls, scores: Float64, positive: Bools) -> "Trials":
        """All trials with the rows of scores as probes."""
        probe, match = np.nonzero(positive)
        mine, theirs, rivals = scores[probe, match][:, None], scores[probe], ~positive[probe]
        return cls(probe, rivals, rivals * ((mine > theirs) + 0.5 * (mine == theirs)))

    def accuracy(self, counts: Float64) -> float:
        """Expected accuracy when row i stands counts[i] times among probes and rivals; M = N."""
        rivals = self.rivals @ counts
        mass = counts[self.probe] * (rivals > 0)
        wins = self.wins @ counts / np.maximum(rivals, 1e-12)
        return float(mass @ wins / mass.sum()) if mass.sum() > 0 else np.nan


def matching(scores: Float64, positive: Bools) -> float:
    """Exact expected accuracy of 1:2 matching with the rows of scores (N, N) as probes.

    For every positive entry of a row, the chance that it beats a negative drawn from that row
    (ties half), averaged over all positives: every trial that could be drawn, none sampled.
    """
    return Trials.of(scores, positive).accuracy(np.ones(len(scores)))


def same(labels: npt.ArrayLike) -> Bools:
    """labels (N,) -> (N, N): where two rows carry the same label."""
    values = np.asarray(labels)
    return np.asarray(values[:, None] == values[None, :])


def sex_mask(sex: npt.ArrayLike) -> Bools:
    """sex (N,), '' where unknown -> (N, N): pairs whose sexes are known and equal."""
    known = np.asarray(sex) != ""
    return np.asarray(same(sex) & known[:, None] & known[None, :])


def person_counts(person: npt.ArrayLike, rng: np.random.Generator) -> Float64:
    """One bootstrap draw of persons: how often each row's person was drawn, (N,)."""
    names, row_of = np.unique(np.asarray(person), return_inverse=True)
    drawn = rng.integers(len(names), size=len(names))
    return np.bincount(drawn, minlength=len(names))[row_of].astype(np.float64)


def proportion(hits: int, n: int, z: float = 1.959964) -> Estimate:
    """hits of n independent decisions with Wilson's 95 % interval, which holds at 0 and n too."""
    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"{hits} hits of {n} decisions")
    middle, half = hits + z**2 / 2, z * np.sqrt(hits * (n - hits) / n + z**2 / 4)
    low, high = (middle - half) / (n + z**2), (middle + half) / (n + z**2)
    return Estimate(hits / n, max(0.0, float(low)), min(1.0, float(high)))


def share(hit: npt.ArrayLike, counts: Float64) -> float:
    """Share of hits (N,) bool among rows that count so often."""
    return float(np.average(np.asarray(hit), weights=counts))


def bootstrap(
    figures: Figures,
    person: npt.ArrayLike,
    n_draws: int,
    rng: np.random.Generator,
) -> list[Estimate]:
    """Estimates, with 95 % intervals, of figures(counts (N,)) over n_draws draws of persons."""
    value = figures(np.ones(len(np.asarray(person))))
    draws = [figures(person_counts(person, rng)) for _ in range(n_draws)]
    table = np.array(draws, dtype=np.float64).reshape(n_draws, len(value))  # (draws, figures)
    estimates = []
    for point, column in zip(value, table.T, strict=True):
        known = column[~np.isnan(column)]
        low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
        estimates.append(Estimate(float(point), float(low), float(high)))
    return estimates


def nearest(queries: npt.ArrayLike, others: npt.ArrayLike | None = None) -> Float64:
    """Cosine distance (N,) from every row of queries (N, S) to its nearest row of others (M, S).

    Without others: to its nearest other row of queries.
    """
    rows = [
        np.asarray(x, dtype=np.float64) for x in (queries, queries if others is None else others)
    ]
    one, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rows)
    distances = 1 - one @ other.T  # (N, S) @ (S, M)
    if others is None:
        np.fill_diagonal(distances, np.inf)
    return np.asarray(distances.min(axis=1))


@dataclass(frozen=True)
class Distances:
    """Medians of nearest-neighbour cosine distances; speakers are generated well if all agree."""

    s2s: float  # a speaker to the nearest other speaker
    g2s: float  # a generated one to the nearest speaker
    g2g: float  # a generated one to the nearest other generated one


def generation_distances(speakers: npt.ArrayLike, generated: npt.ArrayLike) -> Distances:
    """TacoSpawn's distances (Stanton et al. 2021) of speakers (N, S) and generated ones (M, S).

    A neighbour is nearer among more: compare equally many.
    """
    found = nearest(speakers), nearest(generated, speakers), nearest(generated)
    return Distances(*(float(np.median(distances)) for distances in found))


def vendi(rows: npt.ArrayLike) -> float:
    """Vendi score of rows (N, S) under the cosine kernel (Friedman & Dieng 2022), 1 to N.

    The effective number of different ones: exp of the entropy of the kernel's eigenvalues / N.
    """
    values = np.asarray(rows, dtype=np.float64)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    share = np.linalg.svd(unit, compute_uv=False) ** 2 / len(unit)  # sums to 1
    share = share[share > 1e-12]
    return float(np.exp(-np.sum(share * np.log(share))))


def _figures(scores: Float64, positive: Bools, within: Bools) -> Figures:
    """The five figures as a function of the rows' counts; sorted once, for every draw."""
    order = np.argsort(-scores, axis=None, kind="stable")
    flat, hit, inner = scores.ravel()[order], positive.ravel()[order], within.ravel()[order]
    row, column = np.unravel_index(order, scores.shape)
    to_voice, to_face = Trials.of(scores, positive), Trials.of(scores.T, positive.T)

    def figures(counts: Float64) -> list[float]:
        # a positive lies within one person and each copy has only itself: c, not c squared
        weight = np.where(hit, counts[row], counts[row] * counts[column])
        curve, inner_curve = _curve(flat, hit, weight), _curve(flat, hit, weight * inner)
        matches = [to_voice.accuracy(counts), to_face.accuracy(counts)]
        return [_area(*curve), _crossing(*curve), _area(*inner_curve), *matches]

    return figures


def verify(
    scores: Float64,
    person: npt.ArrayLike,
    sex: npt.ArrayLike,
    n_draws: int = 1000,
    rng: np.random.Generator | None = None,
) -> Report:
    """All figures of scores (N, N) for rows of person (N,) and sex (N,) ('' where unknown)."""
    values, n_rows = np.asarray(scores, dtype=np.float64), len(np.asarray(person))
    if values.shape != (n_rows, n_rows) or len(np.asarray(sex)) != n_rows:
        raise ValueError(f"scores {values.shape} do not fit {n_rows} rows")
    figures = _figures(values, same(person), sex_mask(sex))
    generator = rng if rng is not None else np.random.default_rng(0)
    return Report(*bootstrap(figures, person, n_draws, generator))
