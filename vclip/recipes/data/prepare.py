"""Manifests of faces and voices from folders of media (docs/method.md, Data).

    python -m vclip.recipes.data.prepare voxceleb2 --root vox2 --people vox2_meta.csv --out vox2.csv
    python -m vclip.recipes.data.prepare voxceleb1 --root vox1 --faces unzippedFaces \\
        --people vox1_meta.csv --splits identity_splits.txt --exclude-test --out vox1.csv
    python -m vclip.recipes.data.prepare folder --root my_people --held-out 20 --out mine.csv
    python -m vclip.recipes.data.prepare manifest --root old.csv --out new.csv

VoxCeleb1 and 2 are asked for at robots.ox.ac.uk/~vgg/data/voxceleb, with their tables of people;
`vclip.recipes.data.layouts` shows the folders. One row per clip: its first frame or picture, and
the whole of its sound. `--frames N` writes N rows a clip, evenly over its length, which training
takes as views of one. No media are opened. People are split, never clips: `--held-out` of them,
drawn by `--seed`, are dev, the others train; or `--splits` names the split of every person.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm
from tyro.conf import Positional

from vclip.errors import DataError
from vclip.recipes.data import clips
from vclip.recipes.data.layouts import (
    Clip,
    Person,
    folder,
    manifest,
    read_people,
    voxceleb1,
    voxceleb2,
)
from vclip.recipes.data.manifest import Pair, key_of
from vclip.recipes.data.shards import write_table
from vclip.recipes.options import command

HELD_OUT = 500  # people held out of VoxCeleb2 (Vclip §4.1)
COLUMNS = ("person", "face", "voice", "sex", "split", "clip")
PINS = {"1": "train", "2": "dev", "3": "test", "4": "test"}  # sets of PINs' identity_splits.txt


@dataclass(frozen=True)
class PrepareSettings:
    """Options of `python -m vclip.recipes.data.prepare`."""

    layout: Positional[Literal["voxceleb2", "voxceleb1", "folder", "manifest"]]
    root: Path
    """folder of media, or a manifest"""
    out: Path
    """the manifest to write (CSV)"""
    faces: Path | None = None
    """voxceleb1: VGG's face crops (unzippedFaces)"""
    people: Path | None = None
    """vox1_meta.csv, vox2_meta.csv, or id and sex"""
    frames: int = 1
    """pictures a clip"""
    held_out: int | None = None
    """people of dev; by default 500, at most 10 %"""
    seed: int = 0
    """draws the people of dev"""
    splits: Path | None = None
    """lines PERSON SPLIT, instead of drawing"""
    exclude: Path | None = None
    """people to leave out, an id or name a line"""
    exclude_test: bool = False
    """leave test people out"""

    def __post_init__(self) -> None:
        """Raises DataError for numbers that are none."""
        if self.frames < 1 or (self.held_out or 0) < 0:
            raise DataError("--frames must be at least 1, --held-out at least 0")


