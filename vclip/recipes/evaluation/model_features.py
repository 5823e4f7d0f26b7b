"""The heads of a model directory, and features of the encoders that they read."""

from pathlib import Path

import numpy as np
import torch

from vclip.arrays import Float32
from vclip.association.model import load_association, load_association_metadata
from vclip.errors import DataError
from vclip.models import directory, load
from vclip.models.directory import DESCRIPTION, ModelDirectory
from vclip.recipes.data.shards import Shards, open_features
from vclip.speakers.candidates import Heads


def load_heads(folder: Path) -> Heads:
    """The association in a model directory, or the bridge that stands in for it. ModelError.

    Parts of a directory, the heads alone, need no vclip.json.
    """
    path = folder / "association.safetensors"
    if path.is_file() or not (folder / DESCRIPTION).is_file():
        return load_association(path)
    opened = ModelDirectory.open(str(folder))
    with np.load(opened.file("bank"), allow_pickle=False) as bank:
        return load.load_heads(opened, bank)


def encode_faces(heads: Heads, image_features: Float32) -> Float32:
    """image_emb (N, D) of image_features (N, F)."""
    with torch.inference_mode():
        return np.asarray(heads.encode_image(torch.from_numpy(image_features)).numpy())


def encode_voices(heads: Heads, voice_features: Float32) -> Float32:
    """voice_emb (N, D) of voice_features (N, V)."""
    with torch.inference_mode():
        return np.asarray(heads.encode_voice(torch.from_numpy(voice_features)).numpy())


def fitting_features(features: Path, model: str, heads: Heads) -> tuple[Shards, Shards]:
    """Faces and voices of a folder of shards. DataError if they are not what the heads read.

    That is decided by the weights of their encoders, where those are known: another encoder of the
    same dimension would score like chance without a word.
    """
    faces, voices = open_features(features)
    path = directory.find_model(model) / "association.safetensors"
    known = load_association_metadata(path) if path.is_file() else {}
    voice_encoder = known.get("voice_encoder")
    voice_hash = voice_encoder.get("sha256") if isinstance(voice_encoder, dict) else None
    for what, side, dimension, trained_on in (
        ("face", faces, heads.image_dimension, known.get("face_encoder_sha256")),
        ("voice", voices, heads.voice_dimension, voice_hash),
    ):
        made_by = side.about.get("weights_sha256")
        if trained_on and made_by and trained_on != made_by:
            raise DataError(
                f"the {what} features are {side.about.get('spec', 'another encoder')}'s, not of "
                f"the encoder that the heads of {model} were trained on; make them with that one"
            )
        if side.dimension != dimension:
            raise DataError(
                f"{what} features have {side.dimension} columns, the heads of {model} read "
                f"{dimension}; make features with the encoder that they were trained on"
            )
    return faces, voices
