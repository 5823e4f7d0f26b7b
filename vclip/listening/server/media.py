"""Media of a study: sounds and pictures as bytes, without a trace of which file they are."""

import hashlib
import logging
import mimetypes
import threading
from typing import NamedTuple

import numpy as np
import soundfile

from vclip.errors import BusyError
from vclip.listening.design.study import Stimulus, Study
from vclip.listening.stimuli import headphones

log = logging.getLogger(__name__)
TYPES = {".flac": "audio/flac", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg"}
VARIANTS = 4  # of the noise of each headphone trial, which takes long to make


class MediaFile(NamedTuple):
    """Content of a sound or a picture, and its MIME type."""

    data: bytes
    type: str


class StudyMedia:
    """Sounds and pictures for raters. Files are read when asked for, screening sounds made once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._lock = threading.Lock()
        self._made: dict[tuple[int, int], bytes] = {}
        self._lengths: dict[str, float] = {}

    def file(self, path: str, sha256: str | None) -> MediaFile:
        """A file of the study, the one that was there at the start.

        Raises BusyError if it is gone or was changed meanwhile: no rater may hear another sound.
        """
        found = self._study.file(path)
        kind = TYPES.get(found.suffix.lower()) or mimetypes.guess_type(found.name)[0]
        try:
            data = found.read_bytes()
        except OSError as error:
            raise self._missing(path, error.strerror or str(error)) from error
        if sha256 and hashlib.sha256(data).hexdigest() != sha256:
            raise self._missing(path, "it is not the file that the study names")
        return MediaFile(data, kind or "application/octet-stream")

    def _missing(self, path: str, reason: str) -> BusyError:
        """Raters are not told its name, which may tell what it is."""
        log.error("cannot give raters %s of %s: %s", path, self._study.study, reason)
        return BusyError("a file of this study cannot be had right now; try again later")

    def seconds(self, stimulus: Stimulus) -> float:
        """How long a sound is, as the study says or its file is."""
        if stimulus.seconds:
            return stimulus.seconds
        if stimulus.path not in self._lengths:
            info = soundfile.info(self._study.file(stimulus.path))
            self._lengths[stimulus.path] = info.frames / info.samplerate
        return self._lengths[stimulus.path]

    def headphones(self, target: int, seed: int) -> MediaFile:
        """A trial of the screening with the tone in this interval."""
        return self._sound(target, seed % VARIANTS)

    def volume(self) -> MediaFile:
        """The noise that the volume is set by."""
        return self._sound(-1, 0)

    def _sound(self, target: int, variant: int) -> MediaFile:
        with self._lock:  # one at a time: the others wait for it rather than make it again
            if (target, variant) not in self._made:
                rng = np.random.default_rng([target + 1, variant])
                wav = headphones.volume(rng) if target < 0 else headphones.trial(target, rng)
                self._made[target, variant] = headphones.encode(wav)
        return MediaFile(self._made[target, variant], TYPES[".flac"])
