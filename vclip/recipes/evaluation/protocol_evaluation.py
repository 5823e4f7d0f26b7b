"""A published protocol under an association: each listed medium embedded once, then the figures.

Trials are scored by the cosine of their two media. A trial of which a medium has no features has no
score: it is left out and counted beside the figure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from vclip.arrays import Bools, Float32, Float64, Int64, Strings
from vclip.errors import DataError
from vclip.recipes.data.shards import Shards
from vclip.recipes.evaluation.media import index_media, person_of
from vclip.recipes.evaluation.model_features import encode_faces, encode_voices
from vclip.recipes.evaluation.trials import (
    MatchingTrials,
    Modality,
    PublishedProtocol,
    RetrievalGallery,
    VerificationTrials,
)
from vclip.recipes.metrics import matching, retrieval, verification
from vclip.recipes.metrics.intervals import Estimate
from vclip.speakers.candidates import Heads

BATCH = 4096
OTHER: dict[Modality, Modality] = {"voice": "face", "face": "voice"}


@dataclass(frozen=True)
class ProtocolFigure:
    """Result of one trial list under one metric."""

    protocol: str
    what: str  # verification, voice to face, face to voice
    name: str  # of the list
    figure: str  # AUC, EER, accuracy, mAP
    estimate: Estimate
    chance: float
    used: int  # trials or probes that could be scored
    missing: int  # those that could not

    def __str__(self) -> str:
        return (
            f"{self.protocol}  {self.what:14} {self.name:22} {self.figure:9}{self.estimate!s:24}"
            f"{self.chance:8.3f}{self.used:9,}{self.missing:9,}"
        )


class EmbeddedMedia:
    """Embeddings of one modality's listed media."""

    def __init__(
        self,
        listed: Sequence[str],
        features: Shards,
        ids: Mapping[str, str],
        embed: Callable[[Sequence[str]], Float32],
    ) -> None:
        """listed: keys. embed: paths of media with features to unit rows (n, D). DataError."""
        paths = index_media(features.keys, ids)
        there = [key for key in listed if key in paths]
        batches = [there[start : start + BATCH] for start in range(0, len(there), BATCH)]
        parts = [embed([paths[key] for key in batch]) for batch in batches]
        # (n, D) in the order of the keys that are there
        self.emb = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
        self.listed, self.missing = len(listed), len(listed) - len(there)
        self._row = {key: i for i, key in enumerate(there)}

    def rows(self, keys: Iterable[str]) -> Int64:
        """Row of every key in emb, -1 where it is missing."""
        return np.array([self._row.get(key, -1) for key in keys], dtype=np.int64)


def embed_media(
    protocol: PublishedProtocol, ids: Mapping[str, str], sides: tuple[Shards, Shards], heads: Heads
) -> tuple[EmbeddedMedia, EmbeddedMedia]:
    """The protocol's faces and voices by a model's heads. Raises DataError."""
    faces, voices = sides
    return (
        EmbeddedMedia(
            protocol.media("face"), faces, ids, lambda x: encode_faces(heads, faces.matrix(x))
        ),
        EmbeddedMedia(
            protocol.media("voice"), voices, ids, lambda x: encode_voices(heads, voices.matrix(x))
        ),
    )


