"""Frozen features of faces and voices, computed once and kept in build/features.sqlite.

A key is the SHA-256 of everything that decides the result: the media file, the encoder's weights,
the detector and the settings. Work is kept file by file, so an interrupted run goes on where it
stopped. Media that cannot be used are counted and listed, never silently dropped.
"""

import hashlib
import importlib.util
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vclip.arrays import Float32
from vclip.association.voice_encoder import VoiceEncoder
from vclip.errors import DataError, ImageError
from vclip.face.detector import FaceDetector
from vclip.face.encoder import ImageEncoder
from vclip.face.photo import Box, whole_photo
from vclip.models.download import sha256
from vclip.recipes.data.clips import file_of, read_picture, read_voice
from vclip.recipes.data.manifest import REPO, Pair
from vclip.recipes.data.views import HOP, WINDOW, face_views, voice_rows

log = logging.getLogger(__name__)

VERSION = 1  # raise it when the meaning of a stored row changes
STORE = REPO / "build" / "features.sqlite"
PLAIN_BOX = Box(0, 0, 0, 0)  # its other fields are the crop's settings
BOX_SIZE = len(astuple(PLAIN_BOX))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises DataError if it cannot be read."""
    try:
        return sha256(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def picture_hash(picture: Path) -> str:
    """One of a picture: of its file, and where the file is a video, of which frame."""
    path, digest = file_of(picture), file_hash(file_of(picture))
    return digest if path == picture else key_of(digest, picture.name.removeprefix(path.name))


def resemblyzer_hash() -> str:
    """SHA-256 of the weights inside the resemblyzer package, '' where it isn't installed."""
    spec = importlib.util.find_spec("resemblyzer")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    weights = folder / "pretrained.pt" if folder else None
    return file_hash(weights) if weights and weights.is_file() else ""


class FeatureStore:
    """Arrays (rows, dimension) by key in one SQLite file; every put is on disk at once."""

    def __init__(self, path: Path = STORE) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=60)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, columns INT, data BLOB)"
        )

    def get(self, key: str) -> Float32 | None:
        """The array under key (rows, columns), or None."""
        query = self._database.execute("SELECT columns, data FROM features WHERE key = ?", (key,))
        found = query.fetchone()
        if found is None:
            return None
        return np.frombuffer(found[1], dtype="<f4").reshape(-1, found[0]).astype(np.float32)

    def put(self, key: str, rows: Float32) -> None:
        """Keep rows (rows, columns) under key."""
        data = np.ascontiguousarray(rows, dtype="<f4").tobytes()
        with self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?)", (key, rows.shape[1], data)
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()


