"""Sounds and pictures of a study as bytes, without a trace of which file they are."""

import mimetypes
import threading
from dataclasses import dataclass

import numpy as np
import soundfile

from vclip.listening import huggins
from vclip.listening.parts import Stimulus
from vclip.listening.study import Study

TYPES = {".flac": "audio/flac", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg"}
VARIANTS = 4  # of the noise of each headphone trial, which takes long to make


@dataclass(frozen=True)
class File:
    """type: as browsers want it."""

    data: bytes
    type: str


class Media:
    """What raters hear and see. Files are read when asked for, screening sounds made once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._lock = threading.Lock()
        self._made: dict[tuple[int, int], bytes] = {}
        self._lengths: dict[str, float] = {}

    def file(self, path: str) -> File:
        """A file of the study."""
        found = self._study.file(path)
        kind = TYPES.get(found.suffix.lower()) or mimetypes.guess_type(found.name)[0]
        return File(found.read_bytes(), kind or "application/octet-stream")

    def seconds(self, stimulus: Stimulus) -> float:
        """How long a sound is, as the study says or its file is."""
        if stimulus.seconds:
            return stimulus.seconds
        if stimulus.path not in self._lengths:
            info = soundfile.info(self._study.file(stimulus.path))
            self._lengths[stimulus.path] = info.frames / info.samplerate
        return self._lengths[stimulus.path]

    def headphones(self, target: int, seed: int) -> File:
        """A trial of the screening with the tone in this interval."""
        return self._sound(target, seed % VARIANTS)

    def volume(self) -> File:
        """The sound to set the volume by."""
        return self._sound(-1, 0)

    def _sound(self, target: int, variant: int) -> File:
        with self._lock:  # one at a time: the others wait for it rather than make it again
            if (target, variant) not in self._made:
                rng = np.random.default_rng([target + 1, variant])
                wav = huggins.volume(rng) if target < 0 else huggins.trial(target, rng)
                self._made[target, variant] = huggins.encode(wav)
        return File(self._made[target, variant], TYPES[".flac"])
