"""The encoders' contract: shapes, raw features, files that carry their own description."""

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPO
from safetensors import safe_open
from safetensors.torch import save_file
from tiny_encoders import save_small, small

from vclip.association.voice_encoder import ResemblyzerEncoder
from vclip.audio import load_wav, resample
from vclip.errors import DataError, ModelError
from vclip.face import encoder

BUNDLED = REPO / "assets/models/bundled/face_encoder.safetensors"


def pictures(n: int, size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_features_are_raw_float32_of_the_declared_shape() -> None:
    net = small()
    features = net.encode(pictures(5))
    assert features.shape == (5, net.dimension) and features.dtype == np.float32
    assert np.isfinite(features).all() and features.std(0).min() > 0
    assert net.encode(pictures(0)).shape == (0, 16)


def naive(block: encoder.ResidualBlock, x: torch.Tensor) -> torch.Tensor:
    """A block that halves, channel by channel and place by place."""
    y = block.second(torch.relu(block.first(x)))
    n, size = y.shape[1], x.shape[2] // 2
    out = torch.zeros(len(x), n, size, size)
    out[:, :, : y.shape[2], : y.shape[3]] += y
    for row in range(size):
        for column in range(size):
            patch = x[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            out[:, : x.shape[1], row, column] += patch.mean((2, 3))
    return torch.relu(out)


@pytest.mark.parametrize("size", [7, 8])
@torch.no_grad()
def test_a_block_halves_as_dlibs_do(size: int) -> None:
    block = encoder.ResidualBlock(3, 5, 2)
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(block(x), naive(block, x))


@torch.no_grad()
def test_features_are_the_means_of_every_stage() -> None:
    net, images = small(), pictures(2)
    x = torch.max_pool2d(torch.relu(net.stem(encoder.to_input(images))), 3, 2)
    first = net.stages[0](x)
    both = first.mean((2, 3)), net.stages[1](first).mean((2, 3))
    torch.testing.assert_close(net(encoder.to_input(images)), torch.cat(both, 1))
    assert net.dimension == 4 + 12


def test_a_mirror_image_is_the_same_face() -> None:
    net, images = small(), pictures(4)
    np.testing.assert_allclose(net.encode(images), net.encode(images[:, :, ::-1]), atol=1e-5)


def test_a_picture_is_encoded_alike_in_any_company() -> None:
    net, images = small(), pictures(70)  # more than one batch
    together = net.encode(images)
    order = np.random.default_rng(1).permutation(70)
    np.testing.assert_allclose(net.encode(images[order]), together[order], atol=1e-4)
    np.testing.assert_allclose(net.encode(images[66:67]), together[66:67], atol=1e-4)


@pytest.mark.parametrize(
    "images", [pictures(2, 30), pictures(2)[0], pictures(2).astype(np.float32)]
)
def test_other_shapes_and_types_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="want"):
        small().encode(images)


def test_input_covers_minus_one_to_one_with_channels_first() -> None:
    images = np.zeros((1, 4, 6, 3), np.uint8)
    images[0, 1, 2] = (255, 0, 51)
    x = encoder.to_input(images)
    assert x.shape == (1, 3, 4, 6)
    assert x[0, :, 1, 2].tolist() == pytest.approx([1, -1, -0.6])


def test_save_and_load_give_the_same_features(tmp_path: Path) -> None:
    net = small()
    loaded = encoder.load_face_encoder(save_small(tmp_path / "face.safetensors", net))
    assert (loaded.image_size, loaded.dimension) == (32, 16)
    np.testing.assert_array_equal(loaded.encode(pictures(3)), net.encode(pictures(3)))


def test_broken_files_are_model_errors(tmp_path: Path) -> None:
    net = small()
    (tmp_path / "garbage").write_bytes(b"no tensors here" * 10)
    save_file(net.state_dict(), tmp_path / "bare")
    save_small(tmp_path / "other", net, widths=[4, 4, 16])
    save_small(tmp_path / "unknown", net, layers=3)
    for name in ("missing", "garbage", "bare", "other", "unknown"):
        with pytest.raises(ModelError, match=r"face_encoder\.train") as caught:
            encoder.load_face_encoder(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_the_bundled_encoder_is_small_and_says_where_it_comes_from() -> None:
    assert BUNDLED.stat().st_size <= 8 * 2**20
    net = encoder.load_face_encoder(BUNDLED)
    images = pictures(2, net.image_size)
    assert net.encode(images).shape == (2, net.dimension)
    with safe_open(BUNDLED, framework="pt") as file:
        about = json.loads(file.metadata()["vclip"])
    assert "non-commercial" in about["licence"]
    # what made the weights is provenance: it keeps the name that the recipe had then
    assert about["command"].startswith("python -m vclip.offline.train_face ")


def test_resemblyzer_is_only_imported_when_asked_for() -> None:
    top = ast.parse(Path(encoder.__file__).read_text()).body
    imports = [ast.unparse(node) for node in top if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports and not any("resemblyzer" in line for line in imports)


def test_without_resemblyzer_there_is_a_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    with pytest.raises(ModelError, match=r"requirements-dev\.txt"):
        ResemblyzerEncoder()


@pytest.fixture(scope="module")
def voice() -> ResemblyzerEncoder:
    pytest.importorskip("resemblyzer", exc_type=ImportError)
    return ResemblyzerEncoder()


def test_unusable_recordings_are_data_errors(voice: ResemblyzerEncoder) -> None:
    with pytest.raises(DataError, match=r"0\.50 s"):
        voice.encode(np.ones(8000, np.float32), 16000)
    with pytest.raises(DataError, match="silent"):
        voice.encode(np.zeros(32000, np.float32), 16000)
    clicks = np.zeros(64000, np.float32)
    clicks[::16000] = 0.5
    with pytest.raises(DataError, match="no speech"):
        voice.encode(clicks, 16000)


def test_voices_of_one_person_are_alike_at_any_sample_rate(
    voice: ResemblyzerEncoder, shared: Path
) -> None:
    folder = shared / "pairs" / "ravdess"
    first, second, other = (
        load_wav(next(iter(sorted(folder.glob(pattern)))))
        for pattern in ("voice_01_0101.ogg", "voice_01_*2.ogg", "voice_02_0101.ogg")
    )
    a, b, c = (voice.encode(*clip) for clip in (first, second, other))
    assert a.shape == (voice.dimension,) and a.dtype == np.float32
    assert np.linalg.norm(a) == pytest.approx(1, abs=1e-4)
    assert a @ b > 0.75 > a @ c
    louder_rate = voice.encode(resample(*first, 22050), 22050)
    assert a @ louder_rate > 0.97
