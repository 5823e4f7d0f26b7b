"""Encoders by the specs of the command lines."""

from pathlib import Path

import pytest
from tiny_encoders import coqui_hasp, save_clip, save_clovaai

from vclip.association.hasp import HaspEncoder
from vclip.association.voice_encoder import ResemblyzerEncoder
from vclip.errors import DataError, ModelError
from vclip.face.clip import ClipImageEncoder
from vclip.face.encoder import SmallFaceEncoder
from vclip.models.clip_folder import clip_hash
from vclip.recipes.data.encoders import (
    BUNDLED_FACES,
    open_image_encoder,
    open_voice_encoder,
    resemblyzer_hash,
)
from vclip.recipes.data.manifest import file_hash


def test_the_bundled_face_encoder_by_name_or_by_file() -> None:
    for spec in ("bundled", str(BUNDLED_FACES)):
        encoder, digest = open_image_encoder(spec)
        assert isinstance(encoder, SmallFaceEncoder) and digest == file_hash(BUNDLED_FACES)


def test_a_clip_by_its_directory(tmp_path: Path) -> None:
    save_clip(tmp_path)
    encoder, digest = open_image_encoder(str(tmp_path))
    assert isinstance(encoder, ClipImageEncoder) and digest == clip_hash(tmp_path)


def test_voice_encoders(tmp_path: Path) -> None:
    path = save_clovaai(tmp_path / "net.model", coqui_hasp())
    encoder, digest = open_voice_encoder(f"hasp:{path}")
    assert isinstance(encoder, HaspEncoder) and digest == file_hash(path)
    pytest.importorskip("resemblyzer", exc_type=ImportError)
    encoder, digest = open_voice_encoder("resemblyzer")
    assert isinstance(encoder, ResemblyzerEncoder) and digest == resemblyzer_hash() != ""


def test_other_specs_are_refused_with_the_choices(tmp_path: Path) -> None:
    for spec in ("clop", "openai/clip"):
        with pytest.raises(DataError, match="bundled, FILE"):
            open_image_encoder(spec)
    for spec in ("hasp", "hasp:", "ecapa", f"other:{tmp_path}"):
        with pytest.raises(DataError, match="hasp:FILE"):
            open_voice_encoder(spec)
    with pytest.raises(ModelError, match="40 hexadecimal"):
        open_image_encoder("openai/clip@main")
    with pytest.raises(ModelError, match="gone"):
        open_image_encoder(str(tmp_path / "gone.safetensors"))
    with pytest.raises(ModelError, match="gone"):
        open_voice_encoder(f"hasp:{tmp_path / 'gone'}")
