"""The frozen encoders that a command line names, each with the hash of its weights.

images: `bundled`; FILE.safetensors of face_encoder.train; `clip`, OpenAI's ViT-B/32 at a pinned
commit; OWNER/NAME@COMMIT of the Hugging Face hub; or the directory of a saved CLIP.
voices: `resemblyzer`; `hasp:FILE`, a checkpoint of H/ASP.
"""

import importlib.util
from pathlib import Path

from vclip.association import hasp
from vclip.association.voice_encoder import ResemblyzerEncoder, VoiceEncoder
from vclip.errors import DataError
from vclip.face import clip
from vclip.face.encoder import ImageEncoder, load_face_encoder
from vclip.models.clip_folder import clip_hash, find_clip
from vclip.models.directory import BUNDLED
from vclip.recipes.data.manifest import file_hash

BUNDLED_FACES = BUNDLED / "face_encoder.safetensors"
IMAGE_CHOICES = "bundled, FILE.safetensors, clip, OWNER/NAME@COMMIT, or the directory of a CLIP"
VOICE_CHOICES = "resemblyzer, or hasp:FILE"


def open_image_encoder(spec: str) -> tuple[ImageEncoder, str]:
    """The image encoder that a spec names, and the SHA-256 of its weights.

    DataError for a spec of no such form, ModelError for weights that cannot be used.
    """
    path = BUNDLED_FACES if spec == "bundled" else Path(spec)
    if path.suffix == ".safetensors":
        return load_face_encoder(path), file_hash(path)
    if spec == "clip" or path.is_dir() or "@" in spec:
        folder = find_clip(spec)
        return clip.ClipImageEncoder(folder), clip_hash(folder)
    raise DataError(f"there is no image encoder {spec!r}; use {IMAGE_CHOICES}")


def open_voice_encoder(spec: str) -> tuple[VoiceEncoder, str]:
    """The voice encoder that a spec names, and the SHA-256 of its weights; errors likewise."""
    kind, _, file = spec.partition(":")
    if spec == "resemblyzer":
        return ResemblyzerEncoder(), resemblyzer_hash()
    if kind == "hasp" and file:
        return hasp.HaspEncoder(Path(file)), file_hash(Path(file))
    raise DataError(f"there is no voice encoder {spec!r}; use {VOICE_CHOICES}")


def resemblyzer_hash() -> str:
    """SHA-256 of the weights inside the resemblyzer package, '' where it isn't installed."""
    spec = importlib.util.find_spec("resemblyzer")
    weights = Path(spec.origin).with_name("pretrained.pt") if spec and spec.origin else None
    return file_hash(weights) if weights and weights.is_file() else ""
