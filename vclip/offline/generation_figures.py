"""Figures of voices that were chosen for faces, from what is heard of them (paper.md §1.6, §4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vclip import metrics
from vclip.heads import Heads
from vclip.metrics import Estimate, Floats
from vclip.offline.contenders import encode_faces, encode_voices, unit
from vclip.offline.draws import Density

Array = npt.NDArray[np.float32]

MEASURES = ("v2v", "f2v", "log_prob")


@dataclass(frozen=True)
class Row:
    """One method: every measure for each face, (N, 3), and how many voices it has to offer."""

    name: str
    values: Floats  # columns are MEASURES; nan where one is not defined
    vendi_k: float  # among the k for a face, mean over faces; nan for k = 1
    vendi_1: float  # among the first choices for all faces


class Judge:
    """Measures what was heard against the true voices, the faces and the known speakers."""

    def __init__(self, voices: Array, faces: Array, evaluator: Heads, density: Density) -> None:
        """voices (N, V) and faces (N, F) are features of the same N people."""
        self._voices, self._image_emb = unit(voices), encode_faces(evaluator, faces)
        self._evaluator, self._density = evaluator, density

    def row(self, name: str, heard: Array) -> Row:
        """heard (N, k, V): k voices for each person."""
        n, k, width = heard.shape
        flat = unit(heard.reshape(n * k, width))
        voice, emb = flat.reshape(n, k, width), encode_voices(self._evaluator, flat)
        values = np.stack(
            [
                np.einsum("nkv,nv->n", voice, self._voices) / k,
                np.einsum("nkd,nd->n", emb.reshape(n, k, -1), self._image_emb) / k,
                self._density.log_prob(flat).reshape(n, k).mean(axis=1),
            ],
            axis=1,
        )
        few = [metrics.vendi(rows) for rows in voice] if k > 1 else [np.nan]
        return Row(name, values.astype(np.float64), float(np.mean(few)), metrics.vendi(voice[:, 0]))


@dataclass(frozen=True)
class Bootstrap:
    """Means over faces with intervals over the people they belong to."""

    person: Sequence[str]
    n_draws: int
    seed: int

    def means(self, values: Floats) -> list[Estimate]:
        """Of the columns of values (N, columns)."""

        def figures(counts: Floats) -> list[float]:
            return [float(x) for x in counts @ values / counts.sum()]

        rng = np.random.default_rng(self.seed)
        return metrics.bootstrap(figures, self.person, self.n_draws, rng)


@dataclass(frozen=True)
class Population:
    """Voices that nobody was looked up for, as heard, beside as many speakers (TacoSpawn)."""

    name: str
    distances: metrics.Distances
    vendi: float

    @classmethod
    def of(cls, name: str, speakers: Array, heard: Array) -> "Population":
        """speakers (P, V), heard (M, V): as many of each as there are of the fewer."""
        n = min(len(speakers), len(heard))
        found = metrics.generation_distances(speakers[:n], heard[:n])
        return cls(name, found, metrics.vendi(heard[:n]))


def speech_to_recordings(spoken: Array, recorded: Array) -> tuple[float, float]:
    """s2t-same and s2t: medians of the distance of speakers' speech (P, V) to recordings (P, V).

    To the speaker's own, and to those of the nearest other speaker.
    """
    apart = 1 - unit(spoken).astype(np.float64) @ unit(recorded).T  # (P, V) @ (V, P)
    own = np.diag(apart).copy()
    np.fill_diagonal(apart, np.inf)
    return float(np.median(own)), float(np.median(apart.min(axis=1)))
