"""Fitting the heads: a toy set is learnt, a seed repeats itself, a file is written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toys import make_extractors, make_media

from vclip import association
from vclip.errors import DataError
from vclip.offline import fitting, train
from vclip.offline.fit_config import PRESETS
from vclip.offline.pair_data import LabelData, PairData, Side
from vclip.offline.pairs import Pair

QUICK = replace(
    PRESETS["bundled"],
    image_hidden=32,
    steps=80,
    check_every=20,
    batch=32,
    learning_rate=1e-3,
    image_noise=0.3,
    voice_noise=0.3,
)


def toy_sides(persons: list[int], seed: int) -> tuple[Side, Side]:
    """Faces and voices that share a four-dimensional secret of their person, plus noise."""
    secret = np.random.default_rng(99).normal(size=(200, 4))[persons]
    maps = np.random.default_rng(98)
    to_face, to_voice = maps.normal(size=(4, 12)), maps.normal(size=(4, 8))
    rng = np.random.default_rng(seed)
    sides = []
    for to in (to_face, to_voice):
        rows = [
            (s @ to + 0.3 * rng.normal(size=(rng.integers(1, 4), to.shape[1]))).astype("f4")
            for s in secret
        ]
        sides.append(Side(rows))
    return sides[0], sides[1]


def toy_pairs(persons: list[int], seed: int = 0) -> PairData:
    return PairData(*toy_sides(persons, seed), torch.tensor(persons))


def test_a_toy_set_is_learnt_and_carries_over_to_other_persons() -> None:
    data, dev = toy_pairs([*range(150), 0, 1]), toy_pairs(list(range(150, 200)))
    before = fitting.pair_auc(fitting.new_association(data, QUICK), dev)
    model, history = fitting.fit(data, QUICK, dev)
    assert before < 0.75 and fitting.pair_auc(model, dev) > 0.85
    assert fitting.pair_auc(model, dev) == max(check.dev_auc for check in history)


def test_the_same_seed_gives_the_same_heads_and_leaves_the_global_state_alone() -> None:
    data, config = toy_pairs(list(range(20))), replace(QUICK, steps=5, check_every=5)
    state = torch.random.get_rng_state()
    first, again = (fitting.fit(data, config)[0].state_dict() for _ in range(2))
    other = fitting.fit(data, replace(config, seed=1))[0].state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in first.items():
        assert torch.equal(value, again[name])
    assert not torch.equal(first["image_head.0.weight"], other["image_head.0.weight"])


def test_labels_alone_already_tell_the_classes_apart() -> None:
    persons = [i % 2 for i in range(60)]
    image, voice = toy_sides(persons, 5)
    label = torch.tensor(persons)
    data = LabelData(image, voice, label, label)
    config = replace(QUICK, label_steps=60, steps=20, learning_rate=3e-3, check_every=20)
    pairs = PairData(image, voice, torch.arange(60))
    rng = torch.Generator().manual_seed(0)
    untrained = fitting.new_association(pairs, config).eval()
    trained, _ = fitting.fit(pairs, config, labels=data)
    before = fitting.label_loss(untrained, data, config, rng)
    assert fitting.label_loss(trained, data, config, rng) < before


def test_training_stops_when_dev_no_longer_gets_better() -> None:
    data, dev = toy_pairs(list(range(30))), toy_pairs(list(range(150, 155)), seed=3)
    config = replace(QUICK, steps=2000, check_every=1, patience=3, learning_rate=1e-2)
    _, history = fitting.fit(data, config, dev)
    assert len(history) < 2000
    best = max(range(len(history)), key=lambda i: (history[i].dev_auc, -i))
    assert len(history) - 1 - best == config.patience


def test_several_windows_are_averaged_at_the_norm_of_the_whole() -> None:
    rng = torch.Generator().manual_seed(0)
    rows = np.eye(3, dtype="f4") * 2
    side = Side([rows, rows[:1]])
    drawn = torch.stack([side.some(torch.tensor([0, 1]), rng) for _ in range(50)])
    torch.testing.assert_close(drawn.norm(dim=2), torch.full((50, 2), 2.0))
    assert (drawn[:, 1, 0] == 2).all()  # padding is never drawn
    assert len({tuple(row.tolist()) for row in drawn[:, 0]}) > 3


def test_a_random_version_is_one_of_those_there() -> None:
    side = Side([np.full((2, 3), 5, "f4"), np.full((4, 3), 7, "f4")])
    rows = side.one(torch.tensor([0, 1] * 50), torch.Generator().manual_seed(1))
    assert set(rows[0::2].flatten().tolist()) == {5.0}
    assert set(rows[1::2].flatten().tolist()) == {7.0}


def make_pairs(splits: list[str]) -> list[Pair]:
    return [Pair(f"p{i // 2}", Path("f"), Path("v"), "", s) for i, s in enumerate(splits)]


def test_the_manifests_split_is_used_where_it_has_one() -> None:
    rows, dev = train.split_pairs(make_pairs(["train", "train", "dev", "dev", "test", "test"]), 0)
    assert {r.split for r in rows} == {"train"} and {r.split for r in dev} == {"dev"}


def test_without_a_split_persons_are_held_out_whole() -> None:
    rows, dev = train.split_pairs(make_pairs([""] * 40), 0)
    assert len(dev) == 4 and len(rows) == 36
    assert not {r.person for r in rows} & {r.person for r in dev}
    with pytest.raises(DataError, match="at least four"):
        train.split_pairs(make_pairs([""] * 6), 0)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    def fake(weights: Path, detector: object, n_views: int, windows: bool) -> object:
        return make_extractors(n_views, windows)

    monkeypatch.setattr(train, "extractors", fake)
    (folder / "face.safetensors").write_bytes(b"weights")
    options = f"--pairs {folder}/pairs.csv --face-encoder {folder}/face.safetensors "
    options += f"--out {folder}/new/out.safetensors --store {folder}/s.sqlite --views 3 "
    options += "--preset bundled --yunet none --steps 4 --check-every 2 --label-weight 0"
    return train.main([*options.split(), *more])


def test_the_recipe_writes_heads_that_say_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_media(tmp_path, n=9)
    (tmp_path / "4.png").write_bytes(b"broken")
    assert run(tmp_path, monkeypatch, "--seed", "3") == 0
    path = tmp_path / "new" / "out.safetensors"
    model, metadata = association.load(path), association.load_metadata(path)
    assert model.config.image_dimension == 12 and model.config.voice_dimension == 2
    assert "--seed 3" in str(metadata["command"]) and "dev AUC" in capsys.readouterr().out
    assert metadata["rows"] == {"train": 5, "dev": 3}
    assert json.dumps(metadata)


def test_labelled_media_are_optional(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_media(tmp_path, n=9)
    (tmp_path / "faces.csv").write_text("path,sex\n1.png,F\n2.png,M\nnone.png,M\n")
    (tmp_path / "voices.csv").write_text("path,source,sex\n1.wav,vctk,F\n2.wav,vctk,M\n")
    monkeypatch.setattr(train, "UTK", tmp_path / "faces.csv")
    monkeypatch.setattr(train, "VOICES", tmp_path / "missing.csv")
    assert run(tmp_path, monkeypatch, "--label-weight", "1") == 0
    assert "pairs only" in capsys.readouterr().out
    monkeypatch.setattr(train, "VOICES", tmp_path / "voices.csv")
    assert run(tmp_path, monkeypatch, "--label-weight", "1") == 0
    assert "labelled: 2 faces, 2 voices" in capsys.readouterr().out


def test_a_missing_manifest_is_one_line_and_exit_code_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, monkeypatch) == 2
    assert capsys.readouterr().err.count("\n") == 1
