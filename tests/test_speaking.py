"""Speak and Compare as the page calls them: what is played, kept, and let go when one leaves."""

import hashlib
import re
from pathlib import Path
from typing import Any, cast

import gradio as gr
import numpy as np
import pytest
from fake_model import FakeModel, picture

from vclip import audio
from vclip.errors import InputError, SpeakerError, TextError
from vclip.narration import master
from vclip.pipeline import LUFS, FaceToVoice
from vclip.ui import speaking
from vclip.ui.speaking import Saying, Speaker
from vclip.ui.takes import Takes
from vclip.ui.visit import Desk, K, Visit

HELLO = Saying("Hello.", 1.0, 0.0, 3)


@pytest.fixture
def speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Speaker:
    monkeypatch.setattr(speaking, "EVERY", 0.0)
    return Speaker(Desk(cast(FaceToVoice, FakeModel())), Takes(tmp_path))


@pytest.fixture
def visit(speaker: Speaker) -> Visit:
    return speaker.desk.bring(Visit(), picture(90))


def token(player: str) -> str:
    return re.findall(r'data-token="([^"]+)"', player)[0]


def kept(updates: list[tuple[Any, ...]]) -> Any:
    return updates[-1][2]


def test_a_take_can_be_heard_before_it_is_finished(speaker: Speaker, visit: Visit) -> None:
    steps = speaker.utter(visit, (), HELLO)
    player, *others = next(steps)
    assert "data-token" in player and all(other == gr.skip() for other in others)
    assert kept(list(steps))[0].token in player


def test_the_file_is_the_speech_at_its_loudness(speaker: Speaker, visit: Visit) -> None:
    (spoken,) = kept(list(speaker.utter(visit, (), HELLO)))
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
    speaker: Speaker, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "REMEMBERED", 2)
    spoken: tuple[Any, ...] = ()
    every = []
    for seed in range(3):
        spoken = kept(list(speaker.utter(visit, spoken, HELLO._replace(seed=seed))))
        every.append(spoken[0].token)
    assert [one.seed for one in spoken] == [2, 1]
    assert speaker.takes.get(every[0]) is None and speaker.takes.get(every[1]) is not None


def test_who_leaves_takes_the_sound_along(speaker: Speaker, visit: Visit, tmp_path: Path) -> None:
    steps = speaker.utter(visit, (), HELLO)
    player, *_ = next(steps)
    assert speaker.takes.get(token(player)) is not None
    next(steps)
    steps.close()
    assert speaker.takes.get(token(player)) is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("text", ["", "a" * 2001])
def test_a_text_that_cannot_be_spoken_begins_no_take(
    speaker: Speaker, visit: Visit, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker.takes, "start", None)
    with pytest.raises(TextError):
        next(speaker.utter(visit, (), HELLO._replace(text=text)))


def test_speaking_needs_a_voice(speaker: Speaker) -> None:
    with pytest.raises(SpeakerError):
        next(speaker.utter(Visit(), (), HELLO))
    with pytest.raises(InputError):
        next(speaker.compare(Visit(), (), HELLO))


def test_compared_voices_are_equally_loud(speaker: Speaker, visit: Visit) -> None:
    *_, (rows, tokens) = speaker.compare(visit, (), HELLO)
    assert len(tokens) == K
    for voice, name in zip(visit.candidates, tokens, strict=True):
        take = speaker.takes.get(name)
        assert take is not None and name in rows and voice.speaker_id in rows
        wav, sample_rate = audio.load_wav(take.file("wav"))
        assert audio.loudness(wav, sample_rate) == pytest.approx(LUFS, abs=0.2)


def test_a_new_comparison_replaces_the_last(speaker: Speaker, visit: Visit) -> None:
    *_, (_, first) = speaker.compare(visit, (), HELLO)
    *_, (_, second) = speaker.compare(visit, first, HELLO)
    assert not any(map(speaker.takes.get, first)) and all(map(speaker.takes.get, second))
    with pytest.raises(TextError):
        next(speaker.compare(visit, second, HELLO._replace(text=" ")))
    assert all(map(speaker.takes.get, second))  # what cannot be spoken costs nothing that was
