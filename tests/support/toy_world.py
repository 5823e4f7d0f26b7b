"""People of a synthetic world in which faces and voices agree as often as was planted.

A person has one of KINDS looks (the colour of the picture) and one of KINDS voices (how fast the
noise is chopped, since H/ASP levels every mel band over time). Both are of one kind for a share of
the people, at random for the others. Everything else about a picture or a sound is noise.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

KINDS = 4
COLOURS = ((220, 60, 60), (60, 200, 60), (60, 80, 220), (210, 200, 50))
PULSES = (2.5, 6.0, 14.0, 32.0)  # Hz
RATE, SIDE, SECONDS = 16000, 32, 1.5


def planted_auc(share: float) -> float:
    """What knowing both kinds, and no more, reaches over all pairs of many people.

    Own voice: of the face's kind with P = share + (1 - share) / K; another's: with 1 / K. A pair
    that agrees is ranked above one that does not, and two alike are a tie: AUC = 1/2 + (P - 1/K)/2.
    """
    return 0.5 + share * (1 - 1 / KINDS) / 2


def kinds(n: int, share: float, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Look and voice of n people; as many of each look."""
    for i in range(n):
        look = i % KINDS
        yield look, look if rng.random() < share else int(rng.integers(KINDS))


def picture(look: int, rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8."""
    pixels = np.array(COLOURS[look]) + rng.normal(0, 20, 3) + rng.normal(0, 15, (SIDE, SIDE, 3))
    return pixels.clip(0, 255).astype(np.uint8)


def sound(voice: int, rng: np.random.Generator) -> np.ndarray:
    """(T,) float32 at RATE."""
    t = np.arange(round(SECONDS * RATE)) / RATE
    pulse = PULSES[voice] * np.exp(rng.normal(0, 0.05))
    is_on = np.sin(2 * np.pi * pulse * t + rng.uniform(0, 6)) > 0
    noise = rng.normal(size=(2, len(t)))
    return (0.15 * is_on * noise[0] + 0.003 * noise[1]).astype(np.float32)


def clip(path: Path, pixels: np.ndarray, wav: np.ndarray) -> None:
    """A video of one picture with sound."""
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=2)
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for i in range(2):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 2)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for i in range(0, len(wav), 1024):
            part = av.AudioFrame.from_ndarray(wav[None, i : i + 1024], "fltp", "mono")
            part.sample_rate, part.pts, part.time_base = RATE, i, Fraction(1, RATE)
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))


def voxceleb2(root: Path, n: int, share: float, seed: int) -> Path:
    """Laid out as VoxCeleb2 is: one video a person."""
    rng = np.random.default_rng(seed)
    for i, (look, voice) in enumerate(kinds(n, share, rng)):
        path = root / "dev" / "mp4" / f"id{i:05d}" / "video" / "00001.mp4"
        clip(path, picture(look, rng), sound(voice, rng))
    return root


def folder(root: Path, n: int, share: float, seed: int) -> Path:
    """A folder a person, with a picture and a recording."""
    rng = np.random.default_rng(seed)
    for i, (look, voice) in enumerate(kinds(n, share, rng)):
        own = root / f"p{i:03d}"
        own.mkdir(parents=True)
        Image.fromarray(picture(look, rng)).save(own / "face.png")
        soundfile.write(own / "voice.wav", sound(voice, rng), RATE)
    return root
