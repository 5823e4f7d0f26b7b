"""Takes: what is fed is what is heard, and nothing stays longer than it may."""

import asyncio
import random
import threading
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from vclip import audio
from vclip.speech.synthesizer import Speech, join
from vclip.ui.speech.takes import KEPT_SECONDS, SpeechTake, TakeStore

SAMPLE_RATE = 8000
CARD: dict[str, Any] = {"voice": "p225", "seed": 3}


def noise(seed: int, n: int = 400) -> Speech:
    """Loud enough to be clipped here and there."""
    rng = np.random.default_rng(seed)
    return Speech(rng.normal(scale=0.4, size=n).astype(np.float32), SAMPLE_RATE)


def pcm(speech: Speech) -> bytes:
    """Sample by sample, as the format is defined."""
    samples = audio.to_int16(speech.wav).tolist()
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


async def hear(take: SpeechTake, pause: float = 0.0, pieces: int | None = None) -> bytes:
    """All of a take, or that many pieces, by a reader who takes its time."""
    heard = []
    async for piece in take.listen():
        heard.append(piece)
        if pieces is not None and len(heard) == pieces:
            break
        await asyncio.sleep(pause)
    return b"".join(heard)


class Reader(threading.Thread):
    """Reads on an event loop of its own."""

    def __init__(self, take: SpeechTake, pause: float = 0.0, pieces: int | None = None) -> None:
        super().__init__(daemon=True)
        self.heard: bytes | None = None
        self._work = lambda: hear(take, pause, pieces)
        self.start()

    def run(self) -> None:
        self.heard = asyncio.run(self._work())

    def all(self) -> bytes:
        self.join(10)
        assert self.heard is not None, "the reader did not come to an end"
        return self.heard