class ProtocolEvaluation:
    """One protocol under one association."""

    def __init__(
        self,
        protocol: PublishedProtocol,
        faces: EmbeddedMedia,
        voices: EmbeddedMedia,
        n_draws: int,
        seed: int,
    ) -> None:
        """Raises DataError if nothing that is listed is there."""
        self.protocol, self.faces, self.voices = protocol, faces, voices
        self._n_draws, self._seed = n_draws, seed
        self._figure = partial(ProtocolFigure, protocol.name)
        if not len(faces.emb) or not len(voices.emb):
            raise DataError(
                f"none of the media that {protocol.name} lists has features; `python -m "
                "vclip.recipes.evaluation.protocols` writes the manifest to make them of"
            )

    def figures(self) -> list[ProtocolFigure]:
        """Every figure, in the protocol's order."""
        found = [f for trials in self.protocol.verification for f in self._verification(trials)]
        found += [f for trials in self.protocol.matching for f in self._matching(trials)]
        if self.protocol.retrieval:
            found += [self._retrieval("voice"), self._retrieval("face")]
        return found + mean_eer(found)

    def scores(self, trials: VerificationTrials) -> tuple[Float64, Bools]:
        """Cosines of the trials that have both media, and which trials those are (K,)."""
        voice, face = self.voices.rows(trials.voices), self.faces.rows(trials.faces)
        there = (voice >= 0) & (face >= 0)
        voice, face = voice[there], face[there]
        return verification.trial_cosines(self.voices.emb, self.faces.emb, voice, face), there

    def _embedded(self, modality: Modality) -> EmbeddedMedia:
        return self.voices if modality == "voice" else self.faces

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)

    def _verification(self, trials: VerificationTrials) -> list[ProtocolFigure]:
        if trials.positive is None:  # only the organisers can say
            return []
        scores, there = self.scores(trials)
        positive, persons = trials.positive[there], np.array(trials.persons)[there]
        found = verification.verify(scores, positive, persons, self._n_draws, self._rng())
        n = len(scores), len(there) - len(scores)
        return [
            self._figure("verification", trials.name, name, estimate, 0.5, *n)
            for name, estimate in zip(("AUC", "EER"), found, strict=True)
        ]

    def _matching(self, trials: MatchingTrials) -> list[ProtocolFigure]:
        probes, others = self._embedded(trials.probe), self._embedded(OTHER[trials.probe])
        probe = probes.rows(trials.probes)  # (K,)
        rows = np.stack([others.rows(x) for x in zip(*trials.candidates, strict=True)], axis=1)
        there = (probe >= 0) & (rows >= 0).all(axis=1)
        columns = [
            verification.trial_cosines(probes.emb, others.emb, probe[there], column)
            for column in rows[there].T
        ]
        scores, persons = np.stack(columns, axis=1), np.array(trials.persons)[there]  # (K, N)
        found = matching.accuracies(scores, persons, self._n_draws, self._rng())
        way, n = f"{trials.probe} to {OTHER[trials.probe]}", (len(scores), int((~there).sum()))
        return [
            self._figure(way, f"{trials.name}, 1:{size}", "accuracy", estimate, 1 / size, *n)
            for size, estimate in enumerate(found, start=2)
        ]

    def _retrieval(self, probe: Modality) -> ProtocolFigure:
        """mAP over the probes of all galleries, each looked for in its own."""
        galleries = self.protocol.retrieval
        parts = [self._precisions(gallery, probe) for gallery in galleries]
        found, person, chance = (np.concatenate(column) for column in zip(*parts, strict=True))
        mean = retrieval.mean_average_precision(found, person, self._n_draws, self._rng())
        name = galleries[0].name if len(galleries) == 1 else f"{len(galleries)} groups"
        way, known = f"{probe} to {OTHER[probe]}", ~np.isnan(found)
        used, listed = int(known.sum()), sum(len(gallery.media(probe)) for gallery in galleries)
        expected = float(chance[known].mean())
        return self._figure(way, f"retrieval, {name}", "mAP", mean, expected, used, listed - used)

    def _precisions(
        self, gallery: RetrievalGallery, probe: Modality
    ) -> tuple[Float64, Strings, Float64]:
        """Average precision, person and chance of every probe that is there."""
        probes, who = self._items(gallery, probe)
        items, whose = self._items(gallery, OTHER[probe])
        found = retrieval.average_precisions(probes, items, who, whose)
        right = Counter(whose.tolist())
        by_count = {n: retrieval.chance_precision(len(items), n) for n in {0, *right.values()}}
        return found, who, np.array([by_count[right[person]] for person in who.tolist()])

    def _items(self, gallery: RetrievalGallery, modality: Modality) -> tuple[Float32, Strings]:
        """Embeddings (n, D) and persons (n,) of a gallery's media that are there."""
        embedded, keys = self._embedded(modality), gallery.media(modality)
        rows, person = embedded.rows(keys), np.array([person_of(key) for key in keys])
        return embedded.emb[rows[rows >= 0]], person[rows >= 0]


def mean_eer(figures: Sequence[ProtocolFigure]) -> list[ProtocolFigure]:
    """P4's figure, the mean EER of its lists, which share no trial: their variances add."""
    parts = [figure for figure in figures if figure.figure == "EER"]
    if len(parts) < 2 or parts[0].protocol != "P4":
        return []
    ends = np.array([(p.estimate.value, p.estimate.low, p.estimate.high) for p in parts])
    value = ends[:, 0].mean()
    below, above = np.linalg.norm(ends[:, 1:] - ends[:, :1], axis=0) / len(parts)
    estimate = Estimate(float(value), float(value - below), float(value + above))
    used, missing = sum(p.used for p in parts), sum(p.missing for p in parts)
    return [replace(parts[0], name="mean", estimate=estimate, used=used, missing=missing)]
