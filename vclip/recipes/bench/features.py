"""Cost of the paper's features: `python -m vclip.recipes.bench.features [--clips N]`.

Clips like VoxCeleb2's (224 × 224, 25 frames a second, H.264, AAC at 16 kHz, of its mean length of
7.8 s) are made from an example face and noise. They go through the steps of
`vclip.recipes.data.features` one after the other, in one thread. Encoders of full size have random
weights, which cost what trained ones do. Times are of the processor, so that other load does not
count; with a GPU they are of the clock.
"""

import functools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2
import numpy as np
import torch

from vclip.association.hasp import Hasp, HaspEncoder
from vclip.errors import InputError, reported
from vclip.face.clip import ClipImageEncoder
from vclip.face.detector import FaceDetector
from vclip.face.encoder import load_face_encoder
from vclip.face.photo import load_photo
from vclip.recipes.bench import timing
from vclip.recipes.data.encoders import BUNDLED_FACES, open_voice_encoder
from vclip.recipes.data.extraction import Extractor, FaceExtractor, VoiceExtractor
from vclip.recipes.data.manifest import REPO
from vclip.recipes.options import parse
from vclip.runtime import ensure_torchaudio

SECONDS, RATE, SIDE, FPS = 7.8, 16000, 224, 25  # 2,360 hours of 1,092,009 utterances
UTTERANCES = 1_092_009
FACE = REPO / "assets" / "examples" / "face_1.jpg"
Item = TypeVar("Item")


@dataclass(frozen=True)
class FeatureBenchSettings:
    """What is measured."""

    clips: int = 64  # at least 32
    yunet: Path | None = None  # YuNet's ONNX file; Haar cascade without it


def write_clip(path: Path, rng: np.random.Generator) -> Path:
    """A still that sways, with noise for speech."""
    still = cv2.resize(
        load_photo(FACE.read_bytes()).pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )
    wav = (0.1 * rng.normal(size=int(SECONDS * RATE))).astype(np.float32)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for i in range(int(SECONDS * FPS)):
            pixels = np.ascontiguousarray(np.roll(still, round(6 * np.sin(i / 5)), 1), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            container.mux(video.encode(frame))
        for i in range(0, len(wav), 1024):
            part = av.AudioFrame.from_ndarray(wav[None, i : i + 1024], "fltp", "mono")
            part.sample_rate, part.pts, part.time_base = RATE, i, Fraction(1, RATE)
            container.mux(sound.encode(part))
        container.mux([*video.encode(None), *sound.encode(None)])
    return path


def full_size_clip(folder: Path) -> ClipImageEncoder:
    """ViT-B/32 with random weights, saved and opened as any other."""
    ensure_torchaudio()
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    sizes = CLIPVisionConfig(patch_size=32, image_size=224, projection_dim=512)
    CLIPVisionModelWithProjection(sizes).save_pretrained(folder)
    return ClipImageEncoder(folder)


def full_size_hasp(folder: Path) -> HaspEncoder:
    """H/ASP with random weights."""
    torch.save(Hasp().state_dict(), folder / "hasp.pth")
    return HaspEncoder(folder / "hasp.pth")


def timed(action: Callable[[Item], Any], items: Sequence[Item]) -> float:
    """Seconds for one item, the first one left out."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    action(items[0])
    return timing.seconds(lambda: [action(item) for item in items[1:]], clock) / (len(items) - 1)


def measure(n_clips: int, folder: Path, yunet: Path | None) -> dict[str, float]:
    """Seconds for one clip by step."""
    rng = np.random.default_rng(0)
    paths = [write_clip(folder / f"{i}.mp4", rng) for i in range(n_clips)]
    clip, new_detector = full_size_clip(folder), functools.partial(FaceDetector, yunet)
    seen: dict[str, Extractor] = {
        "CLIP ViT-B/32": FaceExtractor(clip, new_detector),
        "bundled face encoder": FaceExtractor(load_face_encoder(BUNDLED_FACES), new_detector),
    }
    heard: dict[str, Extractor] = {
        "H/ASP": VoiceExtractor(full_size_hasp(folder)),
        "Resemblyzer": VoiceExtractor(open_voice_encoder("resemblyzer")[0]),
    }
    figures = {
        "first frame, no detection": timed(FaceExtractor(clip, None).read, paths),
        f"first frame, {new_detector().name}, crop": timed(seen["CLIP ViT-B/32"].read, paths),
    }
    for name, side in seen.items():
        ready = [side.read(path) for path in paths]
        batches = [ready[i : i + 16] for i in range(0, len(ready) - 15, 16)]
        figures[name] = timed(side.encode, batches) / 16
    figures["whole track"] = timed(heard["H/ASP"].read, paths)
    for name, side in heard.items():
        sounds = [[side.read(path)] for path in paths]
        figures[name] = timed(side.encode, sounds)
    return figures


def table(figures: dict[str, float]) -> str:
    """For people: per clip, per second, and all of VoxCeleb2."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "one CPU core"
    lines = [
        f"{device}; clips of {SECONDS} s",
        f"{'':28}{'ms a clip':>12}{'clips/s':>10}{'VoxCeleb2':>12}",
    ]
    for name, seconds in figures.items():
        hours = f"{UTTERANCES * seconds / 3600:.1f} h"
        lines.append(f"{name:28}{1000 * seconds:12.1f}{1 / seconds:10.1f}{hours:>12}")
    return "\n".join(lines)


@reported
def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    settings = parse(FeatureBenchSettings, argv)
    if settings.clips < 32:
        raise InputError(f"--clips is {settings.clips}; fewer than 32 say nothing")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(table(measure(settings.clips, Path(folder), settings.yunet)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