def frames(clip: Clip, n: int) -> list[Path]:
    """Up to n pictures of a clip, evenly over it, the first one first."""
    if len(clip.pictures) == 1 and clip.pictures[0].suffix.lower() in clips.VIDEOS:
        (video,) = clip.pictures
        return [Path(clips.at(str(video), k / n)) for k in range(n)]
    n = min(n, len(clip.pictures))
    return [clip.pictures[k * len(clip.pictures) // n] for k in range(n)]


def read_splits(path: Path) -> dict[str, str]:
    """Split by person: lines `PERSON SPLIT`, blank, tab or comma between; 1 to 4 as PINs mean them.

    Raises DataError.
    """
    found = {}
    for n, line in enumerate(_lines(path), 1):
        cells = re.split(r"[\s,]+", line)
        split = PINS.get(cells[-1], cells[-1])
        if len(cells) != 2 or split not in ("train", "dev", "test"):
            if n == 1:
                continue  # a line of titles
            raise DataError(f"{path}, line {n}: {line!r} is not PERSON SPLIT, of train, dev, test")
        found[cells[0]] = split
    return found


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {path}: {error}; give a text file") from error


def draw_splits(people: Iterable[str], held_out: int | None, seed: int) -> dict[str, str]:
    """Split by person: `held_out` of them dev, drawn by the seed whatever their order; else train.

    None: the paper's 500, or a tenth of the people where they are fewer than 5,000. Raises
    DataError if fewer than two would be left to train on.
    """
    names = sorted(set(people))
    n = min(HELD_OUT, round(len(names) / 10)) if held_out is None else held_out
    if n > len(names) - 2:
        raise DataError(
            f"{n} of {len(names)} people cannot be held out; lower --held-out, so that at least "
            "two are left to train on"
        )
    held = np.random.default_rng(seed).permutation(len(names))[:n]
    return dict.fromkeys(names, "train") | {names[i]: "dev" for i in held}


def split_people(
    people: Mapping[str, Person],
    splits: Mapping[str, str] | None,
    held_out: int | None = None,
    seed: int = 0,
) -> dict[str, str]:
    """Split by person: the listed one, by id or name; without a list as drawn, test people apart.

    Whoever is not on the list is in none.
    """
    if splits is not None:
        listed = {p: splits.get(p) or splits.get(known.name) for p, known in people.items()}
        return {person: split for person, split in listed.items() if split}
    drawn = draw_splits([p for p, known in people.items() if not known.test], held_out, seed)
    return {person: drawn.get(person, "test") for person in people}


def write(path: Path, rows: Sequence[Pair]) -> None:
    """The manifest, its paths relative to it."""
    base, cells = os.path.abspath(path.parent), []
    for row in rows:
        media = (Path(os.path.relpath(p, base)).as_posix() for p in (row.face, row.voice))
        cells.append((row.person, *media, row.sex, row.split, row.clip))
    write_table(path, [COLUMNS, *cells])


def find_clips(settings: PrepareSettings, people: Mapping[str, Person]) -> Iterator[Clip]:
    """Clips below the root in the layout that was named. Raises DataError."""
    if settings.layout == "voxceleb1" and settings.faces:
        return voxceleb1(settings.root, settings.faces, people)
    if settings.layout == "voxceleb1":
        raise DataError("voxceleb1 needs --faces, the folder of VGG's face crops unzippedFaces")
    layouts = {"voxceleb2": voxceleb2, "folder": folder, "manifest": manifest}
    return layouts[settings.layout](settings.root)


def read_clips(
    settings: PrepareSettings, people: dict[str, Person]
) -> tuple[list[Pair], list[str]]:
    """Rows of every clip, and the names of clips without a picture; new people are noted."""
    rows: list[Pair] = []
    without = []
    for clip in tqdm(find_clips(settings, people), desc="clips", unit=" clips", disable=None):
        sex = people.setdefault(clip.person, Person(clip.person, "", clip.test)).sex
        name, faces = clip.name, frames(clip, settings.frames)
        if settings.layout != "manifest":
            name = f"{clip.person}/{name}"
        elif not name and settings.frames > 1:
            name = key_of(clip.voice, settings.root.parent)
        rows += [
            Pair(clip.person, face, clip.voice, clip.sex or sex, clip.split, name) for face in faces
        ]
        without += [] if faces else [name]
    return rows, without


def prepare(settings: PrepareSettings) -> str:
    """Write the manifest; return the closing report. Raises DataError."""
    people = read_people(settings.people)
    rows, without = read_clips(settings, people)
    if not rows:
        raise DataError(f"no clip with picture and sound below {settings.root}; see --help")
    splits = read_splits(settings.splits) if settings.splits else None
    if splits is None and settings.held_out is None and all(row.split for row in rows):
        splits = {row.person: row.split for row in rows}
    found = {row.person: people[row.person] for row in rows}
    excluded = set(_lines(settings.exclude)) if settings.exclude else set()
    there = {p: known for p, known in found.items() if not {p, known.name} & excluded}
    split_of = split_people(there, splits, settings.held_out, settings.seed)
    kept = {p: s for p, s in split_of.items() if s != "test" or not settings.exclude_test}
    left_out = {
        "excluded by the list": len(found) - len(there),
        "in no split": len(there) - len(split_of),
        "test people": len(split_of) - len(kept),
    }
    chosen = [replace(row, split=kept[row.person]) for row in rows if row.person in kept]
    if not chosen:
        raise DataError(f"nobody is left of {len(found)} people; change --splits or --exclude")
    write(settings.out, chosen)
    return report(settings.out, chosen, left_out, without)


def report(out: Path, rows: Sequence[Pair], left_out: Mapping[str, int], without: list[str]) -> str:
    """For people: what each split holds, and what was left out."""
    lines = []
    for split in dict.fromkeys(row.split for row in rows):
        own = [row for row in rows if row.split == split]
        found, who = {(row.clip, row.voice) for row in own}, {row.person for row in own}
        lines.append(f"{split}: {len(who)} people, {len(found)} clips, {len(own)} rows")
    lines += [f"left out: {n} people, {why}" for why, n in left_out.items() if n]
    if without:
        lines.append(f"left out: {len(without)} clips without a picture, as {without[0]}")
    return "\n".join([*lines, f"wrote {out}"])


@command(PrepareSettings)
def main(settings: PrepareSettings) -> None:
    print(prepare(settings))


if __name__ == "__main__":
    raise SystemExit(main())
