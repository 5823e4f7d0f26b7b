"""The heads of a model directory, and the check that features are of the encoders they read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from vclip.arrays import Float32
from vclip.association.model import load_association, load_association_metadata
from vclip.errors import DataError
from vclip.models import directory, load
from vclip.models.directory import DESCRIPTION, ModelDirectory
from vclip.recipes.data.shards import Shards, open_features
from vclip.speakers.candidates import Heads


class MediaFeatures(Protocol):
    """One side of `vclip.recipes.data.shards`, as far as evaluations need it."""

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


def sees_by_clip(folder: Path) -> bool:
    """Whether a CLIP is the image encoder of a model directory; parts of one need no vclip.json."""
    described = (folder / DESCRIPTION).is_file()
    return described and ModelDirectory.open(str(folder)).clip("image_encoder") is not None


def load_heads(folder: Path) -> Heads:
    """The association in a model directory, or the bridge that stands in for it. ModelError."""
    path = folder / "association.safetensors"
    if path.is_file() or not sees_by_clip(folder):
        return load_association(path)
    opened = ModelDirectory.open(str(folder))
    with np.load(opened.file("bank"), allow_pickle=False) as bank:
        return load.load_heads(opened, bank)


def check_fit(faces: MediaFeatures, voices: MediaFeatures, heads: Heads) -> None:
    """Raises DataError unless the heads read features of these dimensions."""
    for what, side, expected in (
        ("image", faces, heads.image_dimension),
        ("voice", voices, heads.voice_dimension),
    ):
        if side.dimension != expected:
            raise DataError(
                f"{what} features have {side.dimension} columns, the model's heads read "
                f"{expected}; make features with the encoder that the model was trained on"
            )


def fitting_features(features: Path, model: str) -> tuple[Shards, Shards]:
    """Faces and voices of a folder; DataError if the model's heads know other encoders' features.

    Another encoder of the same dimension would score like chance without a word.
    """
    faces, voices = open_features(features)
    path = directory.find_model(model) / "association.safetensors"
    if not path.is_file():  # the zero-shot bridge was trained on no features
        return faces, voices
    known = load_association_metadata(path)
    voice = known.get("voice_encoder")
    for what, side, trained_on in (
        ("face", faces, known.get("face_encoder_sha256")),
        ("voice", voices, voice.get("sha256") if isinstance(voice, dict) else None),
    ):
        made_by = side.about.get("weights_sha256")
        if trained_on and made_by and trained_on != made_by:
            raise DataError(
                f"the {what} features are {side.about.get('spec', 'another encoder')}'s, not of "
                f"the encoder that the heads of {model} were trained on; make them with that one"
            )
    return faces, voices
