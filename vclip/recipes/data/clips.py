"""Reading of pictures and recordings, from files of their own or from video files.

A picture is an image file; or a video file, which stands for its first frame; or `FILE#at=SHARE`,
the frame at that share of the video's duration (0 ≤ SHARE < 1). A recording is a sound file, or the
first sound track of a video file. Whatever soundfile cannot read, FFmpeg does, through PyAV.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from vclip.arrays import Float32, UInt8
from vclip.audio import load_wav
from vclip.errors import DataError, ImageError
from vclip.face.photo import MIN_SIDE, Photo, load_photo

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}
VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}
SOUNDS = {".wav", ".flac", ".ogg", ".mp3", ".m4a", ".aac", ".opus"}
SOUNDFILE = {".wav", ".flac", ".ogg", ".mp3", ".opus"}  # of these, what soundfile reads
LONG_SIDE = 1280  # px that are kept of a frame, as of a photo
AT = re.compile(r"(.+)#at=(0(?:\.\d+)?)")


def at(path: str, share: float) -> str:
    """The name of a video's frame at a share of its duration; the first one is the file itself."""
    return f"{path}#at={share:.4g}" if share else path


def file_of(picture: Path) -> Path:
    """The file that a picture lies in."""
    return _place(picture)[0]


def _place(picture: Path) -> tuple[Path, float]:
    found = AT.fullmatch(str(picture))
    return (Path(found[1]), float(found[2])) if found else (picture, 0.0)


def read_picture(picture: Path) -> Photo:
    """Pixels of a picture, upright. Raises ImageError or DataError."""
    path, share = _place(picture)
    if path.suffix.lower() not in VIDEOS:
        try:
            return load_photo(path.read_bytes())
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    pixels = _frame(path, share)
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise ImageError(f"{path} has too few pixels for a face; use a larger video")
    return Photo(pixels)


def read_voice(path: Path) -> tuple[Float32, int]:
    """A whole recording as mono wav (T,) float32 in [−1, 1], and its sample_rate. DataError."""
    if path.suffix.lower() in SOUNDFILE:
        return load_wav(path)
    with _opened(path, "sound") as (container, stream):
        rate = int(stream.codec_context.sample_rate)
        floats = av.AudioResampler(format="fltp", rate=rate)
        frames = [part for frame in container.decode(stream) for part in floats.resample(frame)]
        parts = [frame.to_ndarray() for frame in [*frames, *floats.resample(None)]]
    # averaged as load_wav does it; FFmpeg's own downmix is 3 dB louder
    wav = np.concatenate(parts or [np.zeros((1, 0))], axis=1).mean(axis=0).astype(np.float32)
    if not len(wav) or not np.isfinite(wav).all():
        raise DataError(f"{path} holds no usable sound; encode it again")
    return wav, rate


def _frame(path: Path, share: float) -> UInt8:
    """(H, W, 3) RGB of the first frame at or after that share, or of the last one."""
    with _opened(path, "video") as (container, stream):
        start = 0.0
        if share:
            start = float((stream.start_time or 0) * stream.time_base)
            if stream.duration is not None:
                start += share * float(stream.duration * stream.time_base)
            else:  # the container may tell it
                start += share * (container.duration or 0) / av.time_base
            container.seek(int(start * av.time_base))  # to the key frame before it
        chosen = None
        for chosen in container.decode(stream):
            if chosen.time is None or chosen.time >= start - 1e-6:
                break
        if chosen is None:
            raise DataError(f"{path} holds no frame; encode it again")
        scale = min(1.0, LONG_SIDE / max(chosen.width, chosen.height))
        width, height = round(chosen.width * scale), round(chosen.height * scale)
        pixels = chosen.to_ndarray(format="rgb24", width=width, height=height)
        return np.ascontiguousarray(np.rot90(pixels, round(chosen.rotation / 90)))


@contextlib.contextmanager
def _opened(path: Path, kind: str) -> Iterator[tuple[Any, Any]]:
    """A media file and its first stream of a kind; what FFmpeg says is wrong as a DataError."""
    try:
        with av.open(str(path)) as container:
            streams = container.streams.video if kind == "video" else container.streams.audio
            if not streams:
                raise DataError(f"{path} holds no {kind}; name a file that does")
            streams[0].codec_context.thread_count = 1  # the recipes read many files at once
            yield container, streams[0]
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {kind} from {path}: {reason}; encode it again") from error
