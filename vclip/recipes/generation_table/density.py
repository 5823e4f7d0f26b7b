"""Likelihood of a voice among known speakers, under a Gaussian mixture of their features."""

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold

from vclip.arrays import Float64

N_COMPONENTS = 4  # Vclip §4.3
FOLDS = 5


class VoiceDensity:
    """The density of voices like those of a table (N, V): PCA of 99 %, 4 diagonal Gaussians.

    Left-out rows are scored in the full table's axes by mixtures fitted without them: otherwise
    rows of a table with fewer rows than columns would be more likely than anything drawn.
    """

    def __init__(self, table: npt.ArrayLike, seed: int = 0) -> None:
        rows = np.asarray(table, dtype=np.float64)
        self._pca = PCA(0.99, svd_solver="full", whiten=True).fit(rows)
        projected = self._pca.transform(rows)
        self._mixture = _mixture(projected, seed)
        self.held_out: Float64 = np.zeros(len(rows))  # log density (N,) of the table's rows
        for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(projected):
            without = _mixture(projected[train], seed)
            self.held_out[test] = without.score_samples(projected[test])

    def log_prob(self, rows: npt.ArrayLike) -> Float64:
        """Log density (M,) of rows (M, V), in nats, of whitened coordinates."""
        projected = self._pca.transform(np.asarray(rows, dtype=np.float64))
        return np.asarray(self._mixture.score_samples(projected))


def _mixture(rows: Float64, seed: int) -> GaussianMixture:
    return GaussianMixture(
        min(N_COMPONENTS, len(rows) // 2),
        covariance_type="diag",
        reg_covar=1e-2,  # of a variance of 1: a component may not sit on one row
        n_init=3,
        random_state=seed,
    ).fit(rows)
