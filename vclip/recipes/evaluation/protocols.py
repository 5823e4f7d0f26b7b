"""Published benchmark protocols as lists of media: who is compared with whom (paper.md §2.1).

P1  PINs' lists of VoxCeleb1 (Nagrani et al. 2018) as Cocoxili/CMPC has them
P2  Self-Lifting's pickles (my-yy/sl_icmr2022); Vclip's headline figures are of these
P3  vfal-eva's pickles (my-yy/vfal-eva), the same format over other people
P4  FAME's text files of MAV-Celeb, several languages
Their figures are never comparable with each other, so every one is printed with its protocol.

    python -m vclip.recipes.evaluation.protocols p1 --lists DIR --faces DIR --voices DIR --out CSV

writes the manifest of the listed media that are there, for `vclip.recipes.data.features` to read.
"""

import argparse
import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vclip.arrays import Bools
from vclip.errors import DataError, OutputError, reported

Side = Literal["voice", "face"]
TRACKS = "1.6"  # a folder that VGG's face crops have and nobody's recordings


@dataclass(frozen=True)
class Verification:
    """Trials of one list: are this voice and this face one person's?"""

    name: str
    voices: list[str]  # (K,) media keys
    faces: list[str]
    positive: Bools | None  # (K,); None where the organisers keep the answer
    persons: list[tuple[str, str]]  # of voice and face
    ids: list[str] = field(default_factory=list)  # of trials, where the list names them


@dataclass(frozen=True)
class Matching:
    """Trials of one list: which of the candidates is the probe's person? The first one."""

    name: str
    probe: Side
    probes: list[str]  # (K,) media keys
    candidates: list[tuple[str, ...]]  # (K, N)
    persons: list[tuple[str, ...]]  # (K, N)


@dataclass(frozen=True)
class Retrieval:
    """Everything of these voices against everything of these faces."""

    name: str
    voices: list[str]
    voice_persons: list[str]
    faces: list[str]
    face_persons: list[str]


@dataclass(frozen=True)
class Protocol:
    """All lists of one protocol."""

    name: str  # "P1", beside every figure
    title: str
    verification: list[Verification] = field(default_factory=list)
    matching: list[Matching] = field(default_factory=list)
    retrieval: list[Retrieval] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def media(self, side: Side) -> list[str]:
        """Every key of one side, each once, in the lists' order."""
        return list(dict.fromkeys(self._media(side)))

    def _media(self, side: Side) -> Iterator[str]:
        for trials in self.verification:
            yield from trials.voices if side == "voice" else trials.faces
        for match in self.matching:
            if match.probe == side:
                yield from match.probes
            else:
                yield from itertools.chain.from_iterable(match.candidates)
        for gallery in self.retrieval:
            yield from gallery.voices if side == "voice" else gallery.faces

    @property
    def persons(self) -> set[str]:
        """Everybody who occurs."""
        found = {p for trials in self.verification for pair in trials.persons for p in pair}
        found |= {p for match in self.matching for row in match.persons for p in row}
        return found.union(*(set(g.voice_persons + g.face_persons) for g in self.retrieval))


def media_key(path: str, ids: Mapping[str, str]) -> str:
    """The same key for one picture or recording, however a list or a manifest writes its path.

    Its last three parts without the suffix and VGG's 1.6: person/video/number. The person's name
    is replaced by his VoxCeleb id where ids knows it.
    """
    folder, _, file = path.rpartition("/")  # no pathlib: lists hold a million paths
    parts = [part for part in folder.split("/")[-3:] if part not in ("", TRACKS)][-2:]
    parts = [*parts, file.rpartition(".")[0] or file]
    return "/".join([ids.get(parts[0], parts[0]), *parts[1:]])


def index_media(paths: Iterable[str], ids: Mapping[str, str]) -> dict[str, str]:
    """Path by media key. Raises DataError if two files answer to one key."""
    found: dict[str, str] = {}
    for path in paths:
        if found.setdefault(key := media_key(path, ids), path) != path:
            raise DataError(f"{found[key]} and {path} are both {key}; keep one of them")
    return found


