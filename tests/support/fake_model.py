"""The pipeline's interface over random numbers, for tests of the page: no weights, no waiting."""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
from PIL import Image

from vclip.association.explain import Explanation, ShuffledControl
from vclip.errors import ModelError, NoFaceError, SpeakerError, TextError
from vclip.face.photo import Box, crop_face, load_photo, whole_photo
from vclip.pipeline import FaceResult
from vclip.speakers import voice_id
from vclip.speakers.bank import SpeakerBank, top_k
from vclip.speakers.candidates import Candidate
from vclip.speech.synthesizer import Speech, join

D, N_BANK, N_DRAWS = 8, 12, 300
BOXES = [Box(10, 10, 60, 60), Box(70, 20, 100, 50)]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def picture(value: int, side: int = 120) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), (value, value, value)).save(file, "PNG")
    return file.getvalue()


class FakeModel:
    """A black picture has no face; speech is a tone."""

    model, sample_rate, n_faces, zero_shot = "fake", 8000, 3, False
    percentile_means: dict[str, float] = {}  # noqa: RUF012
    weights: dict[str, str] = {"synthesizer": "0" * 64}  # noqa: RUF012

    def __init__(self) -> None:
        rows = unit(np.random.default_rng(0).normal(size=(N_BANK, D)))
        self.bank = SpeakerBank([f"p{i}" for i in range(N_BANK)], rows)

    def sampled_voice_emb(self, seed: int = 0, around: str | None = None) -> np.ndarray:
        centre = 0 if around is None else 3 * self._emb(around)
        return unit(centre + np.random.default_rng(seed + 1).normal(size=(N_DRAWS, D)))

    def look(self, photo: Any, box: Any = None, whole: bool = False) -> FaceResult:
        photo = load_photo(photo) if isinstance(photo, bytes) else photo
        if not whole and not photo.pixels.any():
            raise NoFaceError("No face was found.")
        boxes = [whole_photo(photo)] if whole else BOXES
        box = box or boxes[0]
        emb = unit(np.cos(np.arange(D) * (1 + box.left) + photo.pixels.mean()))
        image = crop_face(photo, box, 16)
        return FaceResult(image, box, boxes, "none" if whole else "fake", emb)

    def read(self, description: str) -> FaceResult:
        if not self.zero_shot:
            raise ModelError("this model knows faces, not words")
        if not description.strip():
            raise TextError("the description is empty")
        emb = unit(np.cos(np.arange(D) * (2 + len(description))))
        return FaceResult(np.zeros((0, 0, 3), np.uint8), Box(0, 0, 0, 0), [], "words", emb)

    def candidate(self, speaker_id: str, seen: FaceResult | None = None) -> Candidate:
        emb = self._emb(speaker_id)
        kind = type(voice_id.parse(speaker_id)).__name__.removesuffix("Voice").lower()
        source = kind if kind in ("bank", "generated") else "shaped"
        score = float(emb @ seen.image_emb) if seen else float("nan")
        return Candidate(0, speaker_id, cast(Any, source), score, emb, emb)

    def candidates(
        self,
        seen: FaceResult,
        k: int = 10,
        source: str = "both",
        seed: int = 0,
        around: str | None = None,
    ) -> list[Candidate]:
        if around is not None:
            ids = [voice_id.near(around, seed, i) for i in range(N_DRAWS)]
        else:
            ids = self.bank.speaker_ids if source != "generated" else []
            drawn = [f"gen-{seed}-{i}" for i in range(N_DRAWS)]
            ids = ids + drawn if source != "bank" else ids
        found = [self.candidate(name, seen) for name in ids]
        best = top_k(np.array([c.score for c in found]), k)
        return [replace(found[i], rank=rank) for rank, i in enumerate(best, 1)]

    def explain(self, candidate: Candidate, seen: FaceResult) -> Explanation:
        return Explanation(float(candidate.voice_emb @ seen.image_emb), 0.75, 3, [("p1", 0.9)])

    def shuffled(
        self,
        seen: FaceResult,
        k: int,
        source: str,
        seed: int,
        index: int,
        around: str | None = None,
    ) -> ShuffledControl:
        other = replace(seen, image_emb=np.roll(seen.image_emb, 1 + index))
        found = self.candidates(other, k, source, seed, around)
        here = [float(c.voice_emb @ seen.image_emb) for c in found]
        mine = {c.speaker_id for c in self.candidates(seen, k, source, seed, around)}
        return ShuffledControl(found, here, sum(c.speaker_id in mine for c in found))

    def recite(
        self, text: str, candidate: Candidate, seed: int = 0, rate: float = 1, pause: float = 0.2
    ) -> Iterator[tuple[float, Speech]]:
        if not text.strip():
            raise TextError("the text is empty")
        return self._recite(rate)

    def _recite(self, rate: float) -> Iterator[tuple[float, Speech]]:
        tone = np.sin(np.arange(round(4000 / rate)) * 0.4).astype(np.float32)
        for share, level in ((0.5, 0.1), (1.0, 0.2)):
            yield share, Speech(level * tone, self.sample_rate)

    def normalize_stream(
        self, pieces: Iterator[tuple[float, Speech]], candidate: Candidate, lufs: float = -16.0
    ) -> Iterator[tuple[float, Speech]]:
        yield from pieces

    def speak(self, text: str, candidate: Candidate, *manner: Any, **named: Any) -> Speech:
        return join([speech for _, speech in self.recite(text, candidate, *manner, **named)])

    def describe(self) -> dict[str, Any]:
        return {"model": self.model}

    def _emb(self, speaker_id: str) -> np.ndarray:
        """What a voice's id says, over unit vectors in place of speakers."""
        voice = voice_id.parse(speaker_id)
        if isinstance(voice, voice_id.BankVoice):
            return np.asarray(self.bank.voice_emb[self.bank.index(speaker_id)])
        if isinstance(voice, voice_id.GeneratedVoice):
            if voice.index >= N_DRAWS:
                raise SpeakerError("there is no such draw")
            return np.asarray(self.sampled_voice_emb(voice.seed)[voice.index])
        if isinstance(voice, voice_id.NearbyVoice):
            return np.asarray(self.sampled_voice_emb(voice.seed, str(voice.base))[voice.index])
        if isinstance(voice, voice_id.BlendedVoice):
            ends = [self._emb(str(end)) for end in (voice.base, voice.other)]
            return unit((1 - voice.share) * ends[0] + voice.share * ends[1])
        moved = self._emb(str(voice.base)).copy()
        moved[: len(voice.moves)] += voice.moves
        return unit(moved)
