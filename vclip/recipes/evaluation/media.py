"""Media keys: a canonical name (person/video/number) of each picture or recording in trial lists.

A key begins with its person, by VoxCeleb id where `vox1_meta.csv` (from VoxCeleb's page) tells it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from vclip.errors import DataError
from vclip.recipes.data.layouts import Person, read_people

TRACKS = "1.6"  # a folder that VGG's face crops have and nobody's recordings


def media_key(path: str, ids: Mapping[str, str]) -> str:
    """The last three parts of a path without the suffix and VGG's 1.6: person/video/number.

    The person's name is replaced by his VoxCeleb id where ids knows it.
    """
    folder, _, file = path.rpartition("/")  # no pathlib: lists hold a million paths
    parts = [part for part in folder.split("/")[-3:] if part not in ("", TRACKS)][-2:]
    parts = [*parts, file.rpartition(".")[0] or file]
    return "/".join([ids.get(parts[0], parts[0]), *parts[1:]])


def person_of(key: str) -> str:
    """The person of a media key."""
    return key.partition("/")[0]


def index_media(paths: Iterable[str], ids: Mapping[str, str]) -> dict[str, str]:
    """Path by media key. Raises DataError if two files answer to one key."""
    found: dict[str, str] = {}
    for path in paths:
        if found.setdefault(key := media_key(path, ids), path) != path:
            raise DataError(f"{found[key]} and {path} are both {key}; keep one of them")
    return found


def by_person(keys: Iterable[str]) -> dict[str, list[str]]:
    """Media keys of every person, in their order."""
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(person_of(key), []).append(key)
    return found


def read_metadata(meta: Path) -> dict[str, Person]:
    """People of VoxCeleb1 by id. Raises DataError if meta is not its vox1_meta.csv."""
    people = read_people(meta)
    if not people or any(p.name == number or not p.country for number, p in people.items()):
        raise DataError(f"{meta} is not vox1_meta.csv of VoxCeleb1: names or nationalities lack")
    return people


def read_ids(meta: Path) -> dict[str, str]:
    """VoxCeleb1 id by VGGFace name, of vox1_meta.csv. Raises DataError."""
    return {person.name: number for number, person in read_metadata(meta).items()}
