"""The evaluation recipe on media whose answer is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from planted import write_features
from toys import make_media, toy_features

from vclip.association.model import (
    Association,
    AssociationConfig,
    load_association,
    load_association_metadata,
    save_association,
)
from vclip.face.encoder import load_face_encoder
from vclip.models import directory
from vclip.recipes.data.manifest import Labelled, file_hash
from vclip.recipes.data.shards import open_features
from vclip.recipes.evaluation import association, pairs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six persons, a model directory `model`, no labelled data for the baseline."""

    make_media(tmp_path, n=6)
    model = Association(AssociationConfig(image_dimension=12, voice_dimension=2, image_hidden=4))
    (tmp_path / "model").mkdir()
    save_association(tmp_path / "model" / "association.safetensors", model, {})
    toy_features(monkeypatch)
    return tmp_path


def run(folder: Path, *more: str) -> int:
    options = f"--pairs {folder}/pairs.csv --model {folder}/model --store {folder}/s.sqlite"
    return association.main([*options.split(), "--draws", "20", *more])


def test_json_holds_every_figure_with_its_interval(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["association"]) == set(pairs.TITLES)
    assert result["rows"] == result["persons"] == 6 and result["whole_pictures"] == 1
    assert result["sex_only"] is None
    auc = result["association"]["auc"]
    assert auc["low"] <= auc["value"] <= auc["high"]


def test_the_table_names_every_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "1.wav").unlink()
    assert run(folder, "--split", "train") == 0
    out = capsys.readouterr().out
    assert all(title in out for title in pairs.TITLES.values())
    assert "skipped: 1" in out and "not computed" in out and "3 rows, 3 persons" in out


def test_the_sex_baseline_learns_from_labelled_media_only(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (folder / "pairs.csv").read_text().splitlines()[1:]
    cells = [row.split(",") for row in rows]
    faces = ["path,sex", *(f"{c[1]},{c[3]}" for c in cells)]
    voices = ["path,source,sex", *(f"{c[2]},vctk,{c[3]}" for c in cells)]
    (folder / "faces.csv").write_text("\n".join(faces))
    (folder / "voices.csv").write_text("\n".join(voices))
    labelled = ["--utk", f"{folder}/faces.csv", "--voices", f"{folder}/voices.csv"]
    assert run(folder, "--json", *labelled) == 0
    assert json.loads(capsys.readouterr().out)["sex_only"] is not None


def test_the_sex_baseline_is_the_probability_that_both_agree() -> None:
    scores = pairs.same_sex(np.full(6, 0.9), np.array([0.2, 1.0]))
    np.testing.assert_allclose(scores, np.tile([0.9 * 0.2 + 0.1 * 0.8, 0.9], (6, 1)))


def test_a_probe_finds_a_direction_that_is_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sex = np.array(["F", "M"] * 30)
    features = (rng.normal(size=(60, 4)) + 3.0 * (sex == "F")[:, None]).astype("f4")
    rows = [Labelled(Path(str(i)), s) for i, s in enumerate(sex)]
    by_key = {row.key: feature for row, feature in zip(rows[1:], features[1:], strict=True)}
    media, _ = open_features(write_features(tmp_path, {"faces": by_key, "voices": by_key}))
    chance = pairs.probability_female(rows, media, features)  # the first row has no features
    assert ((chance > 0.5) == (sex == "F")).all()


@pytest.mark.parametrize("fault", [["--split", "none"], ["--draws", "0"], ["--model", "nowhere"]])
def test_user_errors_are_one_line_and_exit_code_two(
    folder: Path, fault: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, *fault) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_bundled_heads_were_trained_on_the_bundled_encoder() -> None:
    folder = directory.find_model("bundled")
    encoder_path = folder / "face_encoder.safetensors"
    metadata = load_association_metadata(folder / "association.safetensors")
    assert metadata["face_encoder_sha256"] == file_hash(encoder_path)
    model, encoder = (
        load_association(folder / "association.safetensors"),
        load_face_encoder(encoder_path),
    )
    assert model.config.image_dimension == encoder.dimension and model.dimension == 256
    assert metadata["command"] and metadata["licence"]
