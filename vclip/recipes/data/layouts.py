"""Folder layouts of data sets: VoxCeleb2, VoxCeleb1, or any folder with one folder per person.

VoxCeleb2  [dev|test]/mp4/PERSON/VIDEO/00001.mp4, sound in aac/…/00001.m4a if it is there
VoxCeleb1  [dev|test]/wav/PERSON/VIDEO/00001.wav; faces in NAME/1.6/VIDEO/0000375.jpg, as in VGG's
           zip of CMBiometrics (unzippedFaces), NAME by vox1_meta.csv
folder     PERSON/…/FILE: pictures, recordings and video files, in any folders below
manifest   a CSV of pairs, to be split anew or given more frames
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vclip.errors import DataError
from vclip.recipes.data.clips import PICTURES, SOUNDS, VIDEOS
from vclip.recipes.data.manifest import read_pairs, read_rows, sex_of

SCALE = "1.6"  # how far VGG's crops reach beyond the face; the folder's name
TITLES = {  # of columns in lists of people, in lower case
    "id": r"voxceleb\d? id|id|person|speaker",
    "name": r"vggface1 id|name",
    "sex": r"gender|sex",
    "set": r"set|split",
    "country": r"nationality|country",
}


@dataclass(frozen=True)
class Clip:
    """One recording of a person and what is seen meanwhile: a video file, or pictures in order."""

    person: str
    name: str  # of the clip, unlike any other of the person
    pictures: tuple[Path, ...]
    voice: Path
    test: bool = False  # of the data set's own test part
    sex: str = ""  # where the clip itself tells it
    split: str = ""  # likewise


@dataclass(frozen=True)
class Person:
    """One row of a data set's own list of people."""

    name: str  # of the face's folder, where it is another one than the id
    sex: str  # F, M or ""
    test: bool  # of the data set's own test set
    country: str = ""


def read_people(path: Path | None) -> dict[str, Person]:
    """People by id from vox1_meta.csv or vox2_meta.csv, or any table with id (or person) and sex.

    Commas or tabs, any case and spacing of the first line. Raises DataError.
    """
    people = {}
    for line, row in read_rows(path, (), "list of people") if path else ():
        cell = {
            what: value
            for title, value in reversed(row.items())
            for what, known in TITLES.items()
            if re.fullmatch(known, title.strip().lower().replace("_", " "))
        }
        if "id" not in cell:
            raise DataError(f"{path} has no column of ids; its first line must name id or person")
        sex = sex_of(cell.get("sex", ""), f"{path}, line {line}")
        name, test = cell.get("name") or cell["id"], cell.get("set") == "test"
        people[cell["id"]] = Person(name, sex, test, cell.get("country", ""))
    return people


def voxceleb2(root: Path) -> Iterator[Clip]:
    """Clips below a folder that holds mp4, or dev/mp4 or test/mp4."""
    for base in _parts(root, "mp4"):
        for video in _folders(base / "mp4", depth=2):
            person, name = video.parent.name, video.name
            for file in _files(video, VIDEOS):
                sound = (base / "aac" / person / name / file.name).with_suffix(".m4a")
                voice = sound if sound.is_file() else file
                yield Clip(person, f"{name}/{file.stem}", (file,), voice, base.name == "test")


def voxceleb1(root: Path, faces: Path, people: Mapping[str, Person]) -> Iterator[Clip]:
    """Clips below a folder that holds wav, or dev/wav or test/wav; clips of one video share faces.

    A clip without pictures comes without.
    """
    for base in _parts(root, "wav"):
        for video in _folders(base / "wav", depth=2):
            person = video.parent.name
            known = people[person].name if person in people else person
            # the zip's folders lack a name's last full stop: Harry_Connick_Jr
            folders = (faces / n / SCALE / video.name for n in (known, known.rstrip(".")))
            pictures = next((found for f in folders if (found := _files(f, PICTURES))), [])
            for file in _files(video, SOUNDS):
                name = f"{video.name}/{file.stem}"
                yield Clip(person, name, tuple(pictures), file, base.name == "test")


def folder(root: Path) -> Iterator[Clip]:
    """Every recording and video of every person, with the pictures that belong to it.

    Those of its own name (a.jpg with a.wav, also a-1.jpg, a-2.jpg), or else those of its folder, or
    else all of the person; a video without pictures of its name is its own picture.
    """
    for person in _folders(root):
        files = sorted(path for path in person.rglob("*") if path.is_file())
        pictures = [path for path in files if path.suffix.lower() in PICTURES]
        beside = defaultdict(list)
        for picture in pictures:
            beside[picture.parent].append(picture)
        sounds = {path.with_suffix("") for path in files if path.suffix.lower() in SOUNDS}
        seen = {path.with_suffix(""): path for path in files if path.suffix.lower() in VIDEOS}
        for path in files:
            kind, stem = path.suffix.lower(), path.with_suffix("")
            if kind not in SOUNDS | VIDEOS or (kind in VIDEOS and stem in sounds):
                continue
            own = re.compile(re.escape(path.stem) + r"([-_.]\d+)?")
            named = [p for p in beside[path.parent] if own.fullmatch(p.stem)]
            video = [seen[stem]] if stem in seen else []
            found = named or video or beside[path.parent] or pictures
            name = path.relative_to(person).with_suffix("").as_posix()
            yield Clip(person.name, name, tuple(found), path)


def manifest(path: Path) -> Iterator[Clip]:
    """Every row of a manifest of pairs, by the name of its clip, if it has one."""
    for row in read_pairs(path):
        yield Clip(row.person, row.clip, (row.face,), row.voice, sex=row.sex, split=row.split)


def _parts(root: Path, kind: str) -> list[Path]:
    """The folders below which people are found. Raises DataError."""
    found = [base for base in (root, root / "dev", root / "test") if (base / kind).is_dir()]
    if not found:
        raise DataError(
            f"{root} holds no folder {kind}, dev/{kind} or test/{kind}; name the folder "
            "into which the data set was unpacked"
        )
    return found


def _folders(path: Path, depth: int = 1) -> list[Path]:
    """Folders so far below another one, in order. Raises DataError."""
    try:
        found = sorted(entry for entry in path.iterdir() if entry.is_dir())
    except OSError as error:
        raise DataError(f"cannot read the folder {path}: {error.strerror or error}") from error
    return found if depth == 1 else [below for f in found for below in _folders(f, depth - 1)]


def _files(path: Path, kinds: set[str]) -> list[Path]:
    """Files of these kinds in order; none where there is no such folder."""
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir() if entry.suffix.lower() in kinds)
