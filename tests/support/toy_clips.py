"""Video files of grey levels and tones, and trees of empty files, as data sets have them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 16000


def tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype("f4")


def write_clip(
    path: Path, greys: tuple[int, ...] = (), wav: np.ndarray | None = None, size: int = 64
) -> Path:
    """A video of one grey level a second (10 frames a second, a key frame every 5) with sound."""
    with av.open(str(path), "w") as container:
        if greys:
            video = container.add_stream("libx264", rate=10, options={"g": "5"})
            video.width = video.height = size
            video.pix_fmt = "yuv420p"
        if wav is not None:
            sound = container.add_stream("aac", rate=RATE, layout="mono")
        for i in range(10 * len(greys)):
            pixels = np.full((size, size, 3), greys[i // 10], np.uint8)
            pixels[: size // 2, : size // 2] = 255  # the corner tells which way is up
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            container.mux(video.encode(frame))
        if greys:
            container.mux(video.encode(None))
        if wav is not None:
            for i in range(0, len(wav), 1024):
                part = av.AudioFrame.from_ndarray(wav[None, i : i + 1024], "fltp", "mono")
                part.sample_rate, part.pts, part.time_base = RATE, i, Fraction(1, RATE)
                container.mux(sound.encode(part))
            container.mux(sound.encode(None))
    return path


def touch(root: Path, *names: str) -> Path:
    """Empty files below a folder."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root
