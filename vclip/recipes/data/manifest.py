"""Manifests: CSV files that say which face and which voice belong to whom."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vclip.errors import DataError
from vclip.models.download import sha256
from vclip.recipes.data.clips import SOUNDS

REPO = Path(__file__).resolve().parents[3]
COLUMNS = ("person", "face", "voice", "sex")
LABELLED_SOURCES = ("librispeech", "vctk")  # of labelled voices: read speech of known speakers


@dataclass(frozen=True)
class Pair:
    """One row: a picture and a recording of the same person."""

    person: str
    face: Path
    voice: Path
    sex: str  # "F", "M" or "" where unknown
    split: str = ""
    clip: str = ""  # rows of one clip are several pictures beside the same recording
    root: Path = Path()  # the manifest's folder

    @property
    def face_key(self) -> str:
        """The picture as the manifest names it: its key in feature shards."""
        return key_of(self.face, self.root)

    @property
    def voice_key(self) -> str:
        """The recording as the manifest names it."""
        return key_of(self.voice, self.root)


def key_of(path: Path, root: Path) -> str:
    """A path as a manifest in the folder `root` names it; one from elsewhere as it is."""
    inside = "" if root == Path() else f"{root.as_posix()}/"
    return path.as_posix().removeprefix(inside)  # relative_to is too slow for a million rows


@dataclass(frozen=True)
class Labelled:
    """One picture or recording of which the sex is known."""

    path: Path
    sex: str  # "F" or "M"
    root: Path = Path()  # the manifest's folder

    @property
    def key(self) -> str:
        """The file as the manifest names it: its key in feature shards."""
        return key_of(self.path, self.root)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises DataError if it cannot be read."""
    try:
        return sha256(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def read_rows(
    path: Path, columns: tuple[str, ...], kind: str = "manifest"
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and stripped cells of every row of a CSV, or of a table with tabs for commas.

    Raises DataError naming what is missing of the columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            titles = file.readline()
            delimiter = "\t" if "\t" in titles else ","
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter)
            missing = [name for name in columns if name not in (reader.fieldnames or [])]
            if missing:
                raise DataError(
                    f"{path} has no column {', '.join(missing)}; its first line must name "
                    f"{', '.join(columns)}"
                )
            for row in reader:
                cells = {key: (value or "").strip() for key, value in row.items() if key}
                yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read the {kind} {path}: {error}; give a UTF-8 CSV") from error


def sex_of(cell: str, where: str) -> str:
    """'F', 'M' or '' from a manifest cell in any case, words included."""
    value = cell.strip().upper()[:1]
    if value not in ("F", "M", ""):
        raise DataError(f"{where}: sex {cell!r} is neither F, M nor empty; correct the row")
    return value


def read_pairs(path: Path, split: str | None = None) -> list[Pair]:
    """Rows of a manifest (person, face, voice, sex[, split][, clip]); paths are relative to it.

    Only rows of the given split, if any. Raises DataError for a manifest without such rows, an
    empty cell where there must be none, or a person that lies in two splits.
    """
    pairs: list[Pair] = []
    split_of: dict[str, str] = {}
    for line, row in read_rows(path, COLUMNS):
        where = f"{path}, line {line}"
        empty = [name for name in COLUMNS[:3] if not row[name]]
        if empty:
            raise DataError(f"{where}: {', '.join(empty)} is empty; fill it or remove the row")
        part = row.get("split", "")
        if split_of.setdefault(row["person"], part) != part:
            raise DataError(f"{where}: person {row['person']} is in two splits; keep one")
        face, voice = path.parent / row["face"], path.parent / row["voice"]
        sex, clip = sex_of(row["sex"], where), row.get("clip", "")
        pairs.append(Pair(row["person"], face, voice, sex, part, clip, path.parent))
    found = sorted({pair.split for pair in pairs})
    kept = [pair for pair in pairs if split is None or pair.split == split]
    if not kept:
        wanted = f" of split {split!r}; it has {', '.join(map(repr, found))}" if pairs else ""
        raise DataError(f"{path} has no rows{wanted}")
    return kept


def read_labelled(path: Path, sources: tuple[str, ...] = ()) -> list[Labelled]:
    """Rows with known sex of a list with columns path, sex[, source].

    Only rows of the given sources, if any.
    """
    rows = []
    for line, row in read_rows(path, ("path", "sex")):
        sex = sex_of(row["sex"], f"{path}, line {line}")
        if sex and (not sources or row.get("source", "") in sources):
            rows.append(Labelled(path.parent / row["path"], sex, path.parent))
    if not rows:
        raise DataError(f"{path} has no rows with a known sex from {sources or 'any source'}")
    return rows


def read_media(path: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Pictures and recordings of a manifest by key, each once and in its order. Raises DataError.

    Those of pairs; or of a list with the column path, whose recordings are known by their suffix.
    """
    if "path" not in next((row for _, row in read_rows(path, ())), {}):
        pairs = read_pairs(path)
        return {p.face_key: p.face for p in pairs}, {p.voice_key: p.voice for p in pairs}
    sides: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for _, row in read_rows(path, ("path",)):
        media = path.parent / row["path"]
        sides[media.suffix.lower() in SOUNDS][key_of(media, path.parent)] = media
    return sides
