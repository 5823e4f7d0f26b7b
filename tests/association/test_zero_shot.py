"""Descriptions in words, prompts averaged, and the bridge against CLIP's own arithmetic."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_clip import make_clip, towers

from vclip.association.zero_shot import (
    TEMPLATES,
    SpeakerProfile,
    ZeroShotHeads,
    description_scores,
    embed_descriptions,
    speaker_profiles,
)
from vclip.errors import ModelError, TextError
from vclip.face.clip import ClipImageEncoder, ClipTextEncoder

SPEAKERS = [
    SpeakerProfile("F", 34),
    SpeakerProfile("M"),
    SpeakerProfile("F", 18, "NewZealand"),
    SpeakerProfile("F", 34),
    SpeakerProfile(),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip")
    make_clip(path)
    return path


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ClipTextEncoder:
    return ClipTextEncoder(folder)


@pytest.mark.parametrize(
    ("person", "words"),
    [
        (SpeakerProfile("F", 34), "a 34-year-old woman"),
        (SpeakerProfile("M", 18.0, "English"), "an 18-year-old English man"),
        (SpeakerProfile("M", 80), "an 80-year-old man"),
        (SpeakerProfile("F", 11), "an 11-year-old woman"),
        (SpeakerProfile("", 21), "a 21-year-old person"),
        (SpeakerProfile("F", accent="NewZealand"), "a New Zealand woman"),
        (SpeakerProfile("M", accent="Indian"), "an Indian man"),
        (SpeakerProfile("F", accent="Unknown"), "a woman"),
        (SpeakerProfile("M", country="Ireland"), "a man from Ireland"),
        (SpeakerProfile("F", 40, country="USA"), "a 40-year-old woman from the USA"),
        (SpeakerProfile(), "a person"),
    ],
)
def test_speakers_in_words(person: SpeakerProfile, words: str) -> None:
    assert person.describe() == words


def test_a_bank_tells_what_it_knows() -> None:
    ids = np.array(["a", "b"])
    assert speaker_profiles({"speaker_ids": ids}) == [SpeakerProfile(), SpeakerProfile()]
    assert speaker_profiles({"speaker_ids": ids, "sex": np.array(["F", ""])}) == [
        SpeakerProfile("F"),
        SpeakerProfile(),
    ]
    known = {"age": np.array([np.nan, 23], dtype=np.float32), "accent": np.array(["Irish", ""])}
    assert speaker_profiles({"speaker_ids": ids, **known}) == [
        SpeakerProfile("", None, "Irish"),
        SpeakerProfile("", 23.0),
    ]


@pytest.mark.slow
def test_prompts_are_averaged_as_in_clip_s_recipe(encoder: ClipTextEncoder) -> None:
    """Naive: each prompt normalised, their mean normalised again."""
    described = ["a man", "an old woman", "a man"]
    found = embed_descriptions(encoder, described)
    for row, description in zip(found, described, strict=True):
        each = [encoder.encode([t.format(description)])[0] for t in TEMPLATES]
        mean = np.mean([e / np.linalg.norm(e) for e in each], axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_array_equal(found[0], found[2])
    assert len(set(TEMPLATES)) == len(TEMPLATES) > 1 and all("{}" in t for t in TEMPLATES)


@pytest.mark.slow
def test_scores_are_clip_s_logits(
    folder: Path, encoder: ClipTextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one prompt, and but for the temperature: what transformers' CLIPModel computes."""
    monkeypatch.setattr("vclip.association.zero_shot.TEMPLATES", ("a photo of {}.",))
    images, clip = ClipImageEncoder(folder), towers().CLIPModel.from_pretrained(folder)
    size = images.image_size
    pictures = np.random.default_rng(0).integers(256, size=(4, size, size, 3), dtype=np.uint8)
    found = description_scores(encoder, images.encode(pictures), SPEAKERS)
    words = [f"a photo of {speaker.describe()}." for speaker in SPEAKERS]
    tokens = towers().CLIPTokenizer.from_pretrained(folder)(
        words, padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        logits = clip(**tokens, pixel_values=images.to_input(pictures)).logits_per_image
        logits /= clip.logit_scale.exp()
    np.testing.assert_allclose(found, logits.numpy(), atol=1e-5)


class Words:
    """A text encoder whose features are known: what is said of a woman lies along one axis."""

    dimension = 3

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = [[1.0, "woman" in t, "man" in t and "woman" not in t] for t in texts]
        return np.array(rows, dtype=np.float32)


def test_a_voice_without_a_description_gets_that_of_its_like() -> None:
    """Voices of two kinds, half of them described: the other half lands on its side."""
    rng = np.random.default_rng(0)
    sexes = ["F", "M"] * 20
    centres = {"F": rng.normal(size=16), "M": rng.normal(size=16)}
    heard = np.array([centres[s] + 0.3 * rng.normal(size=16) for s in sexes], dtype=np.float32)
    bridge = ZeroShotHeads(Words(), [SpeakerProfile(s) for s in sexes[:20]], heard[:20])
    expected = bridge.encode_voice(torch.from_numpy(heard[20:])).numpy()
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-5)
    sides = (
        expected
        @ np.stack([bridge.encode_description("a woman"), bridge.encode_description("a man")]).T
    )
    assert [("F", "M")[i] for i in sides.argmax(1)] == sexes[20:]
    want = np.array([[1, 1, 0], [1, 0, 1]]) / 2**0.5
    np.testing.assert_allclose(bridge.voice_emb[:2], want, atol=1e-6)


def test_images_are_only_normalised() -> None:
    bridge = ZeroShotHeads(
        Words(), [SpeakerProfile("F"), SpeakerProfile("M")] * 3, np.eye(6, dtype=np.float32)
    )
    features = torch.tensor([[3.0, 4.0, 0.0]])
    assert bridge.encode_image(features).tolist() == [pytest.approx([0.6, 0.8, 0.0])]


def test_what_the_bridge_cannot_do_without() -> None:
    with pytest.raises(ModelError, match="describe_bank"):
        ZeroShotHeads(Words(), [SpeakerProfile("F")] * 3, np.eye(3, dtype=np.float32))
    bridge = ZeroShotHeads(
        Words(), [SpeakerProfile("F"), SpeakerProfile("M")] * 3, np.eye(6, dtype=np.float32)
    )
    with pytest.raises(TextError, match="empty"):
        bridge.encode_description("  ")
