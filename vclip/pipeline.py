"""From a face to candidate voices to speech: what the app, the command line and a notebook call."""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch

from vclip import association, derived, encoders, face
from vclip.bank import SpeakerBank, top
from vclip.errors import InputError, ModelError, SpeakerError, TextError
from vclip.generation import SpeakerGMM
from vclip.narration import MAX_SEED, Narrator, master
from vclip.signature import SignatureNet
from vclip.speech import Speech, Synthesizer, join
from vclip.tts import CoquiVits
from vclip.weights import ModelDirectory

Array = npt.NDArray[np.float32]
Source = Literal["bank", "generated", "both"]

N_GENERATED = 5000  # paper §4.1
MAX_CHARS = 2000  # of a text in the app; the library has no limit
MAX_K = 100
PAUSE = 0.2  # seconds between sentences
LUFS = -16.0  # what music and video services use; -23 for listening tests


@dataclass(frozen=True)
class FaceResult:
    """A face as it was seen: image (size, size, 3) uint8, image_emb (D,) of unit norm."""

    image: npt.NDArray[np.uint8]
    box: face.Box
    boxes: list[face.Box]
    detector: str
    image_emb: Array

    def as_dict(self) -> dict[str, Any]:
        """What is told of it as JSON: box in pixels, detector, number of faces."""
        return {
            "box": self.box.as_list(),
            "detector": self.detector,
            "faces": len(self.boxes),
        }


@dataclass(frozen=True)
class Candidate:
    """A voice on offer. score is the cosine with the face; NaN where no face was given."""

    rank: int
    speaker_id: str
    source: Literal["bank", "generated"]
    score: float
    speaker_embedding: Array  # (S,), raw scale
    voice_emb: Array  # (D,), unit norm

    def as_dict(self) -> dict[str, Any]:
        """What is told of it as JSON."""
        names = ("rank", "speaker_id", "source")
        return {name: getattr(self, name) for name in names} | {"score": round(self.score, 6)}


class FaceToVoice:
    """Everything of one model directory, shared read-only by all requests."""

    def __init__(
        self,
        model: str,
        image_encoder: encoders.ImageEncoder,
        heads: association.Association,
        bank: SpeakerBank,
        gmm: SpeakerGMM,
        signature: SignatureNet,
        synthesizer: Synthesizer,
        detector: face.Detector,
    ) -> None:
        self.model, self.bank = model, bank
        self.sample_rate = synthesizer.sample_rate
        self._image_encoder, self._heads, self._gmm = image_encoder, heads, gmm
        self._signature, self._detector = signature, detector
        self._narrator = Narrator(synthesizer)
        self._bank_speaker_embeddings = _rows(synthesizer, bank.speaker_ids)
        # a few seeds are in use at a time; 5000 x (S + D) floats each
        self._generated = functools.lru_cache(maxsize=8)(self._generate)

    @classmethod
    def from_pretrained(cls, model: str = "bundled") -> "FaceToVoice":
        """Load a shipped model by name, a directory by path, or one of the hub by id@commit.

        What is not here is fetched on first use. Raises ModelError.
        """
        directory = ModelDirectory.open(model)
        synthesizer = CoquiVits.load(directory.folder("synthesizer"))
        heads = association.load(directory.file("association"))
        with np.load(directory.file("bank"), allow_pickle=False) as file:
            ids, voice_features = file["speaker_ids"].tolist(), file["voice_features"]
        table = _rows(synthesizer, ids)
        return cls(
            model=directory.name,
            image_encoder=encoders.load_face_encoder(directory.file("image_encoder")),
            heads=heads,
            bank=SpeakerBank(ids, _voice_emb(heads, torch.from_numpy(voice_features))),
            gmm=derived.generation(directory, table),
            signature=derived.signature(directory, table, voice_features),
            synthesizer=synthesizer,
            detector=face.Detector(),
        )

    def look(
        self, photo: bytes | face.Photo, box: face.Box | int | None = None, whole: bool = False
    ) -> FaceResult:
        """Find the faces, take the largest (or a box, or the box of an index) and encode it.

        Raises ImageError, NoFaceError (whole=True uses the whole picture instead), InputError.
        """
        photo = face.load(photo) if isinstance(photo, bytes) else photo
        if whole:
            boxes, detector = [face.whole(photo)], "none"
        else:
            boxes, detector = face.find(photo, self._detector), self._detector.name
        if isinstance(box, int) and not 0 <= box < len(boxes):
            raise InputError(f"there is no face {box}; the photo has faces 0 to {len(boxes) - 1}")
        chosen = boxes[box or 0] if isinstance(box, int | None) else box
        image = face.crop(photo, chosen, self._image_encoder.image_size)
        features = torch.from_numpy(self._image_encoder.encode(image[None]))  # (1, F)
        with torch.inference_mode():
            image_emb = self._heads.encode_image(features)[0].numpy()
        return FaceResult(image, chosen, boxes, detector, image_emb)

    def candidates(
        self, seen: FaceResult, k: int = 10, source: Source = "both", seed: int = 0
    ) -> list[Candidate]:
        """The k voices that fit best, of the bank, of N_GENERATED new ones, or of both."""
        check_request(k, source, seed)
        found: list[Candidate] = []
        if source in ("bank", "both"):
            hits = self.bank.search(seen.image_emb, k)
            found += [self._from_bank(hit.index, hit.score) for hit in hits]
        if source in ("generated", "both"):
            scores = self.cloud(seed) @ seen.image_emb  # one product ranks all
            found += [self._from_gmm(seed, int(i), float(scores[i])) for i in top(scores, k)]
        found.sort(key=lambda candidate: -candidate.score)
        return [replace(candidate, rank=rank) for rank, candidate in enumerate(found[:k], start=1)]

    def resample(
        self, seen: FaceResult, seed: int, k: int = 10, source: Source = "generated"
    ) -> list[Candidate]:
        """Candidates of another seed: other generated voices for the same face."""
        return self.candidates(seen, k, source, seed)

    def cloud(self, seed: int = 0) -> Array:
        """voice_emb (N_GENERATED, D) of a seed's generated voices, as the TTS will sound."""
        return self._generated(seed)[1]

    def candidate(self, speaker_id: str, seen: FaceResult | None = None) -> Candidate:
        """A voice by its id, of the bank or `gen-SEED-INDEX`; rank 0. Raises SpeakerError."""
        if speaker_id.startswith("gen-"):
            found = self._from_gmm(*_parse_generated(speaker_id), float("nan"))
        else:
            found = self._from_bank(self.bank.index(speaker_id), float("nan"))
        return replace(found, score=float(found.voice_emb @ seen.image_emb)) if seen else found

    def speak(
        self,
        text: str,
        candidate: Candidate,
        seed: int = 0,
        rate: float = 1.0,
        pause: float = PAUSE,
        lufs: float = LUFS,
    ) -> Speech:
        """Say a text of any length at `lufs`; the same arguments give the same samples.

        rate 2 is twice as fast, pause is the silence in seconds between sentences. Raises
        TextError, InputError, BusyError.
        """
        pieces = self.recite(text, candidate, seed, rate, pause)
        return master(join([speech for _, speech in pieces]), lufs)

    def recite(
        self,
        text: str,
        candidate: Candidate,
        seed: int = 0,
        rate: float = 1.0,
        pause: float = PAUSE,
    ) -> Iterator[tuple[float, Speech]]:
        """What speak says piece by piece, before `narration.master` gives the whole its loudness.

        Each piece comes with the share of the text that is done, roughly; wrong arguments raise
        at once, closing the iterator stops the work.
        """
        check_seed(seed)
        return self._narrator.recite(text, candidate.speaker_embedding, seed, rate, pause)

    def speak_stream(
        self,
        text: str,
        candidate: Candidate,
        seed: int = 0,
        rate: float = 1.0,
        pause: float = PAUSE,
        lufs: float = LUFS,
    ) -> Iterator[tuple[float, Speech]]:
        """The same ready to be heard while it is spoken: near `lufs`, with the voice's usual gain.

        The first call with a voice measures that gain on a sentence of ours.
        """
        check_seed(seed)
        embedding = candidate.speaker_embedding
        return self._narrator.stream(text, embedding, seed, rate, pause, lufs)

    def _generate(self, seed: int) -> tuple[Array, Array]:
        speaker_embeddings = self._gmm.sample(N_GENERATED, np.random.default_rng(seed))
        with torch.inference_mode():
            voice_features = self._signature(torch.from_numpy(speaker_embeddings))
        return speaker_embeddings, _voice_emb(self._heads, voice_features)

    def _from_bank(self, index: int, score: float) -> Candidate:
        embedding, emb = self._bank_speaker_embeddings[index], self.bank.voice_emb[index]
        return Candidate(0, self.bank.speaker_ids[index], "bank", score, embedding, emb)

    def _from_gmm(self, seed: int, index: int, score: float) -> Candidate:
        embeddings, embs = self._generated(seed)
        speaker_id = f"gen-{seed}-{index}"
        return Candidate(0, speaker_id, "generated", score, embeddings[index], embs[index])


