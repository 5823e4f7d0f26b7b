"""A published protocol under an association: each listed medium embedded once, then the figures.

Trials are scored by the cosine of their two media. A trial of which a medium has no features has no
score: it is left out and counted beside the figure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
WAYS = {"voice": "voice to face", "face": "face to voice"}


@dataclass(frozen=True)
class ProtocolFigure:
    """One list under one measure."""

    protocol: str
    what: str  # verification, voice to face, face to voice, retrieval …
    name: str  # of the list
    figure: str  # AUC, EER, accuracy, mAP
    estimate: Estimate
    chance: float
    used: int  # trials or probes that could be scored
    missing: int  # those that could not

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self)) | {"estimate": dict(vars(self.estimate))}

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
        paths: Mapping[str, str],
        embed: Callable[[Sequence[str]], Float32],
    ) -> None:
        """listed: keys. paths: of media with features, by key. embed: paths to unit rows (n, D)."""
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
    faces, voices = (index_media(side.keys, ids) for side in sides)

    def embed_faces(paths: Sequence[str]) -> Float32:
        return encode_faces(heads, sides[0].matrix(paths))

    def embed_voices(paths: Sequence[str]) -> Float32:
        return encode_voices(heads, sides[1].matrix(paths))

    return (
        EmbeddedMedia(protocol.media("face"), faces, embed_faces),
        EmbeddedMedia(protocol.media("voice"), voices, embed_voices),
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
        if not len(faces.emb) or not len(voices.emb):
            raise DataError(
                f"none of the media that {protocol.name} lists has features; `python -m "
                "vclip.recipes.evaluation.protocols` writes the manifest to make them of"
            )

    def figures(self) -> list[ProtocolFigure]:
        """Every figure, in the protocol's order."""
        parts = [self._verification(trials) for trials in self.protocol.verification]
        parts += [self._matching(trials) for trials in self.protocol.matching]
        parts += [self._retrieval("voice"), self._retrieval("face")]
        found = [figure for part in parts for figure in part]
        return found + mean_eer(found)

    def scores(self, trials: VerificationTrials) -> tuple[Float64, Bools]:
        """Cosines of the trials that have both media, and which trials those are (K,)."""
        voice, face = self.voices.rows(trials.voices), self.faces.rows(trials.faces)
        there = (voice >= 0) & (face >= 0)
        found = verification.trial_cosines(
            self.voices.emb, self.faces.emb, voice[there], face[there]
        )
        return found, there

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)

    def _probes_first(self, probe: Modality) -> tuple[EmbeddedMedia, EmbeddedMedia]:
        return (self.voices, self.faces) if probe == "voice" else (self.faces, self.voices)

    def _figure(
        self, what: str, name: str, figure: str, found: Estimate, chance: float, n: tuple[int, int]
    ) -> ProtocolFigure:
        """n: trials or probes that could be scored, and all."""
        used, listed = n
        return ProtocolFigure(
            self.protocol.name, what, name, figure, found, chance, used, listed - used
        )

    def _verification(self, trials: VerificationTrials) -> list[ProtocolFigure]:
        if trials.positive is None:  # only the organisers can say
            return []
        scores, there = self.scores(trials)
        persons = np.array(trials.persons)[there]
        found = verification.verify(
            scores, trials.positive[there], persons, self._n_draws, self._rng()
        )
        return [
            self._figure(
                "verification", trials.name, name, estimate, 0.5, (len(scores), len(there))
            )
            for name, estimate in zip(("AUC", "EER"), found, strict=True)
        ]

    def _matching(self, trials: MatchingTrials) -> list[ProtocolFigure]:
        probes, others = self._probes_first(trials.probe)
        probe = probes.rows(trials.probes)
        rows = np.stack([others.rows(x) for x in zip(*trials.candidates, strict=True)], axis=1)
        there = (probe >= 0) & (rows >= 0).all(axis=1)
        scores = [
            verification.trial_cosines(probes.emb, others.emb, probe[there], column)
            for column in rows[there].T
        ]
        found = matching.accuracies(
            np.stack(scores, axis=1), np.array(trials.persons)[there], self._n_draws, self._rng()
        )
        n_trials = int(there.sum()), len(there)
        return [
            self._figure(
                WAYS[trials.probe], f"{trials.name}, 1:{n}", "accuracy", estimate, 1 / n, n_trials
            )
            for n, estimate in enumerate(found, start=2)
        ]

    def _retrieval(self, probe: Modality) -> list[ProtocolFigure]:
        """mAP over the probes of all galleries, each looked for in its own."""
        galleries = self.protocol.retrieval
        if not galleries:
            return []
        parts = [self._precisions(gallery, probe) for gallery in galleries]
        found, person, chance = (np.concatenate(column) for column in zip(*parts, strict=True))
        mean = retrieval.mean_average_precision(found, person, self._n_draws, self._rng())
        names = [gallery.name for gallery in galleries]
        name = f"retrieval, {names[0] if len(names) == 1 else f'{len(names)} groups'}"
        known = ~np.isnan(found)
        n = int(known.sum()), sum(len(gallery.media(probe)) for gallery in galleries)
        return [self._figure(WAYS[probe], name, "mAP", mean, float(chance[known].mean()), n)]

    def _precisions(
        self, gallery: RetrievalGallery, probe: Modality
    ) -> tuple[Float64, Strings, Float64]:
        """Average precision, person and chance of every probe that is there."""
        sides: list[tuple[Float32, Strings]] = []
        keys = gallery.voices, gallery.faces
        for embedded, listed in zip(
            self._probes_first(probe), keys if probe == "voice" else keys[::-1], strict=True
        ):
            rows = embedded.rows(listed)
            person = np.array([person_of(key) for key in listed])
            sides.append((embedded.emb[rows[rows >= 0]], person[rows >= 0]))
        (probes, who), (items, whose) = sides
        found = retrieval.average_precisions(probes, items, who, whose)
        right = Counter(whose.tolist())
        by_count = {n: retrieval.chance_precision(len(items), n) for n in {0, *right.values()}}
        return found, who, np.array([by_count[right[person]] for person in who.tolist()])


def mean_eer(figures: Sequence[ProtocolFigure]) -> list[ProtocolFigure]:
    """P4's figure, the mean EER of its lists, which share no trial: their variances add."""
    parts = [figure for figure in figures if figure.figure == "EER"]
    if len(parts) < 2 or parts[0].protocol != "P4":
        return []
    value = float(np.mean([p.estimate.value for p in parts]))
    below, above = (
        float(np.sqrt(sum((getattr(p.estimate, end) - p.estimate.value) ** 2 for p in parts)))
        for end in ("low", "high")
    )
    estimate = Estimate(value, value - below / len(parts), value + above / len(parts))
    n = sum(p.used for p in parts), sum(p.missing for p in parts)
    return [replace(parts[0], name="mean", estimate=estimate, used=n[0], missing=n[1])]
