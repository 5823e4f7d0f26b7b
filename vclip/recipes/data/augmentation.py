"""What the encoders get to see and hear of one picture and one recording, and how often.

Every picture and recording has a plain version, as the app would take it, and on demand others,
which training draws from.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vclip.arrays import Float32, UInt8
from vclip.association.voice_encoder import VoiceEncoder
from vclip.errors import DataError
from vclip.face.photo import Box, Photo, crop_face

WINDOW, HOP = 2.0, 1.0  # seconds of a voice window and from one to the next


def _jitter(box: Box, rng: np.random.Generator) -> Box:
    """The box moved by up to 6 % of its size and made up to 12 % smaller or larger."""
    width, height = box.right - box.left, box.bottom - box.top
    x = (box.left + box.right) / 2 + rng.uniform(-0.06, 0.06) * width
    y = (box.top + box.bottom) / 2 + rng.uniform(-0.06, 0.06) * height
    half = np.exp(rng.uniform(-0.12, 0.12)) / 2
    left, top = x - half * width, y - half * height
    return replace(
        box, left=left, top=top, right=left + 2 * half * width, bottom=top + 2 * half * height
    )


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


def voice_rows(encoder: VoiceEncoder, wav: Float32, rate: int, windows: bool) -> Float32:
    """(1 + windows, V): features of the whole recording and, if asked, of windows of it.

    Raises DataError, without the path.
    """
    if len(wav) < encoder.min_seconds * rate:
        raise DataError(f"shorter than {encoder.min_seconds} s; give more speech")
    whole = encoder.encode(wav, rate)
    if not np.isfinite(whole).all():
        raise DataError("no voice features; is the recording silent?")
    return np.stack([whole, *(_windows(encoder, wav, rate) if windows else ())])


def _windows(encoder: VoiceEncoder, wav: Float32, rate: int) -> Iterator[Float32]:
    """Features of the windows that hold speech; a pause is no fault of the recording."""
    size, hop = int(WINDOW * rate), int(HOP * rate)
    for start in range(0, len(wav) - size + 1, hop):
        with contextlib.suppress(DataError):
            row = encoder.encode(wav[start : start + size], rate)
            if np.isfinite(row).all():
                yield row
