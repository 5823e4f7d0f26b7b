"""Figures of trial lists and galleries: who meets whom is given, not every pair; plain numpy.

`metrics` scores all pairs of a few hundred rows; here are the 30,000 drawn trials and the galleries
of 20,000 that published protocols list. Persons are integer codes. Intervals are percentile
bootstraps over persons: a trial of two people counts as often as both were drawn.
"""

from collections.abc import Iterator

import numpy as np

from vclip.arrays import Bools, Float32, Float64, Floating, Int64
from vclip.recipes.metrics import verification as metrics
from vclip.recipes.metrics.verification import (
    Estimate,
)

BLOCK = 256  # probes whose scores with a whole gallery are in memory at once


def paired(one: Float32, other: Float32, left: Int64, right: Int64) -> Float64:
    """Cosines (K,) of row left[i] of one (N, D) with row right[i] of other (M, D), unit norm."""
    parts = [
        np.einsum("kd,kd->k", one[left[i : i + 4096]], other[right[i : i + 4096]])
        for i in range(0, len(left), 4096)
    ]
    return np.concatenate([*parts, np.zeros(0)]).astype(np.float64)


def verification(
    scores: Float64,
    positive: Bools,
    persons: Int64,
    n_draws: int,
    rng: np.random.Generator,
) -> tuple[Estimate, Estimate]:
    """AUC and EER of trials with scores (K,), positive (K,), persons (K, 2) of the two sides.

    A trial of one person with himself counts as often as he was drawn, one of two people as often
    as both were. Where nobody knows the persons, a code of its own for every trial draws trials.
    """
    order = np.argsort(-scores, kind="stable")  # once: every draw only weighs
    scores, positive, persons = scores[order], positive[order], persons[order]
    n_persons = int(persons.max(initial=-1)) + 1

    def figures(counts: Float64) -> list[float]:
        one, other = counts[persons[:, 0]], counts[persons[:, 1]]
        weight = np.where(persons[:, 0] == persons[:, 1], one, one * other)
        return list(metrics.auc_and_eer(scores, positive, weight))

    auc, eer = _bootstrap(figures, persons, n_persons, n_draws, rng)
    return auc, eer


def first_wins(scores: Float64) -> Float64:
    """Chance (K,) that column 0 of scores (K, N) is taken for the best; ties are broken by lot."""
    best = scores.max(axis=1, keepdims=True)
    return np.where(scores[:, 0] == best[:, 0], 1 / (scores == best).sum(axis=1), 0.0)


def matching(
    scores: Float64, persons: Int64, n_draws: int, rng: np.random.Generator
) -> list[Estimate]:
    """Accuracy among the first 2, 3, … N candidates of scores (K, N), N - 1 figures.

    Column 0 is the right one; persons (K, N) are the candidates'. In a draw a trial counts as often
    as its first person and, on average, as the others.
    """
    n_persons = int(persons.max(initial=-1)) + 1
    sizes = np.arange(2, scores.shape[1] + 1)
    hits = np.stack([first_wins(scores[:, :n]) for n in sizes], axis=1)  # (K, N - 1)

    def figures(counts: Float64) -> list[float]:
        drawn = counts[persons]
        weight = drawn[:, :1] * np.cumsum(drawn[:, 1:], axis=1) / (sizes - 1)
        total = weight.sum(axis=0)
        return list(
            np.where(total > 0, (hits * weight).sum(axis=0) / np.maximum(total, 1e-12), np.nan)
        )

    return _bootstrap(figures, persons, n_persons, n_draws, rng)


def average_precision(scores: Floating, positive: Int64) -> float:
    """Of one probe: scores (M,) of its gallery, the indices of what belongs to it.

    Items of equal score are found at once, as in scikit-learn; nan if nothing belongs to it.
    """
    return _precision(np.sort(scores), np.sort(scores[positive]))


def _precision(ordered: Floating, right: Floating) -> float:
    """ordered (M,) all scores, right (P,) those of the positives, both ascending."""
    if not len(right):
        return np.nan
    found = len(right) - np.searchsorted(right, right, side="left")  # positives at least as high
    seen = len(ordered) - np.searchsorted(ordered, right, side="left")  # items at least as high
    return float(np.mean(found / seen))


def average_precisions(
    probes: Float32, gallery: Float32, probe_person: Int64, gallery_person: Int64
) -> Float64:
    """Average precision (N,) of probes (N, D) in a gallery (M, D), block by block."""
    of_person = _members(gallery_person)
    found = np.full(len(probes), np.nan)
    for start, block in _blocks(probes):
        scores = block @ gallery.T  # (B, D) @ (D, M)
        ordered = np.sort(scores, axis=1)
        for i, (row, everything) in enumerate(zip(scores, ordered, strict=True), start=start):
            mine = of_person.get(int(probe_person[i]))
            if mine is not None:
                found[i] = _precision(everything, np.sort(row[mine]))
    return found


def _blocks(rows: Float32) -> Iterator[tuple[int, Float32]]:
    for start in range(0, len(rows), BLOCK):
        yield start, rows[start : start + BLOCK]


def _members(person: Int64) -> dict[int, Int64]:
    """The rows of every person."""
    order = np.argsort(person, kind="stable")
    names, starts = np.unique(person[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {int(name): part for name, part in zip(names, parts, strict=True)}


def chance_precision(n: int, n_right: int) -> float:
    """Expected average precision of a random order of n items, n_right of them right."""
    if n_right < 1 or n < 2:
        return 1.0 if n_right else np.nan
    harmonic = float(np.sum(1 / np.arange(1, n + 1)))
    # the right item at rank r is one of 1 + (n_right - 1)(r - 1)/(n - 1) in the first r, on average
    return (harmonic + (n_right - 1) / (n - 1) * (n - harmonic)) / n


def mean_precision(
    precision: Float64, person: Int64, n_draws: int, rng: np.random.Generator
) -> Estimate:
    """mAP of precision (N,), nan left out; intervals over the probes' persons, gallery as it is."""
    known = ~np.isnan(precision)
    values, persons = precision[known], person[known][:, None]
    n_persons = int(persons.max(initial=-1)) + 1

    def figures(counts: Float64) -> list[float]:
        weight = counts[persons[:, 0]]
        return [float(values @ weight / weight.sum()) if weight.sum() > 0 else np.nan]

    return _bootstrap(figures, persons, n_persons, n_draws, rng)[0]


def _bootstrap(
    figures: metrics.Figures,
    persons: Int64,
    n_persons: int,
    n_draws: int,
    rng: np.random.Generator,
) -> list[Estimate]:
    """figures(counts by person code), where only the persons that occur are drawn."""
    present = np.unique(persons)
    everyone = np.zeros(n_persons)

    def spread(counts: Float64) -> list[float]:
        everyone[present] = counts
        return figures(everyone)

    if not len(present):
        return [Estimate(np.nan, np.nan, np.nan) for _ in figures(everyone)]
    return metrics.bootstrap(spread, present, n_draws, rng)
