"""Manifests: rows that are read, and what is wrong with those that are not."""

from pathlib import Path

import pytest
from toys import make_media

from vclip.errors import DataError
from vclip.recipes.data.manifest import read_labelled, read_media, read_pairs


def test_a_manifest_is_read_with_paths_beside_it(tmp_path: Path) -> None:
    rows = read_pairs(make_media(tmp_path), "dev")
    assert [(r.person, r.sex, r.split) for r in rows] == [("p2", "F", "dev")]
    assert rows[0].face == tmp_path / "2.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,face,sex\na,b,F\n", "no column voice"),
        ("person,face,voice,sex\n", "no rows"),
        ("person,face,voice,sex\na,,c,F\n", "line 2: face is empty"),
        ("person,face,voice,sex\na,b,c,x\n", "neither F, M nor empty"),
        ("person,face,voice,sex,split\na,b,c,F,train\na,d,e,F,dev\n", "in two splits"),
    ],
)
def test_faulty_manifests_say_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_pairs(tmp_path / "m.csv")


def test_unknown_splits_and_unreadable_manifests_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has 'dev', 'train'"):
        read_pairs(make_media(tmp_path), "test")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    for name in ("binary.csv", "missing.csv"):
        with pytest.raises(DataError, match=name):
            read_pairs(tmp_path / name)


def test_labelled_rows_are_those_with_a_sex_of_the_wanted_sources(tmp_path: Path) -> None:
    text = "path,source,speaker,sex,age\na,vctk,p1,F,23\nb,vctk,p2,,\nc,other,p3,M,x\n"
    (tmp_path / "m.csv").write_text(text)
    rows = read_labelled(tmp_path / "m.csv")
    assert [(r.path.name, r.sex) for r in rows] == [("a", "F"), ("c", "M")]
    assert len(read_labelled(tmp_path / "m.csv", ("other",))) == 1


def test_every_shared_pair_exists(shared: Path) -> None:
    rows = read_pairs(shared / "pairs" / "avspeech.csv")
    assert len(rows) > 900 and all(r.face.is_file() and r.voice.is_file() for r in rows)
    ravdess = read_pairs(shared / "pairs" / "ravdess.csv")
    assert len({r.person for r in ravdess}) == 24


def test_media_are_listed_once_whichever_columns_name_them(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("person,face,voice,sex\na,1.png,1.wav,\na,2.png,1.wav,\n")
    faces, voices = read_media(pairs)
    assert faces == {name: tmp_path / name for name in ("1.png", "2.png")}
    assert voices == {"1.wav": tmp_path / "1.wav"}
    (tmp_path / "list.csv").write_text("path,sex\n1.png,F\nb/1.OGG,M\n")
    faces, voices = read_media(tmp_path / "list.csv")
    assert (list(faces), list(voices)) == (["1.png"], ["b/1.OGG"])
