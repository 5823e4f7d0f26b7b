"""Measures v2v, f2v and log-likelihood of speech in chosen voices (docs/method.md, Evaluation)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import normalize

from vclip.arrays import Bools, Float32, Float64
from vclip.recipes.evaluation.model_features import encode_faces, encode_voices
from vclip.recipes.generation_table.density import VoiceDensity
from vclip.recipes.metrics.intervals import Estimate, bootstrap
from vclip.recipes.metrics.speaker_generation import vendi
from vclip.speakers.candidates import Heads

MEASURES = ("v2v", "f2v", "log_prob")


@dataclass(frozen=True)
class MethodScores:
    """One method: every measure for each face, (N, 3), and how many voices it has to offer."""

    name: str
    values: Float64  # columns are MEASURES; nan where one is not defined
    vendi_k: float  # among the k for a face, mean over faces; nan for k = 1
    vendi_1: float  # among the first choices for all faces
    silent: int = 0  # voices of which no speech was heard; in no figure


class VoiceMeasures:
    """What is heard, against the true voices, the faces and the known speakers."""

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


def means_over_people(
    values: Float64, person: Sequence[str], n_draws: int, seed: int
) -> list[Estimate]:
    """Of the columns of values (N, columns), each over the faces where it is not nan.

    Intervals are over the people the faces belong to.
    """

    def means(counts: Float64) -> list[float]:
        total, number = counts @ np.nan_to_num(values), counts @ ~np.isnan(values)
        return [float(s / n) if n else np.nan for s, n in zip(total, number, strict=True)]

    return bootstrap(means, person, n_draws, np.random.default_rng(seed))
