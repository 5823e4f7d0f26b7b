"""New speakers: a Gaussian mixture over the TTS's speaker table (docs/method.md, Generation).

PCA keeps 99 % of the variance, a diagonal-covariance GMM is fitted to the projections; samples are
projected back. The mixture is unconditional: a face only ranks what it draws. Its axes also say in
which directions a voice can be moved, and how far is far.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

from vclip.arrays import Float32, Float64
from vclip.errors import ModelError

NEAR_SPREAD = 0.4  # of the speakers' own spread: draws sound alike and yet differ


@dataclass(frozen=True)
class SpeakerGMM:
    """PCA (mean (S,), axes (P, S)) and mixture (weights (K,), means and variances (K, P))."""

    mean: Float64
    axes: Float64
    weights: Float64
    means: Float64
    variances: Float64

    @classmethod
    def fit(
        cls, speaker_embeddings: Float32, n_components: int, seed: int, variance_kept: float = 0.99
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

    def sample(self, n: int, rng: np.random.Generator) -> Float32:
        """n speaker embeddings (n, S), raw scale."""
        component = rng.choice(len(self.weights), size=n, p=self.weights)
        noise = rng.standard_normal((n, self.means.shape[1]))
        projected = self.means[component] + noise * np.sqrt(self.variances[component])
        return (projected @ self.axes + self.mean).astype(np.float32)  # (n, P) @ (P, S)

    def sample_near(
        self, centre: Float32, n: int, rng: np.random.Generator, spread: float = NEAR_SPREAD
    ) -> Float32:
        """n speaker embeddings (n, S) around centre (S,); what PCA left out of it stays.

        NEAR_SPREAD is 0.4 (docs/log.md): Resemblyzer then hears a draw as 0.91 of its centre, which
        is 0.94 of itself in another sentence and 0.64 of other voices, and still tells it from five
        siblings in 98 % of cases; with 0.3 that falls to 87 %.
        """
        noise = rng.standard_normal((n, len(self.axes))) * self.deviations * spread
        return (centre + noise @ self.axes).astype(np.float32)  # (n, P) @ (P, S)

    def shift(self, speaker_embedding: Float32, moves: Sequence[float]) -> Float32:
        """The embedding (S,), moved by standard deviations along the first axes."""
        steps = np.zeros(len(self.axes))
        steps[: len(moves)] = moves[: len(steps)]
        return (speaker_embedding + (steps * self.deviations) @ self.axes).astype(np.float32)

    def coordinates(self, speaker_embedding: Float32) -> Float64:
        """Where an embedding (S,) lies along every axis (P,), in standard deviations."""
        projected = self.axes @ (speaker_embedding - self.mean)  # (P, S) @ (S,)
        return np.asarray((projected - self.weights @ self.means) / self.deviations)

    @functools.cached_property
    def deviations(self) -> Float64:
        """Standard deviation (P,) of the whole mixture along each axis, largest first.

        Law of total variance; the axes are uncorrelated over the speakers, so this is all of it.
        """
        centre = self.weights @ self.means
        return np.asarray(np.sqrt(self.weights @ (self.variances + (self.means - centre) ** 2)))

    def log_prob(self, speaker_embeddings: Float32) -> Float64:
        """Log density (N,) of embeddings (N, S), in the space that PCA keeps."""
        projected = (speaker_embeddings - self.mean) @ self.axes.T  # (N, S) @ (S, P)
        squares = (projected[:, None] - self.means) ** 2 / self.variances  # (N, K, P)
        exponent = (squares + np.log(2 * np.pi * self.variances)).sum(-1)
        return np.asarray(logsumexp(np.log(self.weights) - exponent / 2, axis=1))

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
