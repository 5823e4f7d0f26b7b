"""Generated voices beside real speakers: TacoSpawn's distances and the Vendi score."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import entropy
from sklearn.metrics.pairwise import cosine_distances
from sklearn.preprocessing import normalize

from vclip.arrays import Float64


def nearest(queries: npt.ArrayLike, others: npt.ArrayLike | None = None) -> Float64:
    """Cosine distance (N,) from every row of queries (N, S) to its nearest row of others (M, S).

    Without others: to its nearest other row of queries.
    """
    rows = np.asarray(queries, dtype=np.float64)
    if others is not None:
        return np.asarray(cosine_distances(rows, np.asarray(others, dtype=np.float64)).min(axis=1))
    distances = cosine_distances(rows)  # (N, N)
    np.fill_diagonal(distances, np.inf)
    return np.asarray(distances.min(axis=1))


@dataclass(frozen=True)
class GenerationDistances:
    """Medians of nearest-neighbour cosine distances; speakers are generated well if all agree."""

    s2s: float  # a speaker to the nearest other speaker
    g2s: float  # a generated one to the nearest speaker
    g2g: float  # a generated one to the nearest other generated one


def generation_distances(speakers: npt.ArrayLike, generated: npt.ArrayLike) -> GenerationDistances:
    """TacoSpawn's distances (Stanton et al. 2021) of speakers (N, S) and generated ones (M, S).

    A neighbour is nearer among more: compare equally many.
    """
    found = nearest(speakers), nearest(generated, speakers), nearest(generated)
    return GenerationDistances(*(float(np.median(distances)) for distances in found))


def vendi(rows: npt.ArrayLike) -> float:
    """Vendi score of rows (N, S) under the cosine kernel (Friedman & Dieng 2022), 1 to N.

    The effective number of different ones: exp of the entropy of the kernel's eigenvalues / N.
    """
    unit = normalize(np.asarray(rows, dtype=np.float64))
    return float(np.exp(entropy(np.linalg.svd(unit, compute_uv=False) ** 2)))
