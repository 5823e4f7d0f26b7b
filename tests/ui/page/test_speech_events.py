"""Speak and Compare as the page calls them: what is played, kept, and let go when one leaves."""

import hashlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import gradio as gr
import numpy as np
import pytest
from fake_model import FakeModel, picture

from vclip import audio
from vclip.errors import InputError, SpeakerError, TextError
from vclip.pipeline import LUFS, FaceToVoice
from vclip.speech.narrator import master
from vclip.ui.page import speech_events
from vclip.ui.page.speech_events import SpeechController, SpeechRequest
from vclip.ui.session import VisitorSession
from vclip.ui.speech.takes import TakeStore
from vclip.ui.visit import K, Visit, VisitController

HELLO = SpeechRequest("Hello.", 3, 1.0, 0.0)


@pytest.fixture
def speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpeechController:
    monkeypatch.setattr(speech_events, "EVERY", 0.0)
    return SpeechController(VisitController(cast(FaceToVoice, FakeModel())), TakeStore(tmp_path))


@pytest.fixture
def session(speaker: SpeechController) -> VisitorSession:
    found = VisitorSession()
    found.visit = speaker.controller.open_photo(found.visit, picture(90))
    return found


@pytest.fixture
def visit(session: VisitorSession) -> Visit:
    return session.visit


class WatchedLock:
    """Tells when somebody waits for it."""

    def __init__(self) -> None:
        self.lock, self.awaited = threading.Lock(), threading.Event()

    def __enter__(self) -> None:
        if not self.lock.acquire(blocking=False):
            self.awaited.set()
            self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def token(player: str) -> str:
    return re.findall(r'data-token="([^"]+)"', player)[0]


def test_a_take_can_be_heard_before_it_is_finished(
    speaker: SpeechController, session: VisitorSession, visit: Visit
) -> None:
    steps = speaker.speak(session, HELLO)
    player, others = next(steps)
    assert others == gr.skip()
    list(steps)
    assert [one.token for one in session.spoken] == [token(player)]


def test_the_file_is_the_speech_at_its_loudness(
    speaker: SpeechController, session: VisitorSession, visit: Visit
) -> None:
    list(speaker.speak(session, HELLO))
    (spoken,) = session.spoken
    take = speaker.takes.get(spoken.token)
    assert take is not None and visit.picked is not None
    expected = master(speaker.model.speak("Hello.", visit.picked), LUFS)
    wav, sample_rate = audio.load_wav(take.file("wav"))
    assert sample_rate == expected.sample_rate
    assert np.abs(wav - expected.wav).max() <= 1.5 / 32767  # rounded to 16 bits
    assert take.card["text"] == "Hello." and take.card["seed"] == 3
    assert take.card["voice"] == spoken.speaker_id == visit.picked.speaker_id
    data = take.file("wav").read_bytes()  # type: ignore[union-attr]
    assert take.card["sha256"] == hashlib.sha256(data).hexdigest()


def test_takes_are_kept_newest_first_and_not_for_ever(
    speaker: SpeechController,
    session: VisitorSession,
    visit: Visit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speech_events, "REMEMBERED", 2)
    every = []
    for seed in range(3):
        list(speaker.speak(session, HELLO._replace(seed=seed)))
        every.append(session.spoken[0].token)
    assert [one.seed for one in session.spoken] == [2, 1]
    assert speaker.takes.get(every[0]) is None and speaker.takes.get(every[1]) is not None


def test_who_leaves_takes_the_sound_along(
    speaker: SpeechController, session: VisitorSession, visit: Visit, tmp_path: Path
) -> None:
    steps = speaker.speak(session, HELLO)
    player, *_ = next(steps)
    assert speaker.takes.get(token(player)) is not None
    next(steps)
    steps.close()
    assert speaker.takes.get(token(player)) is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("text", ["", "a" * 2001])
def test_a_text_that_cannot_be_spoken_begins_no_take(
    speaker: SpeechController,
    session: VisitorSession,
    visit: Visit,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speaker.takes, "start", None)
    with pytest.raises(TextError):
        next(speaker.speak(session, HELLO._replace(text=text)))


def test_speaking_needs_a_voice(speaker: SpeechController) -> None:
    with pytest.raises(SpeakerError):
        next(speaker.speak(VisitorSession(), HELLO))
    with pytest.raises(InputError):
        next(speaker.compare(VisitorSession(), HELLO))


@pytest.mark.parametrize("how", ["speak", "compare"])
def test_nothing_is_kept_of_who_wished_to_be_forgotten_meanwhile(
    speaker: SpeechController, session: VisitorSession, how: str, tmp_path: Path
) -> None:
    steps = getattr(speaker, how)(session, HELLO)
    next(steps)
    session.forget()
    list(steps)
    assert session.spoken == () and session.compared == ()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_speaking_waits_for_the_step_that_is_being_taken(
    speaker: SpeechController, session: VisitorSession
) -> None:
    """Who picks a voice and presses Speak at once hears that voice."""
    lock = session.lock = WatchedLock()
    with ThreadPoolExecutor(1) as pool:
        with lock:
            spoken = pool.submit(lambda: list(speaker.speak(session, HELLO)))
            assert lock.awaited.wait(10)
            session.visit = speaker.controller.pick(session.visit, "p4")
        spoken.result(10)
    assert session.spoken[0].speaker_id == "p4"


def test_compared_voices_are_equally_loud(
    speaker: SpeechController, session: VisitorSession, visit: Visit
) -> None:
    *_, (rows,) = speaker.compare(session, HELLO)
    assert len(session.compared) == K
    for voice, name in zip(visit.candidates, session.compared, strict=True):
        take = speaker.takes.get(name)
        assert take is not None and name in rows and voice.speaker_id in rows
        wav, sample_rate = audio.load_wav(take.file("wav"))
        assert audio.loudness(wav, sample_rate) == pytest.approx(LUFS, abs=0.2)


def test_a_new_comparison_replaces_the_last(
    speaker: SpeechController, session: VisitorSession, visit: Visit
) -> None:
    list(speaker.compare(session, HELLO))
    first = session.compared
    list(speaker.compare(session, HELLO))
    second = session.compared
    assert not any(map(speaker.takes.get, first)) and all(map(speaker.takes.get, second))
    with pytest.raises(TextError):
        next(speaker.compare(session, HELLO._replace(text=" ")))
    assert all(map(speaker.takes.get, second))  # what cannot be spoken costs nothing that was


@pytest.mark.parametrize("how", ["speak", "compare"])
def test_who_asks_again_while_it_speaks_gets_the_new_one_only(
    speaker: SpeechController, session: VisitorSession, how: str, tmp_path: Path
) -> None:
    first, second = (getattr(speaker, how)(session, HELLO._replace(seed=n)) for n in (3, 4))
    next(first)
    next(second)
    for update in first:
        assert all(part == gr.skip() for part in update)  # the page belongs to the second
    list(second)
    kept = [speaker.takes.get(token) for token in session.tokens]
    assert kept and all(take is not None and take.card["seed"] == 4 for take in kept)
    assert len(list(tmp_path.rglob("*.float.wav"))) == len(kept)
