"""Where data sets keep their clips, on trees of empty files in their layouts."""

from pathlib import Path

import pytest
from toy_clips import touch

from vclip.errors import DataError
from vclip.recipes.data import layouts
from vclip.recipes.data.layouts import Clip, Person


def told(clips: list[Clip], root: Path) -> list[tuple[str, str, list[str], str]]:
    """Clips with paths below the root."""

    def short(path: Path) -> str:
        return path.relative_to(root).as_posix()

    return [(c.person, c.name, [short(p) for p in c.pictures], short(c.voice)) for c in clips]


def test_voxceleb2_takes_sound_from_aac_or_else_from_the_video(tmp_path: Path) -> None:
    root = touch(
        tmp_path,
        "dev/mp4/id00012/21Uxsk56VDQ/00002.mp4",
        "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4",
        "dev/aac/id00012/21Uxsk56VDQ/00001.m4a",
        "dev/mp4/id00012/21Uxsk56VDQ/notes.txt",
        "dev/mp4/id00015/abc/00001.mp4",
        "test/mp4/id00017/abc/00001.mp4",
        "vox2_meta.csv",
    )
    found = list(layouts.voxceleb2(root))
    video = "dev/mp4/id00012/21Uxsk56VDQ/0000"
    assert told(found, root)[:2] == [
        (
            "id00012",
            "21Uxsk56VDQ/00001",
            [f"{video}1.mp4"],
            "dev/aac/id00012/21Uxsk56VDQ/00001.m4a",
        ),
        ("id00012", "21Uxsk56VDQ/00002", [f"{video}2.mp4"], f"{video}2.mp4"),
    ]
    assert [(c.person, c.test) for c in found[2:]] == [("id00015", False), ("id00017", True)]
    assert list(layouts.voxceleb2(root / "dev")) == found[:3]
    with pytest.raises(DataError, match="holds no folder mp4, dev/mp4"):
        list(layouts.voxceleb2(root / "dev" / "mp4"))


def test_voxceleb1_finds_faces_by_the_name_of_the_person(tmp_path: Path) -> None:
    root = touch(
        tmp_path,
        "wav/id10001/vid/00001.wav",
        "wav/id10001/vid/00002.wav",
        "wav/id10001/blind/00001.wav",
        "wav/id10002/vid/00001.wav",
        "faces/A.J._Buckley/1.6/vid/0000750.jpg",
        "faces/A.J._Buckley/1.6/vid/0000375.jpg",
        "faces/A.J._Buckley/1.6/other/0000001.jpg",
        "faces/Harry_Shum_Jr/1.6/vid/0000025.jpg",
    )
    people = {"id10001": Person("A.J._Buckley", "M", False)}
    people["id10002"] = Person("Harry_Shum_Jr.", "M", False)  # the zip's folder has no full stop
    found = told(list(layouts.voxceleb1(root, root / "faces", people)), root)
    seen = [f"faces/A.J._Buckley/1.6/vid/0000{n}.jpg" for n in ("375", "750")]
    assert found == [
        ("id10001", "blind/00001", [], "wav/id10001/blind/00001.wav"),
        ("id10001", "vid/00001", seen, "wav/id10001/vid/00001.wav"),
        ("id10001", "vid/00002", seen, "wav/id10001/vid/00002.wav"),
        (
            "id10002",
            "vid/00001",
            ["faces/Harry_Shum_Jr/1.6/vid/0000025.jpg"],
            "wav/id10002/vid/00001.wav",
        ),
    ]


def test_any_folder_pairs_by_name_then_by_folder_then_by_person(tmp_path: Path) -> None:
    root = touch(
        tmp_path,
        "ann/a.wav",
        "ann/a.jpg",
        "ann/b.wav",
        "ann/b-2.png",
        "ann/b-1.png",
        "ann/bb.jpg",
        "ben/talk.MP4",
        "ben/both.mp4",
        "ben/both.m4a",
        "ben/face.jpg",
        "cleo/photos/1.jpg",
        "cleo/photos/2.jpg",
        "cleo/sound/x.flac",
        "cleo/more/y.flac",
        "cleo/more/z.jpg",
        "dora/x.wav",
    )
    found = {
        (p, name): (seen, voice) for p, name, seen, voice in told(list(layouts.folder(root)), root)
    }
    assert found == {
        ("ann", "a"): (["ann/a.jpg"], "ann/a.wav"),
        ("ann", "b"): (["ann/b-1.png", "ann/b-2.png"], "ann/b.wav"),
        ("ben", "talk"): (["ben/talk.MP4"], "ben/talk.MP4"),
        ("ben", "both"): (["ben/both.mp4"], "ben/both.m4a"),
        ("cleo", "sound/x"): (
            ["cleo/more/z.jpg", "cleo/photos/1.jpg", "cleo/photos/2.jpg"],
            "cleo/sound/x.flac",
        ),
        ("cleo", "more/y"): (["cleo/more/z.jpg"], "cleo/more/y.flac"),
        ("dora", "x"): ([], "dora/x.wav"),
    }


def test_lists_of_people_in_the_data_sets_own_forms(tmp_path: Path) -> None:
    one, two, own = (tmp_path / name for name in ("vox1.csv", "vox2.csv", "own.csv"))
    one.write_text(
        "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\nid10001\tA_B.\tm\tIreland\tdev\n"
    )
    two.write_text(
        "\ufeffVoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n"
        "id00012 ,n000001 ,m ,dev\nid00017 ,n3,f ,test\n"
    )
    own.write_text("person,sex\nx,F\ny,\n")
    assert layouts.read_people(one) == {"id10001": Person("A_B.", "M", False, "Ireland")}
    assert layouts.read_people(two) == {
        "id00012": Person("id00012", "M", False),
        "id00017": Person("id00017", "F", True),
    }
    assert layouts.read_people(own) == {"x": Person("x", "F", False), "y": Person("y", "", False)}
    assert layouts.read_people(None) == {}
    for text, match in (("a,b\n1,2\n", "no column of ids"), ("id,sex\nx,q\n", "line 2: sex 'q'")):
        own.write_text(text)
        with pytest.raises(DataError, match=match):
            layouts.read_people(own)
    with pytest.raises(DataError, match=r"gone\.csv"):
        layouts.read_people(tmp_path / "gone.csv")


def test_the_real_list_of_voxceleb1(shared: Path) -> None:
    people = layouts.read_people(shared / "protocols" / "voxceleb1" / "vox1_meta.csv")
    assert len(people) == 1251 and sum(person.test for person in people.values()) == 40
    assert people["id10001"] == Person("A.J._Buckley", "M", False, "Ireland")
    assert {person.sex for person in people.values()} == {"F", "M"}
