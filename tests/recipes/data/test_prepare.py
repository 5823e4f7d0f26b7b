"""Manifests from folders: who is in which split, which pictures of a clip, and what is left out."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_clips import tone, touch, write_clip
from toys import toy_features

from vclip import audio
from vclip.errors import DataError
from vclip.recipes.data import features, prepare, shards
from vclip.recipes.data.layouts import Clip, Person
from vclip.recipes.data.manifest import read_pairs


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def vox2(root: Path, n: int = 12, test: int = 2) -> Path:
    """People with two clips of one video each, empty files."""
    names = [f"dev/mp4/id{i:05d}/vid/0000{c}.mp4" for i in range(n) for c in (1, 2)]
    names += [f"test/mp4/id{90000 + i:05d}/vid/00001.mp4" for i in range(test)]
    return touch(root, *names)


def run(layout: str, root: Path, out: Path, *options: str) -> int:
    return prepare.main([layout, "--root", str(root), "--out", str(out), *options])


def test_the_first_frame_and_the_whole_track_of_every_clip(tmp_path: Path) -> None:
    meta = tmp_path / "meta.csv"
    meta.write_text("VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00003 ,n1 ,f ,dev\n")
    root, out = vox2(tmp_path / "vox2"), tmp_path / "lists" / "m.csv"
    assert run("voxceleb2", root, out, "--people", str(meta)) == 0
    rows = read(out)
    assert len(rows) == 12 * 2 + 2
    (row,) = [r for r in rows if r["clip"] == "id00003/vid/00002"]
    path = "../vox2/dev/mp4/id00003/vid/00002.mp4"
    assert (row["face"], row["voice"], row["sex"]) == (path, path, "F")
    assert all(pair.face.is_file() and pair.voice.is_file() for pair in read_pairs(out))


def test_people_not_clips_are_held_out(tmp_path: Path) -> None:
    root = vox2(tmp_path / "vox2")
    for seed in ("0", "1"):
        run("voxceleb2", root, tmp_path / f"{seed}.csv", "--held-out", "4", "--seed", seed)
    split_of = [{r["person"]: r["split"] for r in read(tmp_path / f"{s}.csv")} for s in "01"]
    for splits in split_of:
        assert sorted(splits.values()) == ["dev"] * 4 + ["test"] * 2 + ["train"] * 8
        assert splits["id90001"] == "test"
    assert split_of[0] != split_of[1]
    read_pairs(tmp_path / "0.csv")  # which refuses people in two splits
    run("voxceleb2", root, tmp_path / "again.csv", "--held-out", "4")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "0.csv").read_bytes()


def test_the_paper_s_number_of_people_is_held_out_of_its_data_set() -> None:
    def held(n: int) -> int:
        splits = prepare.draw_splits([f"id{i:05d}" for i in range(n)], None, 0)
        return list(splits.values()).count("dev")

    assert (held(5994), held(5000), held(1251), held(20), held(4)) == (500, 500, 125, 2, 0)


def test_a_draw_depends_on_people_and_seed_alone() -> None:
    names = [f"p{i}" for i in range(40)]
    drawn = prepare.draw_splits(names, 10, 3)
    assert prepare.draw_splits(names[::-1] + names, 10, 3) == drawn
    counts = np.zeros(40)
    for seed in range(400):
        counts += [split == "dev" for split in prepare.draw_splits(names, 10, seed).values()]
    # each is binomial(400, 1/4), deviation 8.7; of 40 none beyond 4.5 deviations
    assert np.abs(counts - 100).max() < 39
    with pytest.raises(DataError, match="39 of 40 people cannot be held out"):
        prepare.draw_splits(names, 39, 0)


def test_listed_splits_by_id_or_name_and_nobody_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """PINs' list has names and numbers; the data set's own test set is not its."""
    people = {f"id{i}": Person(f"N{i}.", "", i == 0) for i in range(6)}
    (tmp_path / "pins.txt").write_text("N0. 1 \nN1. 2\nid2 3\nN3. 4\n\n")
    splits = prepare.read_splits(tmp_path / "pins.txt")
    want = {"id0": "train", "id1": "dev", "id2": "test", "id3": "test"}
    assert prepare.split_people(people, splits) == want
    root = vox2(tmp_path / "vox2", 5, 1)
    (tmp_path / "s.csv").write_text("person,split\nid00001,train\nid00002,dev\nid00003,test\n")
    run("voxceleb2", root, tmp_path / "m.csv", "--splits", str(tmp_path / "s.csv"))
    split_of = {r["person"]: r["split"] for r in read(tmp_path / "m.csv")}
    assert split_of == {"id00001": "train", "id00002": "dev", "id00003": "test"}
    told = capsys.readouterr().out
    assert "left out: 3 people, in no split" in told and "dev: 1 people, 2 clips, 2 rows" in told
    (tmp_path / "s.csv").write_text("id00001,train\nid00002,later\n")
    assert run("voxceleb2", root, tmp_path / "m.csv", "--splits", str(tmp_path / "s.csv")) == 2
    assert "line 2" in capsys.readouterr().err


def test_test_people_and_listed_people_are_left_out_before_the_draw(tmp_path: Path) -> None:
    root = vox2(tmp_path / "vox2", 12, 3)
    (tmp_path / "not.txt").write_text("id00003\nid00004\n")
    run(
        "voxceleb2",
        root,
        tmp_path / "m.csv",
        *("--exclude", str(tmp_path / "not.txt"), "--exclude-test", "--held-out", "8"),
    )
    splits = {r["person"]: r["split"] for r in read(tmp_path / "m.csv")}
    assert sorted(splits.values()) == ["dev"] * 8 + ["train"] * 2
    assert not {"id00003", "id00004", "id90000"} & splits.keys()


def test_several_frames_are_evenly_over_the_clip_the_first_one_first() -> None:
    video = Clip("p", "c", (Path("x/a.mp4"),), Path("a.m4a"))
    assert [p.as_posix() for p in prepare.frames(video, 4)] == [
        "x/a.mp4",
        "x/a.mp4#at=0.25",
        "x/a.mp4#at=0.5",
        "x/a.mp4#at=0.75",
    ]
    pictures = tuple(Path(f"{i}.jpg") for i in range(10))
    several = Clip("p", "c", pictures, Path("a.wav"))
    for n in range(1, 15):
        found = prepare.frames(several, n)
        assert found[0] == pictures[0] and len(found) == len(set(found)) == min(n, 10)
        steps = np.diff([pictures.index(p) for p in found])
        assert len(steps) == 0 or steps.max() - steps.min() <= 1
    one = Clip("p", "c", pictures[:1], Path("a.wav"))
    assert prepare.frames(one, 5) == [Path("0.jpg")]
    assert prepare.frames(Clip("p", "c", (), Path("a.wav")), 5) == []


def test_a_manifest_is_split_anew_or_keeps_its_splits(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    splits = ["dev"] * 2 + ["train"] * 4
    lines = [f"p{i},{i}.mp4,{i}.wav,{'F' * (i % 2)},{split}" for i, split in enumerate(splits)]
    old.write_text("\n".join(["person,face,voice,sex,split", *lines]))
    run("manifest", old, tmp_path / "same.csv")
    assert [r["split"] for r in read(tmp_path / "same.csv")] == splits
    (tmp_path / "sub").mkdir()
    run("manifest", old, tmp_path / "sub" / "new.csv", "--held-out", "3", "--frames", "2")
    rows = read(tmp_path / "sub" / "new.csv")
    assert [r["face"] for r in rows[:2]] == ["../0.mp4", "../0.mp4#at=0.5"]
    assert rows[0]["clip"] == rows[1]["clip"] != rows[2]["clip"]
    assert sum(r["split"] == "dev" for r in rows) == 6 and rows[2]["sex"] == "F"


def test_faulty_input_is_one_line_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, "people/ann/a.wav", "vox1/wav/id1/v/1.wav")
    for layout, root, options, match in (
        ("folder", "people", [], "no clip with picture and sound"),
        ("folder", "gone", [], "cannot read the folder"),
        ("voxceleb1", "vox1", [], "needs --faces"),
        ("voxceleb2", "vox1", [], "holds no folder mp4"),
        ("manifest", "gone.csv", [], "gone.csv"),
        ("folder", "people", ["--frames", "0"], "--frames must be"),
        ("folder", "people", ["--people", "gone"], "cannot read the list of people"),
    ):
        assert run(layout, tmp_path / root, tmp_path / "out.csv", *options) == 2
        error = capsys.readouterr().err
        assert match in error and error.count("\n") == 1, error
        assert not (tmp_path / "out.csv").exists()


def test_from_voxceleb_folders_to_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real files in both data sets' layouts through both commands."""
    toy_features(monkeypatch)
    two, one = tmp_path / "vox2", tmp_path / "vox1"
    for i in range(4):
        name = f"id0000{i}/vid/00001"
        touch(two, f"dev/mp4/{name}.mp4", f"dev/aac/{name}.m4a")
        write_clip(two / f"dev/mp4/{name}.mp4", (40 * i + 30, 9))
        write_clip(two / f"dev/aac/{name}.m4a", (), tone(1.0, 300 + 100 * i))
        touch(one, f"wav/id1000{i}/vid/00001.wav", f"faces/N{i}/1.6/vid/0000025.jpg")
        audio.save(one / f"wav/id1000{i}/vid/00001.wav", tone(1.0), 16000)
        Image.new("RGB", (40, 40), (50 * i, 9, 9)).save(one / f"faces/N{i}/1.6/vid/0000025.jpg")
    meta = tmp_path / "meta.tsv"
    meta.write_text(
        "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
        + "".join(f"id1000{i}\tN{i}\tm\tX\tdev\n" for i in range(4))
    )
    assert run("voxceleb2", two, two / "m.csv", "--held-out", "1", "--frames", "2") == 0
    options = ["--faces", str(one / "faces"), "--people", str(meta), "--held-out", "1"]
    assert run("voxceleb1", one, one / "m.csv", *options) == 0
    for root, views in ((two, 2), (one, 1)):
        out = root / "features"
        command = ["--pairs", str(root / "m.csv"), "--out", str(out), "--voice-encoder", "toy"]
        assert features.main(command) == 0
        pairs = read_pairs(root / "m.csv")
        found = shards.pair_features(pairs, *shards.open_features(out))
        assert len(found.pairs) == 4 and {len(rows) for rows in found.image} == {views}
        assert not found.report.skipped
