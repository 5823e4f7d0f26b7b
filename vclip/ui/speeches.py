"""Speech as a named file of the app's private cache, so that the player offers it for download.

A file rather than an array: Gradio would normalise the peak of an array and undo the loudness.
"""

import tempfile
from pathlib import Path

from gradio.utils import get_upload_folder

from vclip import audio
from vclip.errors import InputError
from vclip.speech import Speech


def write(speech: Speech, speaker_id: str, seed: int, kind: str = "wav") -> str:
    """Path of a new file, vclip_SPEAKER_seedN.KIND, of one of audio.FORMATS. Raises InputError."""
    if kind not in audio.FORMATS:
        raise InputError(f"there is no format {kind!r}; use {', '.join(audio.FORMATS)}")
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"vclip_{speaker_id}_seed{seed}.{kind}"
    audio.save(path, speech.wav, speech.sample_rate)
    return str(path)