@pytest.fixture
def takes(tmp_path: Path) -> TakeStore:
    return TakeStore(tmp_path)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def wait(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("seed", range(5))
def test_readers_hear_what_was_fed_however_it_interleaves(takes: TakeStore, seed: int) -> None:
    rng, take = random.Random(seed), takes.start(SAMPLE_RATE)
    pieces = [noise(i, rng.randrange(1, 900)) for i in range(25)]
    readers = []
    for piece in pieces:
        if rng.random() < 0.3:
            readers.append(Reader(take, pause=rng.choice([0, 0.001])))
        take.feed(piece)
        time.sleep(rng.choice([0, 0, 0.001]))
    readers.append(Reader(take))
    wait(lambda: take.n_listeners or not readers[-1].is_alive())
    take.finish(join(pieces), CARD)
    late = Reader(take)
    expected = b"".join(pcm(piece) for piece in pieces)
    assert all(reader.all() == expected for reader in [*readers, late])
    assert take.n_listeners == 0


def test_readers_wait_without_work(takes: TakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """They sleep until they are woken, once for each piece; polling would wait more often."""
    waits: list[None] = []

    class CountedEvent(asyncio.Event):
        async def wait(self) -> Literal[True]:
            waits.append(None)
            return await super().wait()

    monkeypatch.setattr(asyncio, "Event", CountedEvent)
    take = takes.start(SAMPLE_RATE)
    readers = [Reader(take) for _ in range(5)]
    wait(lambda: len(waits) == 5)
    for n in (1, 2):
        take.feed(noise(n))
        wait(lambda n=n: len(waits) >= 5 + 5 * n)
    take.discard()
    assert [reader.all() for reader in readers] == [pcm(noise(1)) + pcm(noise(2))] * 5
    assert len(waits) == 15


def test_who_leaves_harms_nobody(takes: TakeStore) -> None:
    take = takes.start(SAMPLE_RATE)
    leaver, stayer = Reader(take, pieces=1), Reader(take)
    wait(lambda: take.n_listeners == 2)
    take.feed(noise(0))
    assert leaver.all() == pcm(noise(0))  # and its event loop is closed
    wait(lambda: take.n_listeners == 1)
    take.feed(noise(1))
    take.finish(join([noise(0), noise(1)]), CARD)
    assert stayer.all() == pcm(noise(0)) + pcm(noise(1))


def test_a_loop_that_was_closed_under_its_reader_harms_nobody(takes: TakeStore) -> None:
    take, loop = takes.start(SAMPLE_RATE), asyncio.new_event_loop()
    stream = take.listen()
    take.feed(noise(0))
    assert loop.run_until_complete(anext(stream)) == pcm(noise(0))
    loop.close()
    stayer = Reader(take)
    wait(lambda: take.n_listeners == 2)
    take.feed(noise(1))
    take.discard()
    assert stayer.all() == pcm(noise(0)) + pcm(noise(1))


def test_a_take_that_ends_early_ends_its_readers(takes: TakeStore) -> None:
    take = takes.start(SAMPLE_RATE)
    take.feed(noise(0))
    reader = Reader(take)
    wait(lambda: take.n_listeners == 1)
    take.discard()
    take.feed(noise(1))  # whoever speaks does not know yet
    assert reader.all() == pcm(noise(0))
    assert take.state == "failed"


@pytest.mark.parametrize("kind", audio.FORMATS)
def test_files_are_what_audio_encodes(takes: TakeStore, tmp_path: Path, kind: str) -> None:
    take, speech = takes.start(SAMPLE_RATE), noise(0, 5000)
    assert take.file(kind) is None
    take.finish(speech, CARD)
    path = take.file(kind)
    assert path is not None
    assert path.read_bytes() == audio.encode(speech.wav, SAMPLE_RATE, kind)
    assert take.seconds == speech.seconds
    assert take.card == CARD
    assert {file.stat().st_mode & 0o777 for file in files(tmp_path)} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_format_is_encoded_once_for_all_who_ask(
    takes: TakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = takes.start(SAMPLE_RATE)
    take.finish(noise(0), CARD)
    encode, calls = audio.encode, []

    together = threading.Barrier(4)

    def counted(wav: Any, sample_rate: int, kind: str) -> bytes:
        calls.append(kind)
        return encode(wav, sample_rate, kind)

    def ask() -> None:
        together.wait()
        take.file("mp3")

    monkeypatch.setattr(audio, "encode", counted)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["mp3"]


def test_finishing_twice_changes_nothing(takes: TakeStore) -> None:
    take = takes.start(SAMPLE_RATE)
    take.finish(noise(0), CARD)
    take.finish(noise(1), {})
    path = take.file("wav")
    assert path is not None
    assert path.read_bytes() == audio.encode(noise(0).wav, SAMPLE_RATE, "wav")
    assert take.card == CARD


def test_the_folder_may_be_swept_empty_between_takes(takes: TakeStore, tmp_path: Path) -> None:
    first, second = takes.start(SAMPLE_RATE), takes.start(SAMPLE_RATE)
    first.finish(noise(0), CARD)
    takes.drop([first.token])
    (tmp_path / "takes").rmdir()
    second.finish(noise(0), CARD)
    assert second.file("flac")


def test_dropping_leaves_nothing(takes: TakeStore, tmp_path: Path) -> None:
    done, live, other = (takes.start(SAMPLE_RATE) for _ in range(3))
    for take in (done, other):
        take.finish(noise(0), CARD)
    assert done.file("mp3")
    kept = set(files(tmp_path))
    takes.drop([done.token, live.token, "unknown"])
    live.finish(noise(0), CARD)  # dropped while it was spoken
    assert takes.get(done.token) is takes.get(live.token) is None
    assert takes.get(other.token) is other
    assert done.file("wav") is done.file("flac") is live.file("wav") is None
    assert set(files(tmp_path)) == {path for path in kept if other.token in path.name}


def test_dropping_while_it_is_written_leaves_nothing(
    takes: TakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, encode = takes.start(SAMPLE_RATE), audio.encode

    def slow(wav: Any, sample_rate: int, kind: str) -> bytes:
        takes.drop([take.token])
        return encode(wav, sample_rate, kind)

    monkeypatch.setattr(audio, "encode", slow)
    take.finish(noise(0), CARD)
    assert not files(tmp_path)


def test_so_many_are_kept_the_oldest_make_room(tmp_path: Path) -> None:
    takes = TakeStore(tmp_path, most=3)
    started = []
    for _ in range(5):
        started.append(takes.start(SAMPLE_RATE))
        started[-1].finish(noise(0), CARD)
    assert [takes.get(take.token) is take for take in started] == [False] * 2 + [True] * 3
    assert {path.name.split(".")[0] for path in files(tmp_path)} == {t.token for t in started[2:]}


def test_after_an_hour_they_are_gone(takes: TakeStore, tmp_path: Path) -> None:
    old, new = takes.start(SAMPLE_RATE), takes.start(SAMPLE_RATE)
    old.finish(noise(0), CARD)
    old.started -= 10
    assert takes.sweep(new.started + KEPT_SECONDS - 1) == 1
    assert takes.get(old.token) is None
    assert takes.get(new.token) is new
    assert not files(tmp_path)


def test_tokens_cannot_be_guessed(takes: TakeStore) -> None:
    tokens = {takes.start(SAMPLE_RATE).token for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 22  # 128 bits


@pytest.mark.parametrize(
    ("voice", "name"),
    [
        ("p225", "vclip_p225_seed3.wav"),
        ("near(p225;7;14)", "vclip_near_p225_7_14_seed3.wav"),
        ("move(p225;-0.50,1,0,0)", "vclip_move_p225_-0.50_1_0_0_seed3.wav"),
        ("../../etc\r\nX: y", "vclip_etc_X_y_seed3.wav"),
        ("é" * 3, "vclip_voice_seed3.wav"),
    ],
)
def test_files_are_named_after_voice_and_seed(takes: TakeStore, voice: str, name: str) -> None:
    take = takes.start(SAMPLE_RATE)
    take.finish(noise(0), {"voice": voice, "seed": 3})
    assert take.name("wav") == name


def test_names_have_an_end(takes: TakeStore) -> None:
    take = takes.start(SAMPLE_RATE)
    take.finish(noise(0), {"voice": "blend(" * 50, "seed": 2**32 - 1})
    assert len(take.name("flac")) <= len("vclip__seed4294967295.flac") + 60
