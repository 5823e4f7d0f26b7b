"""Measures v2v, f2v and log-likelihood of speech in chosen voices (docs/method.md, Evaluation)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold
from sklearn.preprocessing import normalize

from vclip.arrays import Bools, Float32, Float64
from vclip.recipes.evaluation.model_features import encode_faces, encode_voices
from vclip.recipes.metrics.speaker_generation import vendi
from vclip.speakers.candidates import Heads

MEASURES = ("v2v", "f2v", "log_prob")
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


@dataclass(frozen=True)
class MethodScores:
    """One method: every measure for each face, (N, 3), and how many voices it has to offer."""

    name: str
    values: Float64  # columns are MEASURES; nan where one is not defined
    vendi_k: float  # among the k for a face, mean over faces; nan for k = 1
    vendi_1: float  # among the first choices for all faces
    silent: int = 0  # voices of which no speech was heard; in no figure


class VoiceMeasures:
    """Measures of heard voices against true voices, faces and known speakers."""

    def __init__(
        self, voices: Float32, faces: Float32, evaluator: Heads, density: VoiceDensity
    ) -> None:
        """voices (N, V) and faces (N, F) are features of the same N people."""
        self._voices, self._image_emb = normalize(voices), encode_faces(evaluator, faces)
        self._evaluator, self._density = evaluator, density

    def score(self, name: str, heard: Float32) -> MethodScores:
        """heard (N, k, V): k voices for each person, nan where there was no speech."""
        n, k, _ = heard.shape
        spoken: Bools = np.asarray(np.isfinite(heard).all(axis=2))  # (N, k)
        voices = normalize(heard[spoken])  # (n spoken, V)
        whose = np.nonzero(spoken)[0]
        emb = encode_voices(self._evaluator, voices)
        columns = (
            np.einsum("mv,mv->m", voices, self._voices[whose]),
            np.einsum("md,md->m", emb, self._image_emb[whose]),
            self._density.log_prob(voices),
        )
        number = np.bincount(whose, minlength=n)
        with np.errstate(invalid="ignore"):  # 0 / 0 is nan: a face without a voice
            values = [np.bincount(whose, column, n) / number for column in columns]
        few = [vendi(heard[i, spoken[i]]) for i in range(n) if k > 1 and number[i]]
        return MethodScores(
            name,
            np.stack(values, axis=1),
            float(np.mean(few)) if few else np.nan,
            vendi(heard[spoken[:, 0], 0]),
            int(n * k - len(voices)),
        )
