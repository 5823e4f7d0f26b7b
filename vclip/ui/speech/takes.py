"""Takes: speech of a visit, streamed while it is spoken, files once it is complete."""

import asyncio
import contextlib
import re
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import soundfile

from vclip import audio
from vclip.speech.synthesizer import Speech

MOST = 400  # takes that are kept; about a minute of speech each fills 3 GB
KEPT_SECONDS = 3600  # that a take is kept, to replay and download it; a visit after its last event
NAME_LENGTH = 60  # characters of a voice's id in the name of a file
KEPT = "float.wav"


def file_name(speaker_id: str) -> str:
    """vclip_VOICE, with characters that every file system allows."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", speaker_id).strip("._")
    return f"vclip_{plain[:NAME_LENGTH].rstrip('._') or 'voice'}"


class SpeechTake:
    """One streamed speech: fed by a thread, read on event loops, named by a secret token."""

    def __init__(self, folder: Path, sample_rate: int) -> None:
        self.token = secrets.token_urlsafe(16)
        self.sample_rate = sample_rate  # Hz
        self.started = time.time()
        self.state: Literal["live", "done", "failed"] = "live"
        self.seconds = 0.0  # how long it lasts, once it is done
        self.card: dict[str, Any] = {}  # of vclip.card, once it is done
        self._folder = folder
        self._lock, self._encoding = threading.Lock(), threading.Lock()
        self._pieces: list[bytes] = []
        self._listeners: set[Callable[[], None]] = set()

    @property
    def n_listeners(self) -> int:
        """Number of current listeners."""
        return len(self._listeners)

    def feed(self, speech: Speech) -> None:
        """More of it for those who listen; nothing once it has ended."""
        data = audio.to_int16(speech.wav).astype("<i2").tobytes()
        with self._lock:
            if self.state == "live":
                self._pieces.append(data)
                self._wake()

    def finish(self, speech: Speech, card: dict[str, Any]) -> None:
        """End it with the complete speech and its card; no effect once it has ended."""
        if self.state == "live":
            wav, sample_rate = speech.wav, speech.sample_rate
            self._create("wav").write_bytes(audio.encode(wav, sample_rate, "wav"))
            # before the samples were rounded: other formats are encoded from these
            soundfile.write(self._create(KEPT), wav, sample_rate, subtype="FLOAT")
            self.seconds, self.card = speech.seconds, card
        with self._lock:
            if self.state == "live":
                self.state, self._pieces = "done", []
                self._wake()
        if self.state == "failed":  # dropped meanwhile
            self._delete()

    def discard(self) -> None:
        """End it and leave nothing, also where it is just being spoken or encoded."""
        with self._lock:
            self.state, self._pieces = "failed", []
            self._wake()
        self._delete()

    async def listen(self) -> AsyncIterator[bytes]:
        """Stream all of it from the beginning: 16-bit samples, little endian."""
        woken, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(woken.set)

        with self._lock:
            late, pieces = self.state == "done", self._pieces  # ours also when the take lets go
            self._listeners.add(wake)
        try:
            if late:
                yield await asyncio.to_thread(self._samples)
            heard, ended = 0, late
            while not ended:
                woken.clear()
                ended = self.state != "live"  # asked before what is left is taken
                while heard < len(pieces):
                    yield pieces[heard]
                    heard += 1
                if not ended:
                    await woken.wait()
        finally:
            with self._lock:
                self._listeners.discard(wake)

    def file(self, kind: str) -> Path | None:
        """The file of one of audio.FORMATS, made when first asked for; None if there is none."""
        path = self._path(kind)
        with self._encoding:
            if self.state == "done" and not path.is_file() and self._path("wav").is_file():
                wav, sample_rate = soundfile.read(self._path(KEPT), dtype="float32")
                self._create(kind).write_bytes(audio.encode(wav, sample_rate, kind))
        if self.state == "failed":
            self._delete()
        return path if path.is_file() else None

    def name(self, kind: str) -> str:
        """File name of a download: vclip_VOICE_seedN.KIND."""
        return f"{file_name(self.card.get('voice', 'voice'))}_seed{self.card.get('seed', 0)}.{kind}"

    def _wake(self) -> None:
        for wake in self._listeners:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
                wake()

    def _path(self, kind: str) -> Path:
        return self._folder / f"{self.token}.{kind}"

    def _create(self, kind: str) -> Path:
        """An empty file that nobody else may read."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path(kind).touch(mode=0o600)
        return self._path(kind)

    def _samples(self) -> bytes:
        with contextlib.suppress(soundfile.SoundFileError, OSError):  # deleted meanwhile
            samples, _ = soundfile.read(self._path("wav"), dtype="int16")
            return bytes(samples.astype("<i2").tobytes())
        return b""

    def _delete(self) -> None:
        for kind in (*audio.FORMATS, KEPT):
            self._path(kind).unlink(missing_ok=True)


class TakeStore:
    """The takes of all visits, by token: so many, for so long."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self._folder, self._most = folder / "takes", most
        self._lock = threading.Lock()
        self._takes: dict[str, SpeechTake] = {}  # the oldest first

    def start(self, sample_rate: int) -> SpeechTake:
        """A new take, live; the oldest ones make room for it."""
        take = SpeechTake(self._folder, sample_rate)
        with self._lock:
            self._takes[take.token] = take
            oldest = list(self._takes)[: -self._most]
        self.drop(oldest)
        return take

    def get(self, token: str) -> SpeechTake | None:
        """The take of this token, if it is still there."""
        return self._takes.get(token)

    def drop(self, tokens: Iterable[str]) -> None:
        """Forget these takes and delete their files."""
        with self._lock:
            dropped = [self._takes.pop(token, None) for token in tokens]
        for take in dropped:
            if take is not None:
                take.discard()

    def sweep(self, now: float) -> int:
        """Drop what is older than an hour at `now`, in seconds of time.time(); returns how many."""
        with self._lock:
            old = [
                token for token, take in self._takes.items() if now - take.started > KEPT_SECONDS
            ]
        self.drop(old)
        return len(old)