def check_length(text: str) -> None:
    """Raise TextError for a text that is too long for the app."""
    if (length := len(text.strip())) > MAX_CHARS:
        raise TextError(f"the text has {length} characters, the limit is {MAX_CHARS}; shorten it")


def check_request(k: int, source: str, seed: int) -> None:
    """Raise InputError for a k, source or seed that cannot be served."""
    if not 1 <= k <= MAX_K:
        raise InputError(f"k is {k}; ask for 1 to {MAX_K} voices")
    if source not in get_args(Source):
        raise InputError(f"there is no source {source!r}; use {', '.join(get_args(Source))}")
    check_seed(seed)


def check_seed(seed: int) -> None:
    """Raise InputError for a seed out of range."""
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"the seed is {seed}; use a number from 0 to {MAX_SEED}")


def _rows(synthesizer: Synthesizer, speaker_ids: Sequence[str]) -> Array:
    """Speaker embeddings (N, S) of these speakers. Raises ModelError."""
    rows = {speaker_id: i for i, speaker_id in enumerate(synthesizer.speaker_ids)}
    if unknown := [s for s in speaker_ids if s not in rows]:
        raise ModelError(f"the synthesizer cannot speak {unknown[0]!r} of the bank; rebuild it")
    return synthesizer.speaker_embeddings[[rows[s] for s in speaker_ids]]


def _parse_generated(speaker_id: str) -> tuple[int, int]:
    found = re.fullmatch(r"gen-(\d{1,10})-(\d{1,4})", speaker_id, re.ASCII)
    if found and (seed := int(found[1])) <= MAX_SEED and (index := int(found[2])) < N_GENERATED:
        return seed, index
    raise SpeakerError(
        f"there is no generated speaker {speaker_id!r}; "
        f"ids are gen-SEED-INDEX with an index below {N_GENERATED}"
    )


def _voice_emb(heads: association.Association, voice_features: torch.Tensor) -> Array:
    with torch.inference_mode():
        return np.asarray(heads.encode_voice(voice_features).numpy(), dtype=np.float32)
