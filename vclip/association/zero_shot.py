"""Zero-shot heads: CLIP compares a face with text descriptions of the voices' speakers.

A speaker of the bank is described by what is known of them ("a 34-year-old woman"), and CLIP
compares the description with the picture of the face. Nothing here was trained on faces and voices
of the same people, so it is the baseline that a trained association has to beat, and what is left
to do with a CLIP and no association. Descriptions are only ever about speakers of the bank, never
about who is in the picture, and nobody is shown them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vclip.arrays import Float32
from vclip.errors import ModelError, TextError
from vclip.speakers.signature import SignatureNet

# the embeddings of several prompts are averaged, as in Radford et al. 2021, §3.1.4
TEMPLATES = (
    "a photo of {}.",
    "a portrait of {}.",
    "a close-up photo of {}.",
    "a cropped photo of the face of {}.",
    "a video frame of {} speaking.",
    "this is {}.",
)
NOUNS = {"F": "woman", "M": "man"}
AN = ("8", "11-", "18-")  # numbers that are spoken with a vowel at their beginning
THE = ("USA", "UK", "Netherlands", "Philippines", "Dominican Republic", "Czech Republic")
UNKNOWN = ("", "unknown")


class TextEncoder(Protocol):
    """Text tower of the CLIP whose image tower makes image_features."""

    dimension: int

    def encode(self, texts: Sequence[str]) -> Float32:
        """N texts -> (N, F) float32, raw scale."""


@dataclass(frozen=True)
class SpeakerProfile:
    """What is known of a speaker: sex 'F', 'M' or ''; age in years; accent, country by name."""

    sex: str = ""
    age: float | None = None
    accent: str = ""
    country: str = ""

    def describe(self) -> str:
        """Description as in a caption: "an 18-year-old New Zealand woman"."""
        # NewZealand is New Zealand: some manifests are without spaces
        accent = "" if self.accent.lower() in UNKNOWN else re.sub(r"\B(?=[A-Z])", " ", self.accent)
        age = "" if self.age is None else f"{self.age:.0f}-year-old"
        words = " ".join(word for word in (age, accent, NOUNS.get(self.sex, "person")) if word)
        vowel = words.startswith(AN) or words[0] in "AEIOaeio"
        origin = f" from {'the ' * (self.country in THE)}{self.country}" if self.country else ""
        return f"{'an' if vowel else 'a'} {words}{origin}"


def speaker_profiles(bank: Mapping[str, Any]) -> list[SpeakerProfile]:
    """Profiles from arrays of bank.npz, any of: sex (N,), age (N,) nan if unknown, accent (N,).

    `vclip.recipes.generation.describe_bank` writes the last two.
    """
    n = len(bank["speaker_ids"])
    sexes = bank["sex"].tolist() if "sex" in bank else [""] * n
    ages = bank["age"].tolist() if "age" in bank else [np.nan] * n
    accents = bank["accent"].tolist() if "accent" in bank else [""] * n
    return [
        SpeakerProfile(sex, None if np.isnan(age) else age, accent)
        for sex, age, accent in zip(sexes, ages, accents, strict=True)
    ]


def embed_descriptions(encoder: TextEncoder, descriptions: Sequence[str]) -> Float32:
    """N descriptions -> (N, F) of unit norm: the mean over TEMPLATES, all weighing alike."""
    names, row = np.unique(descriptions, return_inverse=True)
    prompts = [template.format(name) for name in names for template in TEMPLATES]
    each = _unit(encoder.encode(prompts)).reshape(len(names), len(TEMPLATES), encoder.dimension)
    return _unit(each.mean(1))[row]


def description_scores(
    encoder: TextEncoder, image_features: Float32, speakers: Sequence[SpeakerProfile]
) -> Float32:
    """Cosines (N, M) of faces' image_features (N, F) with descriptions of M speakers.

    The zero-shot baseline of the evaluations: it hears no voice, and knows of each speaker what a
    bank would.
    """
    described = [speaker.describe() for speaker in speakers]
    names, column = np.unique(described, return_inverse=True)  # alike in words, alike in score
    text_emb = embed_descriptions(encoder, names.tolist())
    cosines = _unit(image_features) @ text_emb.T  # (N, F) @ (F, names)
    return np.asarray(cosines[:, column], dtype=np.float32)


class ZeroShotHeads:
    """Zero-shot heads in the place of trained ones, in the space of CLIP (D = F).

    voice_emb (N, D) are the descriptions of the bank's speakers. A voice without a description
    gets the one that a ridge regression from the bank's voice_features (N, V) expects.
    Raises ModelError if all speakers would be described alike.
    """

    def __init__(
        self, encoder: TextEncoder, speakers: Sequence[SpeakerProfile], voice_features: Float32
    ) -> None:
        described = [speaker.describe() for speaker in speakers]
        if len(set(described)) < 2:
            raise ModelError(
                "nothing is known of the bank's speakers by which descriptions could tell them "
                "apart; train an association, or run "
                "`python -m vclip.recipes.generation.describe_bank`"
            )
        self._encoder = encoder
        self.image_dimension, self.voice_dimension = encoder.dimension, voice_features.shape[1]
        self.voice_emb = embed_descriptions(encoder, described)
        expected = SignatureNet.ridge(voice_features, self.voice_emb)
        self._expected = expected.requires_grad_(False)

    def encode_image(self, image_features: Tensor) -> Tensor:
        """CLIP's image_features (N, F), raw -> image_emb (N, F), unit norm."""
        return F.normalize(image_features, dim=1)

    def encode_voice(self, voice_features: Tensor) -> Tensor:
        """voice_features (N, V), raw -> the descriptions expected of them (N, F), unit norm."""
        expected: Tensor = self._expected(voice_features)
        return expected

    def encode_description(self, description: str) -> Float32:
        """Text embedding in the place of image_emb: (F,) of unit norm. Raises TextError."""
        if not description.strip():
            raise TextError('the description is empty; write one like "an old man"')
        return np.asarray(embed_descriptions(self._encoder, [description.strip()])[0])


def _unit(rows: Float32) -> Float32:
    return np.asarray(F.normalize(torch.from_numpy(rows), dim=-1).numpy())
