"""Feature shards: a folder of features of any number of media, written by `features`, read here.

    features.json                what was computed, from what: see `vclip.recipes.data.features`
    faces/shard-00000.npz        one block of the manifest's pictures, in its order
    voices/shard-00000.npz       likewise of its recordings

A shard appears whole or not at all. It holds
    keys (n,)             paths as the manifest names them
    counts (n,)           how many rows each has
    values (rows, F)      float32, one after the other, the plain version of each first
    skipped, reasons (m,) media that could not be used, and why
    whole (w,)            keys of pictures in which no face was found, so that all of it was taken
"""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vclip.arrays import Float32, Strings
from vclip.errors import DataError
from vclip.recipes.data.manifest import Pair

VERSION = 1
DESCRIPTION = "features.json"
FACES, VOICES = "faces", "voices"


@dataclass
class Shard:
    """Features of one block of media: rows (views, F) by key, and what became of the others."""

    rows: dict[str, Float32] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)  # key -> reason
    whole: list[str] = field(default_factory=list)


def shard_path(folder: Path, index: int) -> Path:
    """File of the shard of this number in a side's folder."""
    return folder / f"shard-{index:05d}.npz"


@contextlib.contextmanager
def replaced(path: Path, rank: int = 0) -> Iterator[BinaryIO]:
    """A file that appears under its name only when all of it is on disk.

    Processes that may write the same one at once give their rank. What a killed one leaves, the
    next run overwrites.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part{rank or ''}")
    with part.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_table(path: Path, rows: Iterable[Sequence[str]], rank: int = 0) -> None:
    """Write a CSV whole or not at all; the first row names the columns."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    with replaced(path, rank) as file:
        file.write(table.getvalue().encode())


def write_shard(path: Path, shard: Shard, dimension: int) -> None:
    """Write a shard whole or not at all; the same content gives the same bytes."""
    rows = list(shard.rows.values())
    with replaced(path) as file:
        np.savez(
            file,
            keys=_texts(shard.rows),
            counts=np.array([len(row) for row in rows], np.int64),
            values=np.concatenate([np.zeros((0, dimension), np.float32), *rows]),
            skipped=_texts(shard.skipped),
            reasons=_texts(shard.skipped.values()),
            whole=_texts(shard.whole),
        )


def skipped_in(path: Path) -> dict[str, str]:
    """Reasons by key of the media that a shard lacks."""
    with np.load(path, allow_pickle=False) as arrays:
        return dict(zip(arrays["skipped"].tolist(), arrays["reasons"].tolist(), strict=True))


def _texts(texts: Any) -> Strings:
    return np.array(list(texts), dtype=np.str_)


class Shards:
    """The features of one side. Values are read when first asked for, then stay in memory."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self.folder, self.about = folder, about  # this side's, and its part of features.json
        self.dimension = int(about["dimension"])
        self.skipped: dict[str, str] = {}  # key -> reason
        self.whole: set[str] = set()
        self._place: dict[str, tuple[Path, int, int]] = {}  # shard, first row, end of its rows
        self._values: dict[Path, Float32] = {}
        paths = [shard_path(folder, i) for i in range(int(about["shards"]))]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(paths)} shards are not there yet ({missing[0]}); run "
                "python -m vclip.recipes.data.features again, it goes on where it stopped"
            )
        for path in paths:
            with np.load(path, allow_pickle=False) as arrays:
                keys, counts = arrays["keys"].tolist(), arrays["counts"]
                self.whole.update(arrays["whole"].tolist())
            ends = np.cumsum(counts)
            for key, start, end in zip(keys, (ends - counts).tolist(), ends.tolist(), strict=True):
                self._place[key] = (path, start, end)
            self.skipped.update(skipped_in(path))

    @property
    def keys(self) -> list[str]:
        """Every key with features, in the manifest's order."""
        return list(self._place)

    def __contains__(self, key: str) -> bool:
        return key in self._place

    def __len__(self) -> int:
        return len(self._place)

    def rows(self, key: str) -> Float32:
        """All versions (views, F) of one; row 0 is the plain one. KeyError if it has none."""
        path, start, end = self._place[key]
        if path not in self._values:
            with np.load(path, allow_pickle=False) as arrays:
                self._values[path] = arrays["values"]
        return self._values[path][start:end]

    def matrix(self, keys: Sequence[str]) -> Float32:
        """The plain version of each key, (n, F). KeyError if one has no features."""
        found = np.array([self.rows(key)[0] for key in keys], dtype=np.float32)
        return found.reshape(len(keys), self.dimension)

    def why_not(self, key: str) -> str:
        """Why a key has no features, for people."""
        return f"{key}: {self.skipped.get(key, 'not in the feature shards')}"


