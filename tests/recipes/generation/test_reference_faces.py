"""Reference faces: who is taken, that nothing but features is kept, and what a percentile is."""

import csv
import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toy_model import make_model

from vclip.association import explain
from vclip.association.model import load_association
from vclip.errors import DataError
from vclip.face.detector import FaceDetector
from vclip.face.encoder import SmallFaceEncoder
from vclip.face.photo import Box, Photo
from vclip.models.directory import BUNDLED
from vclip.models.download import sha256
from vclip.recipes.data import features
from vclip.recipes.data.manifest import Labelled, read_labelled
from vclip.recipes.face_encoder import face_crops, objective
from vclip.recipes.generation import reference_faces
from vclip.recipes.generation.assemble import COMPONENTS, describe
from vclip.recipes.metrics.intervals import Estimate


def unit(*shape: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def shipped() -> np.ndarray:
    with np.load(BUNDLED / "faces.npz", allow_pickle=False) as file:
        assert set(file.files) == {"image_features", "provenance"}
        assert json.loads(str(file["provenance"]))["image_encoder"] == sha256(
            BUNDLED / "face_encoder.safetensors"
        )
        return np.asarray(file["image_features"])


def test_the_shipped_faces_are_small_and_finite(shipped: np.ndarray) -> None:
    assert shipped.dtype == np.float16 and 250 < len(shipped) < 500
    assert np.isfinite(shipped).all() and len(np.unique(shipped, axis=0)) == len(shipped)
    assert (BUNDLED / "faces.npz").stat().st_size < 300_000


@pytest.mark.slow
def test_only_faces_that_were_held_out_are_taken(shared: Path) -> None:
    rows = read_labelled(shared / "faces/utk.csv")
    taken = reference_faces.unseen(rows)
    assert 0.03 < len(taken) / len(rows) < 0.07
    sample = rows[:: len(rows) // 100]  # the split of train_face on what prepare would make of it
    folds = [np.float32(face_crops.content_fold(row.path.read_bytes())) for row in sample]
    held_out = [row.path for row, fold in zip(sample, folds, strict=True) if fold < 0.05]
    assert objective.FaceEncoderConfig().held_out == 0.05
    paths = {row.path for row in sample}
    assert [row.path for row in taken if row.path in paths] == held_out


def listed(path: Path, rows: list[Labelled]) -> Path:
    """A manifest of these pictures."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "age", "sex"], *((r.path, 30, "F") for r in rows)])
    return path


class FloatBoxes(FaceDetector):
    """Boxes in float32, which moves some crops by a pixel: so the shipped features were made."""

    def find(self, photo: Photo) -> list[Box]:
        found = [np.array(astuple(box), np.float32) for box in super().find(photo)]
        return [Box(*map(float, box)) for box in found]


@pytest.mark.slow
def test_float16_is_exact_enough(
    shared: Path, shipped: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped features are those of the pictures, and what rounding did moves no score."""
    monkeypatch.setattr(features, "FaceDetector", FloatBoxes)
    taken = reference_faces.unseen(read_labelled(shared / "faces/utk.csv"))[:12]
    few = listed(tmp_path / "few.csv", taken)
    faces, _ = features.FeatureSource(tmp_path / "store").open(few, "bundled")
    exact = faces.matrix([row.path.as_posix() for row in taken if row.path.as_posix() in faces])
    assert not faces.whole
    heads = load_association(BUNDLED / "association.safetensors")
    with torch.inference_mode():
        one = heads.encode_image(torch.from_numpy(exact)).numpy()
        two = heads.encode_image(torch.from_numpy(shipped[: len(exact)].astype("f4"))).numpy()
    voices = unit(200, one.shape[1], seed=0)
    np.testing.assert_allclose(one @ voices.T, two @ voices.T, atol=1e-3)


@pytest.mark.slow
def test_build_writes_features_only(shared: Path, tmp_path: Path) -> None:
    directory = make_model(tmp_path / "m")
    (directory / "faces.npz").unlink()
    rows = read_labelled(shared / "faces/utk.csv")
    taken = reference_faces.unseen(rows[:400])[:3]
    few = listed(tmp_path / "few.csv", taken)
    options = ["--directory", str(directory), "--utk", str(few)]
    assert reference_faces.main([*options, "--store", str(tmp_path / "s.sqlite")]) == 0
    with np.load(directory / "faces.npz", allow_pickle=False) as file:
        assert file["image_features"].shape == (len(taken), SmallFaceEncoder().dimension)
        assert set(file.files) == {"image_features", "provenance"}
    data = (directory / "faces.npz").read_bytes()
    assert reference_faces.main([*options, "--store", str(tmp_path / "s.sqlite")]) == 0
    assert (directory / "faces.npz").read_bytes() == data
    described = describe(directory)["components"]["faces"]
    assert described["sha256"] == sha256(directory / "faces.npz")
    assert described["licence"] == COMPONENTS["faces"]["licence"]


def test_pictures_without_a_face_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = make_model(tmp_path / "m")
    Image.new("RGB", (200, 200), (90, 90, 90)).save(tmp_path / "grey.png")
    (tmp_path / "few.csv").write_text("path,age,sex\ngrey.png,30,F\n")
    monkeypatch.setattr(reference_faces, "content_fold", lambda data: 0.0)
    options = ["--directory", str(directory), "--utk", str(tmp_path / "few.csv")]
    assert reference_faces.main([*options, "--store", str(tmp_path / "s.sqlite")]) == 2
    assert "no face of" in capsys.readouterr().err
    with pytest.raises(DataError, match="no face"):
        reference_faces.build(
            directory, tmp_path / "few.csv", features.FeatureSource(tmp_path / "other")
        )


def test_percentiles_equal_a_loop() -> None:
    faces, voices, others = unit(5, 6, seed=0), unit(5, 6, seed=1), unit(9, 6, seed=2)
    table = reference_faces.percentiles(faces, voices, others)
    for i in range(5):
        for j in range(5):
            worse = sum(float(o @ voices[j]) < float(faces[i] @ voices[j]) for o in others)
            assert table[i, j] == pytest.approx(worse / 9)
    assert explain.percentile(0.0, np.array([-1, 0, 1], np.float32)) == pytest.approx(1 / 3)


def test_summary_keeps_own_and_others_apart() -> None:
    person, sex = ["a", "b", "c", "d"], ["F", "F", "M", "M"]
    table = np.full((4, 4), 0.2)
    table[:2, :2] = table[2:, 2:] = 0.6
    np.fill_diagonal(table, 0.9)
    found = reference_faces.summary(table, person, sex, 9, draws=50, seed=0)
    values = [estimate.value for estimate in found.mean]
    assert values == pytest.approx([0.9, (4 * 0.6 + 8 * 0.2) / 12, 0.6])
    assert [e.value for e in found.above_half] == pytest.approx([1, 4 / 12, 1])
    assert "own voice" in str(found) and found.rows == 4 and found.faces == 9


def test_two_rows_of_a_person_are_not_others() -> None:
    table = np.array([[0.9, 0.9, 0.1], [0.9, 0.9, 0.1], [0.1, 0.1, 0.9]])
    found = reference_faces.summary(table, ["a", "a", "b"], ["F", "F", "F"], 9, draws=20, seed=0)
    assert found.mean[1].value == pytest.approx(0.1)
    assert isinstance(found.mean[1], Estimate)


def test_what_a_percentile_is_worth_is_noted_beside_the_faces(tmp_path: Path) -> None:
    directory = make_model(tmp_path / "m")
    before = describe(directory)["components"]["faces"]
    table = np.array([[0.9, 0.2, 0.2], [0.2, 0.9, 0.2], [0.2, 0.2, 0.9]])
    found = reference_faces.summary(table, ["a", "b", "c"], ["F", "F", "M"], 9, draws=20, seed=0)
    with np.load(directory / "faces.npz", allow_pickle=False) as file:
        features = file["image_features"]
        np.savez(directory / "faces.npz", image_features=features, provenance=np.array("{}"))
    reference_faces.note(directory, found)
    after = describe(directory)["components"]["faces"]
    assert after["made"]["worth"] == {"pairs": 3, "own": 0.9, "others": 0.2, "same_sex": 0.2}
    assert after["sha256"] != before["sha256"]
    with np.load(directory / "faces.npz", allow_pickle=False) as file:
        assert np.array_equal(file["image_features"], features)