@dataclass
class Report:
    """What could not be used, and where no face was found so that the whole picture was taken."""

    whole_pictures: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people: counts first, then one line per skipped file."""
        return [
            f"no face found, whole picture used: {len(self.whole_pictures)}",
            f"skipped: {len(self.skipped)}",
            *(f"  {reason}" for reason in self.skipped),
        ]


def key_of(*parts: object) -> str:
    """One key from everything that decides a result."""
    return hashlib.sha256("|".join(map(str, (VERSION, *parts))).encode()).hexdigest()


class FaceFeatures:
    """Pictures -> image_features through load, find (largest box, or the whole), crop, encode."""

    def __init__(
        self, encoder: ImageEncoder, weights_hash: str, detector: FaceDetector, n_views: int = 1
    ) -> None:
        self.encoder, self.detector, self.n_views = encoder, detector, n_views
        self.weights_hash = weights_hash
        self.source = (
            "face and mirror image",
            weights_hash,
            detector.name,
            encoder.image_size,
            PLAIN_BOX,
        )

    def __call__(self, path: Path, store: FeatureStore, report: Report) -> Float32:
        """(n_views, F); row 0 is what the app computes. Raises ImageError or DataError."""
        digest = picture_hash(path)
        boxes_key = key_of("boxes", self.detector.name, PLAIN_BOX, digest)  # whatever the encoder
        key = key_of(*self.source, self.n_views, digest)
        rows, boxes = store.get(key), store.get(boxes_key)
        if rows is None or boxes is None:
            photo = read_picture(path)
            if boxes is None:
                found = self.detector.find(photo)
                boxes = np.array([astuple(box) for box in found], np.float32).reshape(-1, BOX_SIZE)
                store.put(boxes_key, boxes)
            box = Box(*map(float, boxes[0])) if len(boxes) else whole_photo(photo)
            views = face_views(
                photo, box, self.encoder.image_size, self.n_views, seed=int(digest[:8], 16)
            )
            rows = self.encoder.encode(views)
            store.put(key, rows)
        if not len(boxes):
            report.whole_pictures.append(str(path))
        return rows


class VoiceFeatures:
    """Recordings -> voice_features of the whole and, if asked, of windows of it."""

    def __init__(self, encoder: VoiceEncoder, weights_hash: str, windows: bool = False) -> None:
        self.encoder, self.windows = encoder, windows
        self.weights_hash = weights_hash
        self.source = ("voice", weights_hash, encoder.sample_rate, (WINDOW, HOP) if windows else ())

    def __call__(self, path: Path, store: FeatureStore, report: Report) -> Float32:
        """(1 + windows, V); row 0 is the whole recording. Raises DataError, without the path."""
        key = key_of(*self.source, file_hash(path))
        rows = store.get(key)
        if rows is None:
            rows = voice_rows(self.encoder, *read_voice(path), self.windows)
            store.put(key, rows)
        return rows


Extractor = Callable[[Path, FeatureStore, Report], Float32]


def extract(
    paths: Sequence[Path], extractor: Extractor, store: FeatureStore, report: Report, what: str
) -> dict[Path, Float32]:
    """Features of every usable path, each file once; the others are listed in the report."""
    found: dict[Path, Float32] = {}
    for path in tqdm(dict.fromkeys(paths), desc=what, disable=None):
        try:
            found[path] = extractor(path, store, report)
        except (DataError, ImageError) as error:
            reason = str(error) if str(path) in str(error) else f"{path}: {error}"
            report.skipped.append(reason)
            log.warning("skipped: %s", reason)
    return found


@dataclass(frozen=True)
class PairFeatures:
    """Manifest rows with both sides usable; per row the views (A, F) and the windows (C, V)."""

    pairs: list[Pair]
    image: list[Float32]
    voice: list[Float32]
    report: Report

    def first(self) -> tuple[Float32, Float32]:
        """image_features (N, F) and voice_features (N, V) as the app computes them."""
        return np.stack([rows[0] for rows in self.image]), np.stack([r[0] for r in self.voice])

    def by_clip(self) -> "PairFeatures":
        """Rows of one clip as one row: its first, with the views of all its pictures."""
        rows: dict[object, list[int]] = {}
        for i, pair in enumerate(self.pairs):
            key = (pair.person, pair.clip, pair.voice) if pair.clip else i
            rows.setdefault(key, []).append(i)
        first = [group[0] for group in rows.values()]
        views = [
            self.image[g[0]] if len(g) == 1 else np.concatenate([self.image[i] for i in g])
            for g in rows.values()
        ]
        kept = [self.pairs[i] for i in first]
        return PairFeatures(kept, views, [self.voice[i] for i in first], self.report)


def pair_features(
    pairs: Sequence[Pair], faces: Extractor, voices: Extractor, store: FeatureStore
) -> PairFeatures:
    """Both features of every row whose picture and recording can be used; see `by_clip`.

    Raises DataError if fewer than two rows remain.
    """
    report = Report()
    image = extract([pair.face for pair in pairs], faces, store, report, "faces")
    voice = extract([pair.voice for pair in pairs], voices, store, report, "voices")
    kept = [pair for pair in pairs if pair.face in image and pair.voice in voice]
    if len(kept) < 2:
        reason = report.skipped[0] if report.skipped else "the manifest has too few rows"
        raise DataError(f"{len(kept)} of {len(pairs)} rows can be used; {reason}")
    views, windows = [image[p.face] for p in kept], [voice[p.voice] for p in kept]
    return PairFeatures(kept, views, windows, report).by_clip()
