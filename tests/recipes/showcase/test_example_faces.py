"""Composites: the geometry against known maps, and that what ships is a face and shows nobody."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import REPO
from PIL import Image

from vclip.errors import DataError
from vclip.face.detector import FaceDetector, find_faces
from vclip.face.photo import load_photo
from vclip.recipes.showcase import example_faces as m

EXAMPLES = sorted((REPO / "assets/examples").glob("*.jpg"))


def points(n: int, rng: np.random.Generator, size: int = 100) -> np.ndarray:
    return rng.uniform(0.25 * size, 0.75 * size, (n, 2))


def test_similarity_recovers_rotation_scale_and_shift() -> None:
    rng = np.random.default_rng(0)
    source, angle = points(20, rng), 0.3
    turn = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = m.similarity(source, source @ turn.T + [5, -3])
    np.testing.assert_allclose(found, np.hstack([turn, [[5], [-3]]]), atol=1e-9)


def test_frame_is_the_border_once() -> None:
    border = m.frame(101)
    assert len(border) == len(np.unique(border, axis=0)) == 16
    assert {(0, 0), (0, 100), (100, 0), (100, 100)} <= {tuple(p) for p in border.astype(int)}


def test_warp_moves_points_where_they_should_be_and_keeps_the_border() -> None:
    rng = np.random.default_rng(0)
    size = 101
    y, x = np.mgrid[0:size, 0:size]
    where = np.stack([x, y, 0 * x], -1).astype(np.float32)  # each pixel holds its own position
    source = np.concatenate([points(12, rng), m.frame(size)])
    target = source.copy()
    target[:12] = np.round(source[:12] + rng.uniform(-3, 3, (12, 2)))
    moved = m.warp(where, source, target)
    for a, b in zip(source, target.astype(int), strict=True):
        np.testing.assert_allclose(moved[b[1], b[0], :2], a, atol=0.1)
    np.testing.assert_allclose(m.warp(where, source, source), where, atol=1e-3)


def test_mean_shape_is_free_of_position_scale_and_rotation() -> None:
    rng = np.random.default_rng(0)
    shape = rng.uniform(0, 100, (189, 2))
    shapes = []
    for _ in range(6):
        angle, scale = rng.normal(0, 0.2), rng.uniform(0.5, 2)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shapes.append(shape @ turn.T + rng.uniform(-50, 50, 2))
    mean = m.mean_shape(np.stack(shapes), m.CompositeSettings())
    np.testing.assert_allclose(m.apply(m.similarity(shape, mean), shape), mean, atol=1e-6)
    np.testing.assert_allclose(mean[1] - mean[0], [0.21 * 512, 0], atol=1e-6)


def person(name: str, age: float, sex: str, grey: int) -> m.LondonFace:
    rng = np.random.default_rng(0)
    pixels = np.full((100, 100, 3), grey, np.uint8)
    return m.LondonFace(name, age, sex, pixels, rng.uniform(20, 80, (189, 2)))


def test_groups_do_not_share_people_and_are_large_enough() -> None:
    people = [person(f"{s}{i}", 20 + i, s, 60 + i) for s in "FM" for i in range(30)]
    found = m.groups(people, m.CompositeSettings(members=9))
    names = [p.name for group in found for p in group]
    assert len(found) == 6 and {len(g) for g in found} == {9}
    assert len(set(names)) == len(names)
    assert all(len({p.sex for p in group}) == 1 for group in found)
    with pytest.raises(DataError, match="too few"):
        m.groups(people[:50], m.CompositeSettings(members=12))
    with pytest.raises(DataError, match="too few"):
        m.groups(people, m.CompositeSettings(members=7))


def test_a_composite_of_equals_is_the_picture_itself() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    pixels = cv2.resize(noise, (512, 512), interpolation=cv2.INTER_CUBIC)
    shape = rng.uniform(150, 350, (189, 2))
    shape[:2] = [[256 - 0.105 * 512, 0.45 * 512], [256 + 0.105 * 512, 0.45 * 512]]
    twins = [m.LondonFace(str(i), 20, "F", pixels, shape) for i in range(3)]
    out = m.composite(twins, m.CompositeSettings())
    assert np.abs(out.astype(int) - pixels).mean() < 1


def test_unusable_landmarks_are_a_data_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "london.csv"
    manifest.write_text("path,person,expression,age,sex\nx.jpg,1,neutral,20,F\n")
    (tmp_path / "marks.json").write_text(json.dumps({}))
    arguments = ["--manifest", str(manifest), "--landmarks", str(tmp_path / "marks.json")]
    assert m.main([*arguments, "-o", str(tmp_path)]) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_every_example_is_one_face_to_the_app() -> None:
    detector = FaceDetector()
    assert len(EXAMPLES) >= 6
    for path in EXAMPLES:
        photo = load_photo(path.read_bytes())
        assert photo.pixels.shape == (512, 512, 3)
        assert len(find_faces(photo, detector)) == 1, path.name


def test_examples_carry_credit_and_no_metadata() -> None:
    text = (REPO / "assets/examples/README.md").read_text()
    assert "CC BY 4.0" in text and "10.6084/m9.figshare.5047666.v5" in text
    for path in EXAMPLES:
        assert f"`{path.name}`" in text
        with Image.open(path) as image:
            assert not image.getexif()


def test_every_shipped_composite_mixes_enough_people(shared: Path) -> None:
    people = m.read_people(shared / "faces/london.csv", shared / "faces/london_landmarks.json")
    found = m.groups(people, m.CompositeSettings())
    assert len(people) == 100 and len(found) == len(EXAMPLES)
    assert min(len(group) for group in found) >= 8
