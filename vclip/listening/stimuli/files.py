"""Stimulus files: neutral names, no metadata, levels measured as written."""

import hashlib
import json
import re
from collections.abc import Container, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from vclip import audio
from vclip.arrays import Wav
from vclip.listening.stimuli import normalization

SIDE, QUALITY = 640, 88  # of faces: px, JPEG
COMMENT = "a listening test; this may be synthetic speech"  # in all alike, recordings too
OURS = re.compile(r"(sounds|faces)/[0-9a-f]{16}\.(flac|wav|mp3|jpg)")


def write_sound(folder: Path, wav: Wav, sample_rate: int, kind: str, lufs: float) -> dict[str, str]:
    """A mono file of 16 bits or MP3: its path within the folder and its SHA-256."""
    data = encode(wav, sample_rate, kind)
    if kind == "mp3":  # takes some of a noise away: give it back
        read, _ = soundfile.read(BytesIO(data), dtype="float32")
        gain = 10 ** ((lufs - audio.loudness(read, sample_rate)) / 20)
        data = encode((wav * gain).astype(np.float32), sample_rate, kind)
    return _write(folder, "sounds", data, kind)


def encode(wav: Wav, sample_rate: int, kind: str) -> bytes:
    """A file in memory; its comment is the same whatever it holds."""
    buffer, mp3 = BytesIO(), kind == "mp3"
    options: dict[str, Any] = {"compression_level": 0} if mp3 else {"subtype": "PCM_16"}
    options |= {"channels": 1, "format": kind.upper()}
    with soundfile.SoundFile(buffer, "w", sample_rate, **options) as file:
        file.comment = COMMENT
        file.write(wav if mp3 else audio.to_int16(wav))
    return buffer.getvalue()


def write_face(folder: Path, data: bytes) -> dict[str, str]:
    """A picture upright, small and without what cameras write into it. Raises ImageError."""
    from vclip.face.photo import load_photo  # OpenCV is not needed elsewhere

    picture = Image.fromarray(load_photo(data).pixels)
    picture.thumbnail((SIDE, SIDE))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return _write(folder, "faces", buffer.getvalue(), "jpg")


def measure(wav: Wav, sample_rate: int) -> dict[str, float]:
    """Figures of what was read back from a file."""
    return {
        "lufs": round(audio.loudness(wav, sample_rate), 2),
        "true_peak": round(audio.true_peak(wav), 2),
        "seconds": round(len(wav) / sample_rate, 4),
        "starts": round(normalization.heard(wav, sample_rate)[0] / sample_rate, 3),
    }


def tidy(folder: Path, used: Container[str]) -> None:
    """Remove what an earlier build wrote and nothing uses any more; other files stay."""
    for path in [*folder.glob("sounds/*"), *folder.glob("faces/*")]:
        name = path.relative_to(folder).as_posix()
        if OURS.fullmatch(name) and name not in used:
            path.unlink()


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """As it is committed: readable, ends with a newline."""
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _write(folder: Path, kind: str, data: bytes, suffix: str) -> dict[str, str]:
    digest = hashlib.sha256(data).hexdigest()
    path = f"{kind}/{digest[:16]}.{suffix}"
    (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    return {"path": path, "sha256": digest}
