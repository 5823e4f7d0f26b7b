"""Figures about face features: probes that must find what is there and nothing where it isn't."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO

from vclip.recipes.face_encoder import evaluate

ENCODER = REPO / "assets/models/bundled/face_encoder.safetensors"


def london(
    identity: float, sex: float = 3.0, n: int = 60, seed: int = 0
) -> evaluate.LondonFeatures:
    """Features with given strengths of identity and sex, two rows per person."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    age = rng.uniform(20, 50, n)
    features = identity * rng.normal(size=(n, 16))
    features[:, 0] += sex * label
    features[:, 1] += identity * (age - 35) / 5
    both = np.concatenate([features, features]) + rng.normal(size=(2 * n, 16))
    names = np.tile([f"{i:03}" for i in range(n)], 2)
    expression = np.repeat(["neutral", "smiling"], n)
    sexes = np.tile(np.where(label == 1, "F", "M"), 2)
    return evaluate.LondonFeatures(
        both, names, expression, sexes, np.tile(age, 2), np.ones(2 * n, dtype=int)
    )


def test_what_is_in_the_features_is_found() -> None:
    figures = evaluate.measure(london(identity=4, sex=12), 50, 0)
    assert figures["sex_accuracy"].value > 0.8
    assert figures["age_r"].value > 0.5
    assert figures["rank_1"].value > 0.9
    assert all(f.low <= f.value <= f.high for f in figures.values())


def test_features_of_sex_alone_cannot_tell_people_apart() -> None:
    figures = evaluate.measure(london(identity=0, sex=9), 50, 0)
    assert figures["sex_accuracy"].value > 0.95
    assert figures["rank_1"].value < 0.2
    assert abs(figures["age_r"].value) < 0.4


def test_a_person_is_never_in_training_and_test_at_once() -> None:
    data = london(identity=30, sex=0)  # huge identity, no sex: only leakage could tell
    guess = evaluate.predict(
        evaluate.LogisticRegression(C=10.0), data.features, data.sex, data.person
    )
    assert 0.3 < np.mean(guess == data.sex) < 0.7


def test_correlation_is_numpys() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    assert evaluate.correlation(x, y, np.ones(30)) == pytest.approx(np.corrcoef(x, y)[0, 1])
    counts = rng.integers(0, 3, 30)
    repeated = np.corrcoef(np.repeat(x, counts), np.repeat(y, counts))[0, 1]
    assert evaluate.correlation(x, y, counts.astype(float)) == pytest.approx(repeated)
    assert np.isnan(evaluate.correlation(np.ones(5), x[:5], np.ones(5)))


def test_ranks_match_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    queries, gallery = rng.normal(size=(2, 12, 5))
    middle = gallery.mean(0)
    for i, rank in enumerate(evaluate.ranks(queries, gallery)):
        q = queries[i] - middle
        scores = [q @ g / np.linalg.norm(q) / np.linalg.norm(g) for g in gallery - middle]
        assert rank == 1 + sum(s > scores[i] for s in scores)
    assert (evaluate.ranks(gallery, gallery) == 1).all()


@pytest.mark.slow
def test_the_command_prints_json(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (shared / "faces/london.csv").read_text().splitlines()
    people = [line for line in source[1:] if int(line.split(",")[1]) < 30]
    manifest = tmp_path / "london.csv"
    manifest.write_text("\n".join([source[0], *people]) + "\n")
    (tmp_path / "london").symlink_to(shared / "faces/london")
    arguments = ["--london", str(manifest), "--encoder", str(ENCODER), "--draws", "20", "--json"]
    assert evaluate.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == len(people) and found["without_face"] == 0
    assert found["sex_accuracy"]["value"] > 0.8
    assert found["rank_1"]["low"] > 0.1


def test_missing_manifest_is_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--london", "/nowhere.csv", "--encoder", str(ENCODER)]) == 2
    assert "/nowhere.csv" in capsys.readouterr().err
