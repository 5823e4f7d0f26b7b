"""A published protocol under an association: each listed medium embedded once, then the figures.

Trials are scored by the cosine of their two media. A trial of which a medium has no features has no
score: it is left out and counted beside the figure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from vclip.arrays import Bools, Float32, Float64, Int64
from vclip.errors import DataError
from vclip.recipes.evaluation import protocols
from vclip.recipes.evaluation.protocols import Matching, Retrieval, Verification, index_media
from vclip.recipes.metrics import matching, retrieval, verification
from vclip.recipes.metrics.intervals import Estimate
from vclip.speakers.heads import Heads

BATCH = 4096
WAYS = {"voice": "voice to face", "face": "face to voice"}


class Features(Protocol):
    """One side of `vclip.recipes.data.shards`, as far as it is needed here."""

    @property
    def dimension(self) -> int:
        """Columns."""
        ...

    @property
    def keys(self) -> list[str]:
        """Every path with features."""
        ...

    def matrix(self, keys: Sequence[str]) -> Float32:
        """The plain features of some, (n, dimension)."""
        ...


@dataclass(frozen=True)
class Line:
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


class Side:
    """Embeddings of one side's listed media, by media key."""

    def __init__(self, keys: Sequence[str], paths: dict[str, str], emb: Float32) -> None:
        self.listed = len(keys)
        self.emb = emb  # (n, D) in the order of the keys that are there
        there = [key for key in keys if key in paths]
        self._row = {key: i for i, key in enumerate(there)}

    @property
    def missing(self) -> int:
        """How many listed media have no features."""
        return self.listed - len(self.emb)

    def rows(self, keys: Sequence[str]) -> Int64:
        """Row of every key, -1 where it is missing."""
        return np.array([self._row.get(key, -1) for key in keys], dtype=np.int64)

    @classmethod
    def of(
        cls,
        keys: Sequence[str],
        features: Features,
        encode: Callable[[torch.Tensor], torch.Tensor],
        ids: dict[str, str],
    ) -> "Side":
        """Look the keys up among the features' paths and embed what is there, in batches."""
        paths = index_media(features.keys, ids)
        there = [paths[key] for key in keys if key in paths]
        parts = [np.zeros((0, 1), np.float32)] if not there else []
        for start in range(0, len(there), BATCH):
            batch = torch.from_numpy(features.matrix(there[start : start + BATCH]))
            with torch.inference_mode():
                parts.append(encode(batch).numpy())
        return cls(keys, paths, np.concatenate(parts))


def check_fit(faces: Features, voices: Features, heads: Heads) -> None:
    """Raises DataError unless the heads read features of these dimensions."""
    for what, side, expected in (
        ("image", faces, heads.config.image_dimension),
        ("voice", voices, heads.config.voice_dimension),
    ):
        if side.dimension != expected:
            raise DataError(
                f"{what} features have {side.dimension} columns, the model's heads read "
                f"{expected}; make features with the encoder that the model was trained on"
            )


