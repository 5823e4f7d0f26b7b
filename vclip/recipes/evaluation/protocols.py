"""Manifests of the media that published protocols compare (docs/method.md, Protocols).

    P1  PINs' lists of VoxCeleb1 (Nagrani et al. 2018): veriflist, matching and retrieval of
        github.com/Cocoxili/CMPC, with vox1_meta.csv of VoxCeleb
    P2  Self-Lifting's pickles (github.com/my-yy/sl_icmr2022), dataset/voxceleb/eval; Vclip's
        headline figures are of these
    P3  vfal-eva's pickles (github.com/my-yy/vfal-eva), dataset/evals: the same format, other people
    P4  FAME's text files of MAV-Celeb (github.com/mavceleb/mavceleb_baseline), several languages

Their figures are never comparable with each other, so every one is printed with its protocol.

    python -m vclip.recipes.evaluation.protocols p1 --lists DIR --faces DIR --voices DIR --out CSV

writes the manifest of the listed media that are there, for `vclip.recipes.data.features` to read.
Pictures and recordings lie as VoxCeleb and VGGFace (unzippedFaces), or MAV-Celeb, unpack them:
person/video/file, in any folder.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from vclip.errors import DataError, OutputError
from vclip.recipes.evaluation import pickled_lists, text_lists
from vclip.recipes.evaluation.media import by_person, index_media, read_ids
from vclip.recipes.evaluation.trials import PublishedProtocol
from vclip.recipes.options import command

ProtocolName = Literal["p1", "p2", "p3", "p4"]
READERS: dict[ProtocolName, Callable[[Path, Mapping[str, str]], PublishedProtocol]] = {
    "p1": text_lists.read_p1,
    "p2": pickled_lists.read_p2,
    "p3": pickled_lists.read_p3,
    "p4": text_lists.read_p4,
}


def read(
    name: ProtocolName, folder: Path, meta: Path | None = None
) -> tuple[PublishedProtocol, dict[str, str]]:
    """The protocol whose lists lie in a folder, and VoxCeleb ids by name. Raises DataError.

    meta: vox1_meta.csv, by default the one beside the lists, if there is one.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder} with the lists of {name.upper()}")
    beside = folder / "vox1_meta.csv"
    ids = read_ids(meta or beside) if meta or beside.is_file() else {}
    return READERS[name](folder, ids), ids


def manifest_rows(
    protocol: PublishedProtocol, faces: Mapping[str, str], voices: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """(person, face, voice) until every listed medium that is there has occurred."""
    seen = by_person(key for key in protocol.media("face") if key in faces)
    heard = by_person(key for key in protocol.media("voice") if key in voices)
    for person in seen.keys() & heard.keys():
        theirs, said = seen[person], heard[person]
        for n in range(max(len(theirs), len(said))):
            yield person, faces[theirs[n % len(theirs)]], voices[said[n % len(said)]]


@dataclass(frozen=True)
class ProtocolMedia:
    """The command line."""

    protocol: Positional[ProtocolName]
    """whose lists"""
    lists: Path
    """folder of the trial lists"""
    faces: Path
    """folder of pictures"""
    voices: Path
    """folder of recordings"""
    out: Path
    """manifest to write (CSV)"""
    meta: Path | None = None
    """vox1_meta.csv, if not beside the lists"""


@command(ProtocolMedia)
def main(settings: ProtocolMedia) -> None:
    """Write the manifest of what is there and tell what is missing."""
    protocol, ids = read(settings.protocol, settings.lists, settings.meta)
    seen, heard = (
        index_media((str(p.absolute()) for p in sorted(folder.rglob("*")) if p.is_file()), ids)
        for folder in (settings.faces, settings.voices)
    )
    rows = sorted(manifest_rows(protocol, seen, heard))
    if not rows:
        raise DataError(
            f"{settings.faces} and {settings.voices} hold nothing that {protocol.name} lists"
        )
    try:
        with settings.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("person", "face", "voice", "sex"))
            writer.writerows((*row, "") for row in rows)
    except OSError as error:
        raise OutputError(f"cannot write {settings.out}: {error}; choose another place") from error
    faces, voices = protocol.media("face"), protocol.media("voice")
    print(
        f"{settings.out}: {len(rows)} rows; listed by {protocol.name}, not there: "
        f"{len(set(faces) - seen.keys())} of {len(faces)} faces, "
        f"{len(set(voices) - heard.keys())} of {len(voices)} voices"
    )


if __name__ == "__main__":
    raise SystemExit(main())
