"""Speech as a named file of the app's private cache, so that the player offers it for download.

A file rather than an array: Gradio would normalise the peak of an array and undo the loudness.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gradio.utils import get_upload_folder

from vclip import audio
from vclip.errors import InputError
from vclip.speech import Speech

EVERY = 0.25  # seconds; a yield costs Gradio some milliseconds


def write(speech: Speech, speaker_id: str, seed: int, kind: str = "wav") -> str:
    """Path of a new file, vclip_SPEAKER_seedN.KIND, of one of audio.FORMATS. Raises InputError."""
    if kind not in audio.FORMATS:
        raise InputError(f"there is no format {kind!r}; use {', '.join(audio.FORMATS)}")
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"vclip_{speaker_id}_seed{seed}.{kind}"
    audio.save(path, speech.wav, speech.sample_rate)
    return str(path)


def gather(pieces: Iterator[tuple[float, Speech]], parts: list[Speech]) -> Iterator[float]:
    """Fill `parts`; a few times a second yields the share that is done.

    Each yield is a place where Gradio can leave a visitor who hung up: it closes the generator.
    """
    last = time.monotonic()
    for share, piece in pieces:
        parts.append(piece)
        if time.monotonic() - last >= EVERY:
            yield share
            last = time.monotonic()
