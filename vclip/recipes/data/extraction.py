"""Feature extraction from media files: threads read and cut, the encoder takes what is ready."""

import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from vclip.arrays import Float32, UInt8
from vclip.association.voice_encoder import VoiceEncoder
from vclip.audio import resample
from vclip.errors import DataError, ImageError
from vclip.face.detector import FaceDetector
from vclip.face.encoder import ImageEncoder
from vclip.face.photo import Box, Photo, whole_photo
from vclip.recipes.data.augmentation import (
    HOP,
    WINDOW,
    face_views,
    voice_rows,
)
from vclip.recipes.data.clips import file_of, read_picture, read_voice
from vclip.recipes.data.manifest import file_hash
from vclip.recipes.data.shards import Shard

log = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Decoded:
    """What a file holds for its encoder; whole: no face was found, so all of the picture is in."""

    content: Any
    whole: bool = False


class Extractor(Protocol):
    """How one kind of media becomes features."""

    batch: int  # files encoded at once
    about: dict[str, object]  # all settings that decide the result

    def read(self, path: Path) -> Decoded:
        """Called by many threads. Raises ImageError or DataError."""
        ...

    def encode(self, decoded: Sequence[Decoded]) -> list[Float32]:
        """Rows (views, F) of each, the plain one first. DataError only for a batch of one."""
        ...


class FaceExtractor:
    """Pictures → image_features, through the app's own detection and crop; or of all of them."""

    def __init__(
        self,
        encoder: ImageEncoder,
        new_detector: Callable[[], FaceDetector] | None,
        n_views: int = 1,
        batch: int = 256,
    ) -> None:
        """`new_detector` makes one for each thread; None: pictures are taken whole."""
        self.encoder, self.n_views, self.batch = encoder, n_views, batch
        self._new_detector, self._own = new_detector, threading.local()
        self.about: dict[str, object] = {
            "dimension": encoder.dimension,
            "image_size": encoder.image_size,
            "views": n_views,
            "detector": new_detector().name if new_detector else "none",
        }

    def read(self, path: Path) -> Decoded:
        """The crops (views, size, size, 3) of a picture's largest face."""
        picture = read_picture(path)
        boxes = self._find(picture)
        seed = seed_of(path) if self.n_views > 2 else 0  # others need no chance
        box = boxes[0] if boxes else whole_photo(picture)
        crops = face_views(picture, box, self.encoder.image_size, self.n_views, seed)
        return Decoded(crops, whole=not boxes and self._new_detector is not None)

    def _find(self, picture: Photo) -> list[Box]:
        if self._new_detector is None:
            return []
        if not hasattr(self._own, "detector"):
            self._own.detector = self._new_detector()
        found: list[Box] = self._own.detector.find(picture)
        return found

    def encode(self, decoded: Sequence[Decoded]) -> list[Float32]:
        """All crops of all pictures at once."""
        images: UInt8 = np.concatenate([one.content for one in decoded])
        return list(self.encoder.encode(images).reshape(len(decoded), self.n_views, -1))


class VoiceExtractor:
    """Recordings → voice_features of the whole and, if asked, of windows of it."""

    batch = 1  # recordings differ in length

    def __init__(self, encoder: VoiceEncoder, windows: bool = False) -> None:
        self.encoder, self.windows = encoder, windows
        self.about: dict[str, object] = {
            "dimension": encoder.dimension,
            "sample_rate": encoder.sample_rate,
            "windows": [WINDOW, HOP] if windows else None,
        }

    def read(self, path: Path) -> Decoded:
        """wav (T,) at the encoder's sample rate."""
        wav, rate = read_voice(path)
        return Decoded(resample(wav, rate, self.encoder.sample_rate))

    def encode(self, decoded: Sequence[Decoded]) -> list[Float32]:
        """One recording."""
        (one,) = decoded
        return [voice_rows(self.encoder, one.content, self.encoder.sample_rate, self.windows)]


def seed_of(picture: Path) -> int:
    """32 bits that follow from a file's content and from which frame of it is meant. DataError."""
    path = file_of(picture)
    digest = file_hash(path)
    if path != picture:
        frame = picture.name.removeprefix(path.name)
        digest = hashlib.sha256(f"1|{digest}|{frame}".encode()).hexdigest()
    return int(digest[:8], 16)


def ahead_of(
    items: Iterable[Item], work: Callable[[Item], Result], workers: int, ahead: int
) -> Iterator[tuple[Item, Result]]:
    """Each item with what work made of it, in order; threads are at most `ahead` items ahead."""
    pool, waiting = ThreadPoolExecutor(workers), deque[tuple[Item, Future[Result]]]()
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) >= ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def read_or_reason(extractor: Extractor, path: Path) -> Decoded | str:
    """What a file holds, or why it cannot be used.

    Whatever is raised: decoders meet a million files here, and one must not end a run of hours.
    """
    try:
        return extractor.read(path)
    except (DataError, ImageError) as error:
        return str(error)
    except Exception as error:
        log.exception("unexpected in %s", path)
        return f"{type(error).__name__}: {error}"


def add(shard: Shard, extractor: Extractor, batch: Sequence[tuple[str, Decoded | str]]) -> None:
    """Encode what could be read of a batch of keys, note the rest."""
    shard.skipped.update({key: one for key, one in batch if isinstance(one, str)})
    good = [(key, one) for key, one in batch if isinstance(one, Decoded)]
    if not good:
        return
    try:
        found = extractor.encode([one for _, one in good])
    except DataError as error:
        shard.skipped.update({key: str(error) for key, _ in good})
        return
    for (key, one), rows in zip(good, found, strict=True):
        if not np.isfinite(rows).all():
            shard.skipped[key] = "its features are not numbers"
            continue
        shard.rows[key] = rows
        shard.whole += [key] if one.whole else []
