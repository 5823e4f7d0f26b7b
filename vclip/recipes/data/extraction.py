"""Extraction of frozen features from pictures and recordings: decoding, augmentation, encoding.

Every picture and recording has a plain version, as the app would take it, and on demand others,
which training draws from.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vclip.arrays import Float32, UInt8
from vclip.association.voice_encoder import VoiceEncoder
from vclip.audio import resample
from vclip.errors import DataError
from vclip.face.detector import FaceDetector
from vclip.face.encoder import ImageEncoder
from vclip.face.photo import Box, Photo, crop_face, whole_photo
from vclip.recipes.data.clips import file_of, read_picture, read_voice
from vclip.recipes.data.manifest import file_hash

WINDOW, HOP = 2.0, 1.0  # seconds of a voice window and from one to the next


@dataclass(frozen=True)
class Decoded:
    """A file's input to its encoder; whole: no face was found, so all of the picture is in."""

    content: Any
    whole: bool = False


class FaceExtractor:
    """Pictures → image_features, through the app's own detection and crop; or of all of them.

    `batch`: pictures encoded at once; `about`: all settings that decide the result.
    """

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
        """The crops (views, size, size, 3) of a picture's largest face; for many threads.

        Raises ImageError or DataError.
        """
        picture, boxes = read_picture(path), list[Box]()
        if self._new_detector:
            if not hasattr(self._own, "detector"):
                self._own.detector = self._new_detector()
            boxes = self._own.detector.find(picture)
        seed = seed_of(path) if self.n_views > 2 else 0  # others need no chance
        box = boxes[0] if boxes else whole_photo(picture)
        crops = face_views(picture, box, self.encoder.image_size, self.n_views, seed)
        return Decoded(crops, whole=self._new_detector is not None and not boxes)

    def encode(self, decoded: Sequence[Decoded]) -> list[Float32]:
        """image_features (views, F) of each picture, the plain view's first."""
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
        """wav (T,) at the encoder's sample rate; for many threads. Raises DataError."""
        wav, rate = read_voice(path)
        return Decoded(resample(wav, rate, self.encoder.sample_rate))

    def encode(self, decoded: Sequence[Decoded]) -> list[Float32]:
        """voice_features (1 + windows, V) of a batch of one recording, the whole one's first.

        Raises DataError, without the path.
        """
        (one,), rate = decoded, self.encoder.sample_rate
        wav: Float32 = one.content
        if len(wav) < self.encoder.min_seconds * rate:
            raise DataError(f"shorter than {self.encoder.min_seconds} s; give more speech")
        rows = [self.encoder.encode(wav, rate)]
        if not np.isfinite(rows[0]).all():
            raise DataError("no voice features; is the recording silent?")
        if self.windows:
            size, hop = int(WINDOW * rate), int(HOP * rate)
            starts = range(0, len(wav) - size + 1, hop)
            rows += self._speech(wav[start : start + size] for start in starts)
        return [np.stack(rows)]

    def _speech(self, windows: Iterable[Float32]) -> Iterator[Float32]:
        """Features of the windows that hold speech; a pause is no fault of the recording."""
        for window in windows:
            with contextlib.suppress(DataError):
                row = self.encoder.encode(window, self.encoder.sample_rate)
                if np.isfinite(row).all():
                    yield row


Extractor = FaceExtractor | VoiceExtractor


def seed_of(picture: Path) -> int:
    """32 bits that follow from a file's content and from which frame of it is meant. DataError."""
    path = file_of(picture)
    digest = file_hash(path)
    if path != picture:
        frame = picture.name.removeprefix(path.name)
        digest = hashlib.sha256(f"1|{digest}|{frame}".encode()).hexdigest()
    return int(digest[:8], 16)


def _jitter(box: Box, rng: np.random.Generator) -> Box:
    """The box moved by up to 6 % of its size and made up to 12 % smaller or larger."""
    width, height = box.right - box.left, box.bottom - box.top
    x = (box.left + box.right) / 2 + rng.uniform(-0.06, 0.06) * width
    y = (box.top + box.bottom) / 2 + rng.uniform(-0.06, 0.06) * height
    half = np.exp(rng.uniform(-0.12, 0.12)) / 2
    left, top = x - half * width, y - half * height
    right, bottom = left + 2 * half * width, top + 2 * half * height
    return replace(box, left=left, top=top, right=right, bottom=bottom)


def face_views(photo: Photo, box: Box, size: int, n_views: int, seed: int) -> UInt8:
    """(n_views, size, size, 3) uint8: the app's own crop, its mirror image, then jittered ones."""
    rng = np.random.default_rng(seed)
    plain = crop_face(photo, box, size)
    images = [plain, plain[:, ::-1]]
    while len(images) < n_views:
        image = crop_face(photo, _jitter(box, rng), size).astype(np.float32)
        image = image * rng.uniform(0.8, 1.2) + rng.uniform(-12, 12)
        image = image[:, ::-1] if rng.random() < 0.5 else image
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    return np.stack(images[:n_views])
