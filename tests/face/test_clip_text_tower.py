"""CLIP's text tower against transformers' whole CLIP, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_clip import TOKENS, F, make_clip, towers

from vclip.errors import ModelError, TextError
from vclip.face.clip import ClipImageEncoder, ClipTextEncoder

TEXTS = ["an old man", "a woman", "a young woman from nowhere", "x"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip")
    make_clip(path)
    return path


def test_it_says_what_the_whole_clip_says(folder: Path) -> None:
    """Of one text and one picture at a time, so that nothing can depend on padding."""
    clip = towers().CLIPModel.from_pretrained(folder)
    tokenizer = towers().CLIPTokenizer.from_pretrained(folder)
    texts, images = ClipTextEncoder(folder), ClipImageEncoder(folder)
    side = images.image_size
    pictures = np.random.default_rng(0).integers(256, size=(3, side, side, 3), dtype=np.uint8)
    features, seen = texts.encode(TEXTS), images.encode(pictures)
    assert features.shape == (len(TEXTS), F) == (len(TEXTS), texts.dimension)
    assert features.dtype == np.float32
    for i, text in enumerate(TEXTS):
        for j in range(len(pictures)):
            with torch.no_grad():
                whole = clip(
                    **tokenizer([text], return_tensors="pt"),
                    pixel_values=images.to_input(pictures[j : j + 1]),
                )
            scale = float(clip.logit_scale.detach().exp())
            cosine = features[i] @ seen[j] / np.linalg.norm(features[i]) / np.linalg.norm(seen[j])
            assert cosine * scale == pytest.approx(float(whole.logits_per_image), abs=1e-4)


def test_company_changes_nothing(folder: Path) -> None:
    encoder = ClipTextEncoder(folder)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), alone, atol=1e-5)
    assert encoder.encode([]).shape == (0, F)
    assert np.abs(alone[0] - alone[1]).max() > 1e-2  # texts differ at all


def test_the_text_s_length_is_never_cut_unsaid(folder: Path) -> None:
    encoder = ClipTextEncoder(folder)
    fits = "x " * (TOKENS - 2)  # and a token at each end
    assert encoder.encode([fits]).shape == (1, F)
    with pytest.raises(TextError, match=f"reads {TOKENS} tokens"):
        encoder.encode(["a", fits + "x"])


def test_a_clip_without_words(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ModelError, match="tokenizer"):
        ClipTextEncoder(tmp_path)
    with pytest.raises(ModelError, match="no usable CLIP"):
        ClipTextEncoder(tmp_path / "none")
