"""The pipeline from a face to candidate voices to speech, for app, command line and notebook."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from vclip import __version__, limits
from vclip.arrays import Float32, Pixels
from vclip.association import explain
from vclip.association.explain import Explanation, ShuffledControl
from vclip.association.zero_shot import ZeroShotHeads
from vclip.errors import InputError, ModelError
from vclip.face.detector import FaceDetector, find_faces
from vclip.face.encoder import ImageEncoder
from vclip.face.photo import Box, Photo, crop_face, load_photo, whole_photo
from vclip.limits import Source, check_request
from vclip.models import load
from vclip.models.directory import ModelDirectory
from vclip.speakers.bank import top_k
from vclip.speakers.candidates import Candidate, VoiceLibrary, sample_id
from vclip.speech.narrator import Narrator, Pieces, master
from vclip.speech.synthesizer import Speech, Synthesizer, check_seed, join
from vclip.speech.vits import CoquiVits

PAUSE = 0.2  # seconds between sentences
LUFS = -16.0  # what music and video services use; -23 for listening tests


@dataclass(frozen=True)
class FaceResult:
    """A face and its image_emb (D,), unit norm; image is the crop, (size, size, 3) uint8.

    Of a description there is no pixel and no box, and the detector is "words".
    """

    image: Pixels
    box: Box
    boxes: list[Box]
    detector: str
    image_emb: Float32

    def as_dict(self) -> dict[str, Any]:
        """What is told of it as JSON: box in pixels, detector, number of faces."""
        return {"box": self.box.as_list(), "detector": self.detector, "faces": len(self.boxes)}


class FaceToVoice:
    """A face-to-voice model: all of one model directory, shared read-only by all requests."""

    def __init__(
        self,
        directory: ModelDirectory,
        encoder: ImageEncoder,
        voices: VoiceLibrary,
        synthesizer: Synthesizer,
        image_features: Float32,
        narrator: type[Narrator] = Narrator,
    ) -> None:
        self.model, self.components = directory.name, directory.components
        self.bank, self.sample_rate = voices.bank, synthesizer.sample_rate
        self._encoder, self._detector = encoder, FaceDetector()
        self._heads, self._voices, self._narrator = voices.heads, voices, narrator(synthesizer)
        self.reference_faces = self._embed(image_features)  # (N, D), of other people

    @classmethod
    def from_pretrained(
        cls, model: str = "bundled", narrator: type[Narrator] = Narrator
    ) -> "FaceToVoice":
        """Load a shipped model by name, a directory by path, or one of the hub by id@commit.

        What is not here is fetched on first use. narrator: what speaks. Raises ModelError.
        """
        directory = ModelDirectory.open(model)
        synthesizer = CoquiVits.load(directory.folder("synthesizer"))
        voices = load.load_voices(directory, synthesizer)
        encoder = load.load_image_encoder(directory)
        others = load.load_reference_faces(directory, encoder.dimension)
        return cls(directory, encoder, voices, synthesizer, others, narrator)

    def look(
        self, photo: bytes | Photo, box: Box | int | None = None, whole: bool = False
    ) -> FaceResult:
        """Embed the largest face, or that of a box or a box's index; whole: the whole picture.

        Raises ImageError, NoFaceError, InputError.
        """
        photo = load_photo(photo) if isinstance(photo, bytes) else photo
        if whole:
            boxes, detector = [whole_photo(photo)], "none"
        else:
            boxes, detector = find_faces(photo, self._detector), self._detector.name
        if isinstance(box, int) and not 0 <= box < len(boxes):
            raise InputError(f"there is no face {box}; the photo has faces 0 to {len(boxes) - 1}")
        chosen = boxes[box or 0] if isinstance(box, int | None) else box
        image = crop_face(photo, chosen, self._encoder.image_size)
        image_emb = self._embed(self._encoder.encode(image[None]))[0]
        return FaceResult(image, chosen, boxes, detector, image_emb)

    def read(self, description: str) -> FaceResult:
        """Embed a description, such as "an old man", to be used in the place of a face.

        Only where `zero_shot`. Raises ModelError, TextError.
        """
        if not isinstance(self._heads, ZeroShotHeads):
            raise ModelError(
                "this model knows faces, not words; use a zero-shot one, as --model zero-shot is"
            )
        image_emb = self._heads.encode_description(description)
        nothing = np.zeros((0, 0, 3), dtype=np.uint8)
        return FaceResult(nothing, Box(0, 0, 0, 0), [], "words", image_emb)

    def candidates(
        self,
        seen: FaceResult,
        k: int = 10,
        source: Source = "both",
        seed: int = 0,
        around: str | None = None,
    ) -> list[Candidate]:
        """The k voices that fit best, of the bank, of N_GENERATED new ones, or of both.

        Of the N_NEAR new ones around a voice if the id of one is given; source is then ignored.
        Raises InputError, SpeakerError.
        """
        check_request(k, source, seed)
        return self._rank(seen.image_emb, k, source, seed, around)

    def resample(
        self, seen: FaceResult, seed: int, k: int = 10, source: Source = "generated"
    ) -> list[Candidate]:
        """Candidates of another seed: other generated voices for the same face."""
        return self.candidates(seen, k, source, seed)

    def sampled_voice_emb(self, seed: int = 0, around: str | None = None) -> Float32:
        """voice_emb of a seed's voices, (N_GENERATED, D) or (N_NEAR, D) around a voice."""
        return self._voices.sampled_voice_emb(seed, around)

    def candidate(self, speaker_id: str, seen: FaceResult | None = None) -> Candidate:
        """A voice by any id of `voice_ids`; rank 0. Raises SpeakerError."""
        found = self._voices.candidate(speaker_id)
        return replace(found, score=float(found.voice_emb @ seen.image_emb)) if seen else found

    def coordinates(self, candidate: Candidate) -> list[float]:
        """Coordinates of a voice along the DIRECTIONS, in standard deviations of the bank."""
        return self._voices.coordinates(candidate.speaker_embedding)

    @property
    def zero_shot(self) -> bool:
        """Whether no association was trained and `vclip.association.zero_shot` stands in for it."""
        return isinstance(self._heads, ZeroShotHeads)

    @property
    def n_faces(self) -> int:
        """Reference faces to compare with; 0 if the model directory has none."""
        return len(self.reference_faces)

    @property
    def percentile_means(self) -> dict[str, float]:
        """Mean percentiles measured on people with known face and voice; {} if not measured.

        `own` voices, `others`, others of the `same_sex`; see
        `vclip.recipes.generation.reference_faces`.
        """
        noted: dict[str, float] = self.components.get("faces", {}).get("made", {}).get("worth", {})
        return noted

    def explain(self, candidate: Candidate, seen: FaceResult) -> Explanation:
        """How a voice fits this face, how it fits others, and what it resembles."""
        return explain.explain(candidate, seen.image_emb, self.reference_faces, self.bank)

    def shuffled(
        self,
        seen: FaceResult,
        k: int = 10,
        source: Source = "both",
        seed: int = 0,
        index: int = 0,
        around: str | None = None,
    ) -> ShuffledControl:
        """The candidates of reference face `index` instead. Raises ModelError, InputError."""
        explain.check_reference_face(index, self.n_faces)
        offered = self.candidates(seen, k, source, seed, around)
        other = self._rank(self.reference_faces[index], k, source, seed, around)
        return explain.shuffled_control(offered, other, seen.image_emb)

    @property
    def weights(self) -> dict[str, str]:
        """SHA-256 of every component that has a file."""
        return {name: e["sha256"] for name, e in self.components.items() if e.get("sha256")}

    def describe(self) -> dict[str, Any]:
        """What the model is made of and what may be asked of it, as JSON."""
        told = ("sha256", "data", "command", "licence", "url")
        parts = {n: {k: e[k] for k in told if k in e} for n, e in self.components.items()}
        return {
            "model": self.model,
            "version": __version__,
            "components": parts,
            "zero_shot": self.zero_shot,
            "speakers": list(self.bank.speaker_ids),
            "sample_rate": self.sample_rate,
            "faces": self.n_faces,
            **limits.request_limits(),
        }

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
    ) -> Pieces:
        """What speak says piece by piece, before `narrator.master` gives the whole its loudness.

        Each piece comes with the share of the text that is done, roughly; wrong arguments raise
        at once, closing the iterator stops the work.
        """
        check_seed(seed)
        return self._narrator.recite(text, candidate.speaker_embedding, seed, rate, pause)

    def normalize_stream(self, pieces: Pieces, candidate: Candidate, lufs: float = LUFS) -> Pieces:
        """Pieces of `recite` brought near `lufs` by the gain of this voice on another sentence.

        The first call with a voice measures that gain on a sentence of ours.
        """
        return self._narrator.normalize_stream(pieces, candidate.speaker_embedding, lufs)

    def speak_stream(
        self,
        text: str,
        candidate: Candidate,
        seed: int = 0,
        rate: float = 1.0,
        pause: float = PAUSE,
        lufs: float = LUFS,
    ) -> Pieces:
        """Stream a text as it is spoken: `recite`, then `normalize_stream`."""
        pieces = self.recite(text, candidate, seed, rate, pause)
        return self.normalize_stream(pieces, candidate, lufs)

    def _embed(self, image_features: Float32) -> Float32:
        """image_features (N, F) -> image_emb (N, D)."""
        with torch.inference_mode():
            image_emb = self._heads.encode_image(torch.from_numpy(image_features))
        return np.asarray(image_emb.numpy(), dtype=np.float32)

    def _rank(
        self, image_emb: Float32, k: int, source: Source, seed: int, around: str | None
    ) -> list[Candidate]:
        found: list[tuple[float, str]] = []
        if around is None and source in ("bank", "both"):
            found += [(hit.score, hit.speaker_id) for hit in self.bank.search(image_emb, k)]
        if around is not None or source in ("generated", "both"):
            scores = self.sampled_voice_emb(seed, around) @ image_emb  # one product ranks all
            found += [(float(scores[i]), sample_id(seed, int(i), around)) for i in top_k(scores, k)]
        found.sort(key=lambda hit: -hit[0])
        ranked = enumerate(found[:k], start=1)
        return [self._voices.candidate(name, score, rank) for rank, (score, name) in ranked]
