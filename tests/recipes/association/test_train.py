"""Fitting the heads: a toy set is learnt, a seed repeats itself, a file is written."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from planted import write_features
from toy_pairs import toy_pairs, toy_sides
from toys import make_media, toy_features

from vclip.association.model import load_association, load_association_metadata
from vclip.errors import DataError
from vclip.models.directory import BUNDLED
from vclip.recipes.association import fitting, train, training_data
from vclip.recipes.association.batches import LabelData, PairData
from vclip.recipes.association.distributed import Group
from vclip.recipes.association.objective import AssociationLoss, RandomStreams
from vclip.recipes.association.settings import PRESETS, FitConfig
from vclip.recipes.data.manifest import Pair

pytestmark = pytest.mark.slow

QUICK = FitConfig(
    image_hidden=32,
    dropout=0.2,
    couplings=2,
    coupling_hidden=32,
    logit_scale=2.0,
    mask_same_person=True,
    steps=80,
    batch=32,
    passes=False,
    weight_decay=0.1,
    vary_image=True,
    vary_voice=True,
    image_noise=0.3,
    voice_noise=0.3,
    average=0.98,
    check_every=20,
    patience=1000,
)


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
    untrained = fitting.new_association(pairs, config).eval()
    trained, _ = fitting.fit(pairs, config, labels=data)
    before, after = (
        AssociationLoss(model, config, RandomStreams.seeded(0)).labels(data)
        for model in (untrained, trained)
    )
    assert after < before


def test_training_stops_when_dev_no_longer_gets_better() -> None:
    data, dev = toy_pairs(list(range(30))), toy_pairs(list(range(150, 155)), seed=3)
    config = replace(QUICK, steps=2000, check_every=1, patience=3, learning_rate=1e-2)
    _, history = fitting.fit(data, config, dev)
    assert len(history) < 2000
    best = max(range(len(history)), key=lambda i: (history[i].dev_auc, -i))
    assert len(history) - 1 - best == config.patience


def test_the_paper_s_preset_is_the_default_and_single_options_change_it() -> None:
    paper = train.read_settings(["--pairs", "m.csv"])
    assert paper.fit == PRESETS["paper"] == FitConfig()
    options = ["--steps", "7", "--no-flow", "--loss", "sge2e", "--no-vary-image"]
    bundled = train.read_settings(["--preset", "bundled", "--pairs", "m.csv", *options])
    changed = {"steps": 7, "flow": False, "loss": "sge2e", "vary_image": False}
    assert bundled.fit == replace(PRESETS["bundled"], **changed)
    assert paper.heads != bundled.heads == BUNDLED / "association.safetensors"


@pytest.mark.parametrize("learnt", [True, False])
def test_a_fixed_temperature_stays_where_it_starts(learnt: bool) -> None:
    config = replace(QUICK, steps=5, check_every=5, learn_temperature=learnt, average=0.0)
    model, _ = fitting.fit(toy_pairs(list(range(20))), config)
    assert (float(model.logit_scale) == config.logit_scale) != learnt


@pytest.mark.parametrize(
    "change",
    [
        {"flow": False},
        {"loss": "sge2e", "rows_per_person": 2},
        {"hard_negatives": 2.0},
        {"noise_robust": True},
        {"precision": "bfloat16"},
        {"precision": "float16"},
        {"passes": True, "vary_image": False, "vary_voice": False},
    ],
    ids=str,
)
def test_every_option_still_learns_the_toy_set(change: dict) -> None:
    data, dev = toy_pairs([*range(150), *range(150)]), toy_pairs(list(range(150, 200)))
    model, _ = fitting.fit(data, replace(QUICK, **change), dev)
    assert fitting.pair_auc(model, dev) > 0.85
    assert all(value.isfinite().all() for value in model.state_dict().values())


def make_pairs(splits: list[str]) -> list[Pair]:
    return [Pair(f"p{i // 2}", Path("f"), Path("v"), "", s) for i, s in enumerate(splits)]


def test_the_manifests_split_is_used_where_it_has_one() -> None:
    rows, dev = training_data.split_pairs(
        make_pairs(["train", "train", "dev", "dev", "test", "test"]), 0
    )
    assert {r.split for r in rows} == {"train"} and {r.split for r in dev} == {"dev"}


def test_without_a_split_persons_are_held_out_whole() -> None:
    rows, dev = training_data.split_pairs(make_pairs([""] * 40), 0)
    assert len(dev) == 4 and len(rows) == 36
    assert not {r.person for r in rows} & {r.person for r in dev}
    with pytest.raises(DataError, match="at least four"):
        training_data.split_pairs(make_pairs([""] * 6), 0)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    toy_features(monkeypatch)
    options = f"--pairs {folder}/pairs.csv --image-encoder {folder}/face.safetensors "
    options += f"--out {folder}/new/out.safetensors --store {folder}/store --views 3 "
    options += "--preset bundled --yunet none --steps 4 --check-every 2 --label-weight 0"
    return train.main([*options.split(), *more])


def test_the_recipe_writes_heads_that_say_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_media(tmp_path, n=9)
    (tmp_path / "4.png").write_bytes(b"broken")
    assert run(tmp_path, monkeypatch, "--seed", "3") == 0
    path = tmp_path / "new" / "out.safetensors"
    model, metadata = load_association(path), load_association_metadata(path)
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
    faces, voices = (["--utk", f"{tmp_path}/faces.csv"], ["--voices", f"{tmp_path}/voices.csv"])
    assert run(tmp_path, monkeypatch, "--label-weight", "1", *faces) == 0
    assert "pairs only" in capsys.readouterr().out
    assert run(tmp_path, monkeypatch, "--label-weight", "1", *faces, *voices) == 0
    assert "labelled: 2 faces, 2 voices" in capsys.readouterr().out


def shards_run(folder: Path, *more: str) -> int:
    """Train on shards of 24 clips of 12 persons, two pictures of each clip."""
    rng, lines = np.random.default_rng(0), ["person,face,voice,sex,clip,split"]
    faces, voices = {}, {}
    for i in range(48):
        clip, split = i // 2, "dev" if i >= 32 else "train"
        lines.append(f"p{clip // 2},{i}.jpg,{clip}.wav,,c{clip},{split}")
        faces[f"{i}.jpg"], voices[f"{clip}.wav"] = rng.normal(size=6), rng.normal(size=4)
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    write_features(folder / "features", {"faces": faces, "voices": voices})
    options = f"--pairs {folder}/pairs.csv --features {folder}/features --steps 4 --check-every 2 "
    options += f"--batch 8 --image-hidden 8 --out {folder}/heads.safetensors"
    return train.main([*options.split(), *more])


def test_the_recipe_reads_shards_and_pictures_of_a_clip_are_versions_of_one_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shards_run(tmp_path, "--vary-image", "--dev-rows", "5") == 0
    metadata = load_association_metadata(tmp_path / "heads.safetensors")
    assert metadata["rows"] == {"train": 16, "dev": 5}  # clips, not pictures; dev capped
    assert metadata["fit"] == asdict(
        replace(FitConfig(), steps=4, check_every=2, batch=8, image_hidden=8, vary_image=True)
    )
    assert metadata["data"]["features"]["faces"]["dimension"] == 6  # type: ignore[index]
    assert "train: 16 rows, 8 persons" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--vary-voice"], "no windows to draw from"),
        (["--label-weight", "1"], "labelled media have no shards"),
        (["--batch", "1"], "--batch must be 2 or more"),
        (["--steps", "0"], "--steps must be 1 or more"),
        (["--hard-negatives", "-1"], "--hard-negatives must be 0 or more"),
    ],
)
def test_options_that_the_shards_cannot_serve_are_one_line_and_exit_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    assert shards_run(tmp_path, *options) == 2
    told = capsys.readouterr().err
    assert reason in told and told.count("\n") == 1


def test_many_processes_need_shards(tmp_path: Path) -> None:
    settings = train.read_settings(["--pairs", str(make_media(tmp_path))])
    with pytest.raises(DataError, match="2 processes train from shards"):
        train.train(settings, "", Group(0, 2))


def test_a_missing_manifest_is_one_line_and_exit_code_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, monkeypatch) == 2
    assert capsys.readouterr().err.count("\n") == 1