def read_description(folder: Path) -> dict[str, Any]:
    """The contents of a folder's features.json. Raises DataError for other versions and folders."""
    try:
        about: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} holds no feature shards ({error}); make them with "
            "python -m vclip.recipes.data.features"
        ) from error
    if about.get("version") != VERSION:
        raise DataError(
            f"{folder} holds shards of version {about.get('version')}, this program reads version "
            f"{VERSION}; make them again with python -m vclip.recipes.data.features"
        )
    return about


def open_features(folder: Path) -> tuple[Shards, Shards]:
    """Faces and voices of a finished folder. Raises DataError."""
    about = read_description(folder)
    return Shards(folder / FACES, about[FACES]), Shards(folder / VOICES, about[VOICES])


@dataclass
class MediaReport:
    """Media that could not be used, and pictures taken whole because no face was found."""

    whole_pictures: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PairFeatures:
    """Manifest rows with both sides usable; per row the views (A, F) and the windows (C, V)."""

    pairs: list[Pair]
    image: list[Float32]
    voice: list[Float32]
    report: MediaReport

    def first(self) -> tuple[Float32, Float32]:
        """image_features (N, F) and voice_features (N, V) as the app computes them."""
        return np.stack([rows[0] for rows in self.image]), np.stack([r[0] for r in self.voice])

    def take(self, rows: Sequence[int]) -> "PairFeatures":
        """Some of the rows, by number."""
        image, voice = ([side[i] for i in rows] for side in (self.image, self.voice))
        return PairFeatures([self.pairs[i] for i in rows], image, voice, self.report)

    def by_clip(self) -> "PairFeatures":
        """Rows of one clip as one row: its first, with the views of all its pictures."""
        rows: dict[object, list[int]] = {}
        for i, pair in enumerate(self.pairs):
            key = (pair.person, pair.clip, pair.voice) if pair.clip else i
            rows.setdefault(key, []).append(i)
        views = [np.concatenate([self.image[i] for i in group]) for group in rows.values()]
        return replace(self.take([group[0] for group in rows.values()]), image=views)


def pair_features(pairs: Sequence[Pair], faces: Shards, voices: Shards) -> PairFeatures:
    """Features of the rows that have both; the others are listed in the report.

    Rows of one clip become one row, whose views are those of all its pictures, the first one's
    first. Raises DataError if fewer than two rows remain.
    """
    seen, heard = [pair.face_key for pair in pairs], [pair.voice_key for pair in pairs]
    missing = [faces.why_not(key) for key in seen if key not in faces]
    missing += [voices.why_not(key) for key in heard if key not in voices]
    rows = list(zip(pairs, seen, heard, strict=True))
    kept = [(pair, face, voice) for pair, face, voice in rows if face in faces and voice in voices]
    if len(kept) < 2:
        reason = missing[0] if missing else "the manifest has too few rows"
        raise DataError(f"{len(kept)} of {len(pairs)} rows can be used; {reason}")
    whole = [face for face in dict.fromkeys(face for _, face, _ in kept) if face in faces.whole]
    return PairFeatures(
        [pair for pair, _, _ in kept],
        [faces.rows(face) for _, face, _ in kept],
        [voices.rows(voice) for _, _, voice in kept],
        MediaReport(whole, list(dict.fromkeys(missing))),
    ).by_clip()