class Evaluation:
    """One protocol under one association."""

    def __init__(
        self,
        protocol: protocols.Protocol,
        ids: dict[str, str],
        features: tuple[Features, Features],
        heads: Heads,
        n_draws: int,
        seed: int,
    ) -> None:
        """features: of faces, of voices. Raises DataError if they do not fit the heads."""
        check_fit(*features, heads)
        self.protocol, self._n_draws, self._seed = protocol, n_draws, seed
        self.faces = Side.of(protocol.media("face"), features[0], heads.encode_image, ids)
        self.voices = Side.of(protocol.media("voice"), features[1], heads.encode_voice, ids)
        if not len(self.faces.emb) or not len(self.voices.emb):
            raise DataError(
                f"none of the media that {protocol.name} lists has features; `python -m "
                "vclip.recipes.evaluation.protocols` writes the manifest to make them of"
            )
        self._code = {person: i for i, person in enumerate(sorted(protocol.persons))}

    def lines(self) -> list[Line]:
        """Every figure, in the protocol's order."""
        parts = [self._verification(trials) for trials in self.protocol.verification]
        parts += [self._matching(match) for match in self.protocol.matching]
        parts += [self._retrieval("voice"), self._retrieval("face")]
        found = [line for part in parts for line in part]
        return found + mean_eer(found)

    def scores(self, trials: Verification) -> tuple[Float64, Bools]:
        """Cosines of the trials that have both media, and which trials those are (K,)."""
        voice, face = self.voices.rows(trials.voices), self.faces.rows(trials.faces)
        there = (voice >= 0) & (face >= 0)
        found = verification.trial_cosines(
            self.voices.emb, self.faces.emb, voice[there], face[there]
        )
        return found, there

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)

    def _codes(self, persons: Sequence[Sequence[str]]) -> Int64:
        table = [[self._code[person] for person in row] for row in persons]
        return np.array(table, dtype=np.int64)

    def _line(
        self, what: str, name: str, figure: str, found: Estimate, chance: float, n: tuple[int, int]
    ) -> Line:
        return Line(self.protocol.name, what, name, figure, found, chance, n[0], n[1] - n[0])

    def _verification(self, trials: Verification) -> list[Line]:
        if trials.positive is None:  # only the organisers can say
            return []
        scores, there = self.scores(trials)
        auc, eer = verification.verify(
            scores, trials.positive[there], self._codes(trials.persons)[there], self._n_draws,
            self._rng(),
        )  # fmt: skip
        n = len(scores), len(there)
        return [
            self._line("verification", trials.name, figure, found, 0.5, n)
            for figure, found in (("AUC", auc), ("EER", eer))
        ]

    def _matching(self, match: Matching) -> list[Line]:
        one, other = (self.voices, self.faces)[:: 1 if match.probe == "voice" else -1]
        probe = one.rows(match.probes)
        rows = np.stack([other.rows(keys) for keys in zip(*match.candidates, strict=True)], axis=1)
        there = (probe >= 0) & (rows >= 0).all(axis=1)
        scores = [
            verification.trial_cosines(one.emb, other.emb, probe[there], column)
            for column in rows[there].T
        ]
        found = matching.accuracies(
            np.stack(scores, axis=1), self._codes(match.persons)[there], self._n_draws, self._rng()
        )
        what, n_trials = WAYS[match.probe], (len(scores[0]), len(there))
        return [
            self._line(what, f"{match.name}, 1:{n}", "accuracy", estimate, 1 / n, n_trials)
            for n, estimate in enumerate(found, start=2)
        ]

    def _retrieval(self, probe: protocols.Side) -> list[Line]:
        """mAP over the probes of all galleries, each looked for in its own."""
        parts = [self._precisions(gallery, probe) for gallery in self.protocol.retrieval]
        if not parts:
            return []
        found, person, chance = (np.concatenate(column) for column in zip(*parts, strict=True))
        mean = retrieval.mean_average_precision(found, person, self._n_draws, self._rng())
        listed = sum(
            len(g.voices if probe == "voice" else g.faces) for g in self.protocol.retrieval
        )
        names = [gallery.name for gallery in self.protocol.retrieval]
        name = f"retrieval, {names[0] if len(names) == 1 else f'{len(names)} groups'}"
        known = ~np.isnan(found)
        n = (int(known.sum()), listed)
        return [self._line(WAYS[probe], name, "mAP", mean, float(chance[known].mean()), n)]

    def _precisions(
        self, gallery: Retrieval, probe: protocols.Side
    ) -> tuple[Float64, Int64, Float64]:
        """Average precision, person and chance of every probe that is there."""
        sides = [
            (self.voices, gallery.voices, gallery.voice_persons),
            (self.faces, gallery.faces, gallery.face_persons),
        ]
        emb, person = [], []
        for side, keys, persons in sides if probe == "voice" else sides[::-1]:
            rows = side.rows(keys)
            emb.append(side.emb[rows[rows >= 0]])
            person.append(self._codes([[p] for p in persons])[rows >= 0, 0])
        found = retrieval.average_precisions(emb[0], emb[1], person[0], person[1])
        right = np.bincount(person[1], minlength=len(self._code))
        by_count = {n: retrieval.chance_precision(len(emb[1]), n) for n in set(right.tolist())}
        return found, person[0], np.array([by_count[n] for n in right[person[0]].tolist()])


def mean_eer(lines: Sequence[Line]) -> list[Line]:
    """P4's figure, the mean EER of its lists, which share no trial: their variances add."""
    parts = [line for line in lines if line.figure == "EER"]
    if len(parts) < 2 or parts[0].protocol != "P4":
        return []
    value = float(np.mean([line.estimate.value for line in parts]))
    below, above = (
        float(np.sqrt(sum((getattr(p.estimate, end) - p.estimate.value) ** 2 for p in parts)))
        for end in ("low", "high")
    )
    estimate = Estimate(value, value - below / len(parts), value + above / len(parts))
    n = sum(line.used for line in parts), sum(line.missing for line in parts)
    return [replace(parts[0], name="mean", estimate=estimate, used=n[0], missing=n[1])]
