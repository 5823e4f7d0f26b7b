"""Verification and matching of faces and voices over all pairs of a score matrix.

`scores (N, N)`: row i is the face of manifest row i, column j the voice of row j. `person (N,)`
says who a row belongs to: entries of one person are positives, of different persons negatives. In
a bootstrap draw a person counts as often as he was drawn, in both axes, but his copies are never
each other's negatives.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vclip.arrays import Bools, Float64
from vclip.recipes.metrics.intervals import Estimate, Statistics, bootstrap
from vclip.recipes.metrics.matching import pairwise_accuracy
from vclip.recipes.metrics.verification import auc, auc_and_eer, same, sex_mask


@dataclass(frozen=True)
class CrossModalReport:
    """The figures of one score matrix (docs/method.md, Evaluation)."""

    auc: Estimate
    eer: Estimate
    auc_within_sex: Estimate
    match_face_to_voice: Estimate
    match_voice_to_face: Estimate


def evaluate(
    scores: Float64,
    person: npt.ArrayLike,
    sex: npt.ArrayLike,
    n_draws: int = 1000,
    rng: np.random.Generator | None = None,
) -> CrossModalReport:
    """All figures of scores (N, N) for rows of person (N,) and sex (N,) ('' where unknown)."""
    values, n_rows = np.asarray(scores, dtype=np.float64), len(np.asarray(person))
    if values.shape != (n_rows, n_rows) or len(np.asarray(sex)) != n_rows:
        raise ValueError(f"scores {values.shape} do not fit {n_rows} rows")
    statistics = weighted_figures(values, same(person), sex_mask(sex))
    generator = rng if rng is not None else np.random.default_rng(0)
    return CrossModalReport(*bootstrap(statistics, person, n_draws, generator))


def weighted_figures(scores: Float64, positive: Bools, within: Bools) -> Statistics:
    """The report's five figures as a function of how often each row counts (N,).

    scores, positive and within (pairs of one sex) are (N, N).
    """
    order = np.argsort(-scores, axis=None, kind="stable")  # sorted once, which speeds every draw
    flat, hit = scores.ravel()[order], positive.ravel()[order]
    inner = np.flatnonzero(within.ravel()[order])
    row, column = np.unravel_index(order, scores.shape)
    to_voice = pairwise_accuracy(scores, positive)
    to_face = pairwise_accuracy(scores.T, positive.T)

    def figures(counts: Float64) -> list[float]:
        # a positive lies within one person and each copy has only itself: c, not c squared
        weight = np.where(hit, counts[row], counts[row] * counts[column])
        within_sex = auc(flat[inner], hit[inner], weight[inner])
        matches = to_voice(counts), to_face(counts)
        return [*auc_and_eer(flat, hit, weight), within_sex, *matches]

    return figures
