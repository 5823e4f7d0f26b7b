"""New speakers: a Gaussian mixture over the speaker table of the TTS (paper §3.2, §4.1).

PCA keeps 99 % of the variance, a diagonal-covariance GMM is fitted to the projections; samples are
projected back. The mixture is unconditional: a face only ranks what it draws.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vclip.errors import ModelError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SpeakerGMM:
    """PCA (mean (S,), axes (P, S)) and mixture (weights (K,), means and variances (K, P))."""

    mean: Array
    axes: Array
    weights: Array
    means: Array
    variances: Array

    @classmethod
    def fit(
        cls,
        speaker_embeddings: npt.NDArray[np.float32],
        n_components: int,
        seed: int,
        variance_kept: float = 0.99,
    ) -> "SpeakerGMM":
        """Fit to the raw-scale rows (N, S) of a speaker table."""
        from sklearn.decomposition import PCA  # slow to import, and only fitting needs it
        from sklearn.mixture import GaussianMixture

        pca = PCA(variance_kept, svd_solver="full").fit(speaker_embeddings.astype(np.float64))
        projected = pca.transform(speaker_embeddings.astype(np.float64))
        gmm = GaussianMixture(
            n_components, covariance_type="diag", reg_covar=1e-3, n_init=3, random_state=seed
        ).fit(projected)
        return cls(pca.mean_, pca.components_, gmm.weights_, gmm.means_, gmm.covariances_)

    def sample(self, n: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """n speaker embeddings (n, S), raw scale."""
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        noise = rng.standard_normal((n, self.means.shape[1]))
        projected = self.means[component] + noise * np.sqrt(self.variances[component])
        return (projected @ self.axes + self.mean).astype(np.float32)  # (n, P) @ (P, S)

    def log_prob(self, speaker_embeddings: npt.NDArray[np.float32]) -> Array:
        """Log density (N,) of embeddings (N, S), in the space that PCA keeps."""
        projected = (speaker_embeddings - self.mean) @ self.axes.T  # (N, S) @ (S, P)
        delta = projected[:, None, :] - self.means  # (N, K, P)
        exponent = (delta**2 / self.variances + np.log(2 * np.pi * self.variances)).sum(-1)
        parts = np.log(self.weights) - 0.5 * exponent  # (N, K)
        peak = parts.max(axis=1, keepdims=True)
        return np.asarray(peak[:, 0] + np.log(np.exp(parts - peak).sum(axis=1)))

    def save(self, path: Path) -> None:
        """Write an npz without pickles."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "SpeakerGMM":
        """Read what `save` wrote. Raises ModelError."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(**{field.name: file[field.name] for field in fields(cls)})
        except (OSError, KeyError, ValueError) as error:
            raise ModelError(f"cannot read the speaker GMM {path}: {error}") from error
