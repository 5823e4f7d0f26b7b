"""Candidate voices by id: of the bank, sampled from the GMM, near, blended or moved.

The same id gives the same speaker embedding, whatever was asked before.
"""

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch

from vclip.arrays import Float32
from vclip.speakers import voice_id
from vclip.speakers.bank import SpeakerBank
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet

Kind = Literal["bank", "generated", "shaped"]
SOURCES: dict[type, Kind] = {voice_id.BankVoice: "bank", voice_id.GeneratedVoice: "generated"}


class Heads(Protocol):
    """Projection heads: frozen features into the joint space, trained or zero-shot."""

    @property
    def image_dimension(self) -> int:
        """Size F of the image_features it reads."""

    @property
    def voice_dimension(self) -> int:
        """Size V of the voice_features it reads."""

    def encode_image(self, image_features: torch.Tensor) -> torch.Tensor:
        """image_features (N, F), raw -> image_emb (N, D), unit norm."""

    def encode_voice(self, voice_features: torch.Tensor) -> torch.Tensor:
        """voice_features (N, V), raw -> voice_emb (N, D), unit norm."""


@dataclass(frozen=True)
class Candidate:
    """A voice on offer. score is the cosine with the face; NaN where no face was given."""

    rank: int
    speaker_id: str
    source: Kind
    score: float
    speaker_embedding: Float32  # (S,), raw scale
    voice_emb: Float32  # (D,), unit norm

    def as_dict(self) -> dict[str, Any]:
        """What is told of it as JSON."""
        names = ("rank", "speaker_id", "source")
        return {name: getattr(self, name) for name in names} | {"score": round(self.score, 6)}


class VoiceLibrary:
    """Builds the voice of any id: bank, GMM sample, near, blend or move; shared by all requests."""

    def __init__(
        self,
        bank: SpeakerBank,
        speaker_embeddings: Float32,
        gmm: SpeakerGMM,
        signature: SignatureNet,
        heads: Heads,
    ) -> None:
        self.bank, self.gmm = bank, gmm
        self._rows, self._signature, self.heads = speaker_embeddings, signature, heads
        # a few seeds and centres are in use at a time; up to 5000 x (S + D) floats each
        self._drawn = functools.lru_cache(maxsize=16)(self._draw)

    def sampled_voice_emb(self, seed: int, around: str | None = None) -> Float32:
        """voice_emb of a seed's voices: (N_GENERATED, D), or (N_NEAR, D) around a voice.

        Raises SpeakerError.
        """
        return self._drawn(seed, None if around is None else str(voice_id.parse(around)))[1]

    def candidate(self, speaker_id: str, score: float = math.nan, rank: int = 0) -> Candidate:
        """The voice of an id. Raises SpeakerError."""
        voice = voice_id.parse(speaker_id)
        embedding, voice_emb = self._both_embeddings(voice)
        if voice_emb is None:
            voice_emb = self.predicted_voice_emb(embedding[None])[0]
        source = SOURCES.get(type(voice), "shaped")
        return Candidate(rank, str(voice), source, score, embedding, voice_emb)

    def coordinates(self, speaker_embedding: Float32) -> list[float]:
        """Coordinates along the DIRECTIONS, in standard deviations; 0 where the bank has none."""
        found = self.gmm.coordinates(speaker_embedding)[: voice_id.DIRECTIONS].tolist()
        return [float(x) for x in found] + [0.0] * (voice_id.DIRECTIONS - len(found))

    def predicted_voice_emb(self, speaker_embeddings: Float32) -> Float32:
        """voice_emb (N, D) of speaker embeddings (N, S), as the TTS will sound."""
        with torch.inference_mode():
            voice_features = self._signature(torch.from_numpy(speaker_embeddings))
        return encode_voice(self.heads, voice_features)

    def _draw(self, seed: int, around: str | None) -> tuple[Float32, Float32]:
        """Speaker embeddings (n, S) of a seed and their voice_emb (n, D).

        Around the voice of a canonical id, if one is given.
        """
        if around is None:
            drawn = self.gmm.sample(voice_id.N_GENERATED, np.random.default_rng(seed))
        else:
            centre, _ = self._both_embeddings(voice_id.parse(around))
            # other noise for each centre: a search around its own result must not repeat its steps
            name = int.from_bytes(hashlib.sha256(around.encode()).digest()[:8], "little")
            rng = np.random.default_rng([seed, name])
            drawn = self.gmm.sample_near(centre, voice_id.N_NEAR, rng)
        return drawn, self.predicted_voice_emb(drawn)

    def _both_embeddings(self, voice: voice_id.Voice) -> tuple[Float32, Float32 | None]:
        """Speaker embedding (S,), and voice_emb (D,) where it need not be predicted for this one.

        Of the bank's voices it is what was heard, of all others what the signature expects. So a
        voice that is moved by next to nothing does not score quite like the voice of the bank it
        came from: the prediction differs from the recording, not the sound. Raises SpeakerError
        for a name that the bank does not have.
        """
        match voice:
            case voice_id.BankVoice(name):
                row = self.bank.index(name)
                return self._rows[row], self.bank.voice_emb[row]
            case voice_id.GeneratedVoice(seed, index):
                speaker_embeddings, voice_emb = self._drawn(seed, None)
                return speaker_embeddings[index], voice_emb[index]
            case voice_id.NearbyVoice(base, seed, index):
                speaker_embeddings, voice_emb = self._drawn(seed, str(base))
                return speaker_embeddings[index], voice_emb[index]
            case voice_id.BlendedVoice(base, other, share):
                (one, _), (two, _) = map(self._both_embeddings, (base, other))
                return np.asarray((1 - share) * one + share * two, dtype=np.float32), None
            case voice_id.MovedVoice(base, moves):
                return self.gmm.shift(self._both_embeddings(base)[0], moves), None


def sample_id(seed: int, index: int, around: str | None) -> str:
    """The id of a draw of `VoiceLibrary.sampled_voice_emb`. Raises SpeakerError."""
    if around is None:
        return str(voice_id.GeneratedVoice(seed, index))
    return voice_id.near(around, seed, index)


def encode_voice(heads: Heads, voice_features: torch.Tensor) -> Float32:
    """voice_features (N, V) -> voice_emb (N, D)."""
    with torch.inference_mode():
        return np.asarray(heads.encode_voice(voice_features).numpy(), dtype=np.float32)
