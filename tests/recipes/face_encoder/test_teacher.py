"""The teacher's file: what dlib itself computes, and a stream of our own making read back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPO
from PIL import Image

from vclip.errors import DataError
from vclip.face.detector import FaceDetector
from vclip.face.encoder import SmallFaceEncoder, to_input
from vclip.face.photo import load_photo
from vclip.recipes.face_encoder.teacher import CROP_SHARE, MEAN, installed, read_teacher

WIDTHS, BLOCKS = (2, 2, 4, 8, 16, 16), (3, 4, 3, 3, 1)


def tensor(values: np.ndarray) -> bytes:
    """dlib's coding of (rows, columns, 1, 1)."""
    sizes = (2, *values.shape, 1, 1)
    head = b"".join(bytes([1 + (n > 255), n & 255]) + bytes([n >> 8] * (n > 255)) for n in sizes)
    return head + values.astype("<f4").tobytes()


def toy_file(path: Path, seed: int = 0) -> Path:
    """Random weights of a narrow network, among bytes that are none."""
    rng = np.random.default_rng(seed)
    net, parts = SmallFaceEncoder(150, WIDTHS, BLOCKS), [b"\x01\x01loss_metric_2"]
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            n, out = module.weight.numel(), module.out_channels
            weights = rng.normal(0, (out / n) ** 0.5, (n + out, 1))
            affine = np.concatenate([rng.uniform(0.5, 1.5, out), rng.normal(0, 0.1, out)])
            parts += [b"con_4", tensor(weights), b"affine_", tensor(affine[:, None])]
    parts += [b"fc_2", tensor(rng.normal(size=(16, 128)))]
    path.write_bytes(b"".join(parts))
    return path


def test_a_written_stream_is_read_with_its_affine_layers_folded(tmp_path: Path) -> None:
    path = toy_file(tmp_path / "toy.dat")
    teacher = read_teacher(path, WIDTHS, BLOCKS)
    rng = np.random.default_rng(0)  # the writer's numbers, from the same seed
    stem = rng.normal(0, (2 / (3 * 49 * 2)) ** 0.5, (3 * 49 * 2 + 2, 1)).astype(np.float32)[:, 0]
    scale, shift = rng.uniform(0.5, 1.5, 2), rng.normal(0, 0.1, 2)
    pixels = rng.integers(0, 256, (1, 150, 150, 3), dtype=np.uint8)
    x = (torch.from_numpy(pixels).permute(0, 3, 1, 2) - MEAN.view(1, 3, 1, 1)) / 256
    kernel, bias = torch.from_numpy(stem[:-2]).view(2, 3, 7, 7), torch.from_numpy(stem[-2:])
    plain = torch.nn.functional.conv2d(x, kernel, bias, 2).numpy()[0].transpose(1, 2, 0)
    with torch.no_grad():
        ours = teacher.net.stem(to_input(pixels)).numpy()[0].transpose(1, 2, 0)
    np.testing.assert_allclose(ours, plain * scale + shift, atol=1e-4)
    assert teacher.last.shape == (16, 128) and teacher.net.dimension == 2 + 4 + 8 + 16 + 16


def test_other_files_are_refused(tmp_path: Path) -> None:
    whole = toy_file(tmp_path / "toy.dat").read_bytes()
    for name, data in (("empty", b""), ("short", whole[:-100]), ("other", b"x" * 10_000)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match="not dlib's face network"):
            read_teacher(tmp_path / name, WIDTHS, BLOCKS)
    with pytest.raises(DataError, match="cannot read"):
        read_teacher(tmp_path / "missing")


def test_descriptors_are_dlibs_own() -> None:
    dlib = pytest.importorskip("dlib", reason="dlib-bin is not installed")
    path = installed()
    if path is None:
        pytest.skip("face_recognition_models is not installed")
    teacher, theirs = read_teacher(path), dlib.face_recognition_model_v1(str(path))
    for i in (1, 2):
        picture = Image.open(REPO / f"assets/examples/face_{i}.jpg").resize((150, 150))
        pixels = np.array(picture)[None]
        with torch.no_grad():
            ours = teacher.net(to_input(pixels))[:, -256:] @ teacher.last
        np.testing.assert_allclose(ours[0], theirs.compute_face_descriptor(pixels[0]), atol=1e-4)


def test_our_crop_shows_what_dlibs_chip_shows() -> None:
    """Where dlib cuts its chip, by its own detector and landmarks, is the middle of our crop."""
    dlib, path = pytest.importorskip("dlib"), installed()
    if path is None:
        pytest.skip("face_recognition_models is not installed")
    landmarks = dlib.shape_predictor(str(path.with_name("shape_predictor_5_face_landmarks.dat")))
    photo = load_photo((REPO / "assets/examples/face_1.jpg").read_bytes())
    found = dlib.get_frontal_face_detector()(photo.pixels)
    chip = dlib.get_face_chip_details(landmarks(photo.pixels, found[0]), 150, 0.25).rect
    box = FaceDetector().find(photo)[0]
    side = (box.right - box.left) * (1 + 2 * box.margin)
    middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
    middle[1] += box.drop * (box.bottom - box.top)
    assert chip.width() / side == pytest.approx(CROP_SHARE, abs=0.15)
    np.testing.assert_allclose([chip.center().x, chip.center().y], middle, atol=0.08 * side)