def read_ids(meta: Path) -> dict[str, str]:
    """VoxCeleb1 id by VGGFace name, of vox1_meta.csv. Raises DataError."""
    try:
        with meta.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return {row["VGGFace1 ID"].strip(): row["VoxCeleb1 ID"].strip() for row in rows}
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise DataError(f"{meta} is not vox1_meta.csv of VoxCeleb1: {error}") from error


Reader = Callable[[Path, Mapping[str, str]], Protocol]


def _readers() -> dict[str, Reader]:
    from vclip.recipes.evaluation import pickled_lists, text_lists  # they build on this module

    return {
        "p1": text_lists.read_p1,
        "p2": pickled_lists.read_p2,
        "p3": pickled_lists.read_p3,
        "p4": text_lists.read_p4,
    }


NAMES = ("p1", "p2", "p3", "p4")


def read(name: str, folder: Path, meta: Path | None = None) -> tuple[Protocol, dict[str, str]]:
    """The protocol whose lists lie in a folder, and VoxCeleb ids by name. Raises DataError.

    meta: vox1_meta.csv, by default the one beside the lists, if there is one.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder} with the lists of {name.upper()}")
    beside = folder / "vox1_meta.csv"
    ids = read_ids(meta or beside) if meta or beside.is_file() else {}
    return _readers()[name](folder, ids), ids


def manifest_rows(
    protocol: Protocol, faces: Mapping[str, str], voices: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """(person, face, voice) until every listed medium that is there has occurred."""
    seen = _by_person(protocol.media("face"), faces)
    heard = _by_person(protocol.media("voice"), voices)
    for person in seen.keys() & heard.keys():
        theirs, said = seen[person], heard[person]
        for n in range(max(len(theirs), len(said))):
            yield person, theirs[n % len(theirs)], said[n % len(said)]


def _by_person(keys: Iterable[str], paths: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in keys:
        if key in paths:
            found.setdefault(key.split("/")[0], []).append(paths[key])
    return found


def write_manifest(
    protocol: Protocol, ids: Mapping[str, str], faces: Path, voices: Path, out: Path
) -> str:
    """Write the manifest of what is there under two folders; returns what was missing."""
    seen, heard = (
        index_media((str(p.absolute()) for p in sorted(folder.rglob("*")) if p.is_file()), ids)
        for folder in (faces, voices)
    )
    rows = sorted(manifest_rows(protocol, seen, heard))
    if not rows:
        raise DataError(f"{faces} and {voices} hold nothing that {protocol.name} lists")
    try:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("person", "face", "voice", "sex"))
            writer.writerows((*row, "") for row in rows)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error}; choose another place") from error
    missing = [
        f"{sum(key not in paths for key in keys)} of {len(keys)} {what}"
        for what, keys, paths in (
            ("faces", protocol.media("face"), seen),
            ("voices", protocol.media("voice"), heard),
        )
    ]
    return f"{out}: {len(rows)} rows; listed by {protocol.name}, not there: {', '.join(missing)}"


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = argparse.ArgumentParser(
        prog="python -m vclip.recipes.evaluation.protocols",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("protocol", choices=NAMES)
    options.add_argument("--lists", type=Path, required=True, help="folder of the trial lists")
    options.add_argument("--meta", type=Path, help="vox1_meta.csv, if not beside the lists")
    options.add_argument("--faces", type=Path, required=True, help="folder of pictures")
    options.add_argument("--voices", type=Path, required=True, help="folder of recordings")
    options.add_argument("--out", type=Path, required=True, help="manifest to write (CSV)")
    given = options.parse_args(argv)
    protocol, ids = read(given.protocol, given.lists, given.meta)
    print(write_manifest(protocol, ids, given.faces, given.voices, given.out))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
