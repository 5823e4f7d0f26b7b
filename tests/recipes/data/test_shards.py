"""Feature shards: what goes in comes out, and never half of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from vclip.errors import DataError
from vclip.recipes.data import shards
from vclip.recipes.data.manifest import Pair, read_pairs
from vclip.recipes.data.shards import FACES, VOICES, Shard


def write_folder(folder: Path, sides: dict[str, list[Shard]], dimension: int = 3) -> Path:
    """A finished folder of these shards."""
    about: dict[str, object] = {"version": shards.VERSION}
    for name, made in sides.items():
        about[name] = {"dimension": dimension, "shards": len(made)}
        for i, shard in enumerate(made):
            shards.write_shard(shards.shard_path(folder / name, i), shard, dimension)
    (folder / shards.DESCRIPTION).write_text(json.dumps(about))
    return folder


def rows(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3)).astype("f4")


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    first = Shard({"a.jpg": rows(2, 0), "ü/b.jpg": rows(1, 1)}, {"bad.jpg": "cut off"}, ["ü/b.jpg"])
    faces = [first, Shard(skipped={"gone.jpg": "not there"}), Shard({"c.jpg": rows(4, 2)})]
    voices = [Shard({f"{x}.wav": rows(1, ord(x)) for x in "abc"})]
    return write_folder(tmp_path, {FACES: faces, VOICES: voices})


def test_features_are_found_by_key_over_all_shards(folder: Path) -> None:
    faces, voices = shards.open_features(folder)
    assert faces.keys == ["a.jpg", "ü/b.jpg", "c.jpg"] and len(faces) == 3
    assert "c.jpg" in faces and "bad.jpg" not in faces
    np.testing.assert_array_equal(faces.rows("a.jpg"), rows(2, 0))
    np.testing.assert_array_equal(faces.rows("c.jpg"), rows(4, 2))
    wanted = ["c.jpg", "a.jpg", "c.jpg"]
    np.testing.assert_array_equal(faces.matrix(wanted), [faces.rows(key)[0] for key in wanted])
    assert faces.matrix([]).shape == (0, 3) == (0, voices.dimension)
    assert faces.skipped == {"bad.jpg": "cut off", "gone.jpg": "not there"}
    assert faces.whole == {"ü/b.jpg"}
    with pytest.raises(KeyError):
        faces.matrix(["bad.jpg"])


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    shard = Shard({"a": rows(2, 0)}, {"b": "why"}, ["a"])
    for name in ("one.npz", "two.npz"):
        shards.write_shard(tmp_path / name, shard, 3)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_what_fails_while_it_is_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), shards.replaced(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    with shards.replaced(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_unfinished_and_foreign_folders_are_data_errors(folder: Path, tmp_path: Path) -> None:
    shards.shard_path(folder / FACES, 1).unlink()
    with pytest.raises(DataError, match=r"1 of 3 shards .*shard-00001\.npz.*goes on"):
        shards.open_features(folder)
    (folder / shards.DESCRIPTION).write_text('{"version": 0}')
    with pytest.raises(DataError, match="version 0"):
        shards.open_features(folder)
    with pytest.raises(DataError, match="holds no feature shards"):
        shards.open_features(tmp_path / "elsewhere")


def manifest(folder: Path, lines: list[str]) -> list[Pair]:
    (folder / "m.csv").write_text("\n".join(["person,face,voice,sex,split,clip", *lines]))
    return read_pairs(folder / "m.csv")


def test_pairs_with_both_sides_are_kept_and_the_rest_is_reported(folder: Path) -> None:
    pairs = manifest(
        folder,
        ["p,a.jpg,a.wav,F,,", "q,bad.jpg,b.wav,,,", "r,ü/b.jpg,b.wav,M,,", "s,c.jpg,x.wav,,,"],
    )
    found = shards.pair_features(pairs, *shards.open_features(folder))
    assert [pair.person for pair in found.pairs] == ["p", "r"]
    np.testing.assert_array_equal(found.image[0], rows(2, 0))
    np.testing.assert_array_equal(found.voice[1], rows(1, ord("b")))
    assert found.report.skipped == ["bad.jpg: cut off", "x.wav: not in the feature shards"]
    assert found.report.whole_pictures == ["ü/b.jpg"]
    with pytest.raises(DataError, match=r"1 of 2 rows.*bad\.jpg: cut off"):
        shards.pair_features(pairs[:2], *shards.open_features(folder))


def test_pictures_of_one_clip_are_views_of_one_row(folder: Path) -> None:
    pairs = manifest(
        folder,
        [
            "p,a.jpg,a.wav,F,,1",
            "q,c.jpg,b.wav,,,2",
            "p,ü/b.jpg,a.wav,F,,1",
            "p,bad.jpg,a.wav,F,,1",
            "p,c.jpg,c.wav,F,,",
            "p,c.jpg,c.wav,F,,",
        ],
    )
    found = shards.pair_features(pairs, *shards.open_features(folder))
    assert [pair.face_key for pair in found.pairs] == ["a.jpg", "c.jpg", "c.jpg", "c.jpg"]
    np.testing.assert_array_equal(found.image[0], np.concatenate([rows(2, 0), rows(1, 1)]))
    assert [len(views) for views in found.image] == [3, 4, 4, 4]  # without a clip none are joined
    np.testing.assert_array_equal(found.first()[0][0], rows(2, 0)[0])


def test_keys_are_the_paths_of_the_manifest_wherever_it_lies(folder: Path) -> None:
    """A folder of media can be moved with its manifest; absolute paths stay as they are."""
    absolute = folder / "media" / "d.jpg"
    (folder / "sub").mkdir()
    (pair,) = manifest(folder / "sub", [f"p,{absolute},../a.wav,,,"])
    assert (pair.face_key, pair.voice_key) == (absolute.as_posix(), "../a.wav")
    assert pair.voice == folder / "sub" / ".." / "a.wav"
