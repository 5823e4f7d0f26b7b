"""CLIP's image tower against transformers' own way from picture to embedding."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_encoders import SEEN, save_clip

from vclip.errors import DownloadError, ModelError
from vclip.face import clip
from vclip.models import cache, clip_folder
from vclip.models.clip_folder import clip_hash, find_clip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("clip")
    return folder, save_clip(folder)


def pictures(n: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_features_are_those_of_transformers_processor_and_model(saved: tuple[Path, Any]) -> None:
    folder, model = saved
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    images = pictures(5)
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    pixels = processor([Image.fromarray(i) for i in images], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        want = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
    encoder = clip.ClipImageEncoder(folder, device="cpu")
    found = encoder.encode(images)
    assert (encoder.image_size, encoder.dimension) == (32, 24)
    assert found.shape == (5, 24) and found.dtype == np.float32
    np.testing.assert_allclose(found, want.numpy(), atol=1e-5)
    assert np.linalg.norm(found, axis=1).std() > 0  # raw, not normalised


def test_a_directory_of_the_image_tower_alone_does_as_well(
    saved: tuple[Path, Any], tmp_path: Path
) -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    folder, model = saved
    tower = CLIPVisionModelWithProjection(CLIPVisionConfig(**SEEN)).eval()
    tower.vision_model.load_state_dict(model.vision_model.state_dict())
    tower.visual_projection.load_state_dict(model.visual_projection.state_dict())
    tower.save_pretrained(tmp_path)
    shutil.copy(folder / "preprocessor_config.json", tmp_path)
    found = [clip.ClipImageEncoder(f, "cpu").encode(pictures(3)) for f in (folder, tmp_path)]
    np.testing.assert_allclose(*found, atol=1e-6)


def test_without_a_processor_s_file_the_colours_are_openai_s(
    saved: tuple[Path, Any], tmp_path: Path
) -> None:
    from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    shutil.copytree(saved[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "preprocessor_config.json").unlink()
    images = pictures(1)
    want = (images[0, 3, 4] / 255 - np.array(OPENAI_CLIP_MEAN)) / np.array(OPENAI_CLIP_STD)
    found = clip.ClipImageEncoder(tmp_path, "cpu").to_input(images)[0, :, 3, 4]
    np.testing.assert_allclose(found, want, rtol=1e-5)


def test_any_number_of_pictures_and_no_other_shape(
    saved: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = clip.ClipImageEncoder(saved[0], "cpu")
    monkeypatch.setattr(clip, "BATCH", 4)
    together = encoder.encode(pictures(9))
    apart = np.concatenate([encoder.encode(one[None]) for one in pictures(9)])
    np.testing.assert_allclose(together, apart, atol=1e-5)
    assert encoder.encode(pictures(0)).shape == (0, 24)
    for wrong in (pictures(1, 30), pictures(1)[0], pictures(1).astype(np.float32)):
        with pytest.raises(ValueError, match="want"):
            encoder.encode(wrong)


def test_the_hash_is_of_weights_and_settings_only(saved: tuple[Path, Any], tmp_path: Path) -> None:
    first = clip_hash(saved[0])
    shutil.copytree(saved[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "README.md").write_text("about")
    assert clip_hash(tmp_path) == first
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**settings, "image_std": 1}))
    other = clip_hash(tmp_path)
    save_clip(tmp_path, seed=1)
    assert len({first, other, clip_hash(tmp_path)}) == 3


def test_directories_without_a_whole_tower_are_model_errors(
    saved: tuple[Path, Any], tmp_path: Path
) -> None:
    """Nothing is ever left as random as it was initialised."""
    from safetensors.torch import load_file, save_file

    for name in ("cut", "lacks", "shape", "pickle", "config"):
        shutil.copytree(saved[0], tmp_path / name)
    weights = load_file(saved[0] / "model.safetensors")
    about = {"format": "pt"}
    lacks = {k: v for k, v in weights.items() if "visual_projection" not in k}
    save_file(lacks, tmp_path / "lacks" / "model.safetensors", metadata=about)
    shape = {**weights, "visual_projection.weight": torch.zeros(12, 32)}
    save_file(shape, tmp_path / "shape" / "model.safetensors", metadata=about)
    (tmp_path / "cut" / "model.safetensors").write_bytes(b"\x10")
    (tmp_path / "pickle" / "model.safetensors").unlink()
    torch.save(weights, tmp_path / "pickle" / "pytorch_model.bin")
    (tmp_path / "config" / "config.json").unlink()
    for name in ("cut", "lacks", "shape", "pickle", "config", "missing"):
        with pytest.raises(ModelError, match=name) as caught:
            clip.ClipImageEncoder(tmp_path / name, "cpu")
        assert "\n" not in str(caught.value)


def test_a_hub_s_model_is_fetched_at_a_pinned_commit_only(
    saved: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(repository: str, commit: str, instead: str) -> Path:
        asked.append((repository, commit))
        return saved[0]

    monkeypatch.setattr(clip_folder, "fetch_snapshot", fetch)
    assert find_clip(str(saved[0])) == saved[0] and not asked
    assert find_clip("clip") == find_clip(f"some/model@{'0a' * 20}") == saved[0]
    assert asked[0][0] == "openai/clip-vit-base-patch32" and len(asked[0][1]) == 40
    assert asked[1] == ("some/model", "0a" * 20)
    for spec in ("some/model", "some/model@main", "some/model@" + "0" * 39, "nowhere"):
        with pytest.raises(ModelError, match="40 hexadecimal"):
            find_clip(spec)


def test_without_a_network_one_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DownloadError, match=r"clip-vit-base-patch32@.*name its directory instead"):
        find_clip("clip")


def test_only_files_that_hold_no_pickle_are_fetched() -> None:
    assert set(cache.SAFE) == {"*.json", "*.safetensors", "*.npz"}
