"""Cards: what is written is read, replays to the same bytes, and nothing else is accepted."""

import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_model import make_model

from vclip import audio, card
from vclip.errors import DataError
from vclip.pipeline import FaceToVoice

SAID = {"text": "It rained. We stayed in.", "seed": 7, "rate": 1.25, "pause": 0.1, "lufs": -20.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> FaceToVoice:
    return FaceToVoice.from_pretrained(str(make_model(tmp_path_factory.mktemp("toy"))))


def speech_card(model: FaceToVoice, kind: str, voice: str = "near(p1;0;5)") -> dict[str, Any]:
    candidate = model.candidate(voice)
    text, seed, rate, pause, lufs = SAID.values()
    speech = model.speak(text, candidate, seed, rate, pause, lufs)  # type: ignore[arg-type]
    return card.speech_card(model, candidate, *SAID.values(), kind, speech)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def written(model: FaceToVoice) -> dict[str, Any]:
    return speech_card(model, "wav")


def altered(document: dict[str, Any], **changes: Any) -> str:
    return json.dumps(document | changes)


@pytest.mark.parametrize("voice", ["p1", "gen-3-4", "near(p1;0;5)", "move(p2;1,0,-0.5)"])
def test_a_voice_card_comes_back(model: FaceToVoice, voice: str) -> None:
    document = card.voice_card(model, model.candidate(voice))
    saved = card.read_card(card.to_json(document))
    assert saved == card.Card(model.model, model.weights, voice, None)
    saved.check(model)
    assert datetime.date.fromisoformat(document["created"]) <= datetime.date.today()
    assert document["kind"] == "vclip voice" and document["version"] == 1


@pytest.mark.parametrize("kind", audio.FORMATS)
def test_a_speech_card_replays_to_the_same_bytes(model: FaceToVoice, kind: str) -> None:
    document = speech_card(model, kind)
    saved = card.read_card(card.to_json(document).encode())
    assert saved.said is not None and saved.said.kind == kind
    again = saved.speak(model)
    data = audio.encode(again.wav, again.sample_rate, kind)
    assert hashlib.sha256(data).hexdigest() == saved.said.sha256 == document["sha256"]
    assert document["note"] == "synthetic speech" and document["sample_rate"] == 22050
    assert document["seconds"] == pytest.approx(again.seconds, abs=1e-3)


def test_numbers_survive_exactly(model: FaceToVoice) -> None:
    saved = card.read_card(card.to_json(speech_card(model, "wav")))
    assert saved.said is not None
    assert {name: getattr(saved.said, name) for name in SAID} == SAID


def test_a_card_tells_nothing_of_a_face(model: FaceToVoice) -> None:
    document = speech_card(model, "wav")
    assert set(document) == {
        *["kind", "version", "model", "weights", "voice", "created", "note", "text", "seed"],
        *["rate", "pause", "lufs", "format", "sample_rate", "seconds", "sha256"],
    }


def test_other_weights_are_named(model: FaceToVoice) -> None:
    document = card.voice_card(model, model.candidate("p1"))
    weights = document["weights"] | {"synthesizer": "abcdef0123456789"}
    saved = card.read_card(altered(document, model="vctk", weights=weights))
    with pytest.raises(DataError) as caught:
        saved.check(model)
    message = str(caught.value)
    assert "'vctk' (synthesizer abcdef01)" in message and repr(model.model) in message
    assert model.weights["synthesizer"][:8] in message
    with pytest.raises(DataError, match="synthesizer none"):
        card.read_card(altered(document, weights={})).check(model)


def test_other_rankers_do_not_matter(model: FaceToVoice) -> None:
    document = card.voice_card(model, model.candidate("p1"))
    weights = document["weights"] | {"signature": "0", "association": "0", "image_encoder": "0"}
    card.read_card(altered(document, weights=weights)).check(model)


def test_a_voice_says_no_text(model: FaceToVoice) -> None:
    saved = card.read_card(card.to_json(card.voice_card(model, model.candidate("p1"))))
    with pytest.raises(DataError, match="says no text"):
        saved.speak(model)


def test_unknown_fields_are_left_alone(model: FaceToVoice) -> None:
    document = card.voice_card(model, model.candidate("p1"))
    assert card.read_card(altered(document, mood="calm")).voice == "p1"


NOT_CARDS = [
    *[b"", b"{", b"[]", b"1", b"null", b'"vclip voice"', b"{}", b"\xff\xfe", b"\x00" * 50],
    *[b"[" * 60000, b'{"a":' * 12000, b" " * (card.MAX_SIZE + 1), b"RIFF\x00\x00WAVE", b"9" * 6000],
    *[b'{"kind": "vclip voice", "version": NaN}', b'{"kind": "vclip"}', b'{"kind": ["vclip"]}'],
]


@pytest.mark.parametrize("data", NOT_CARDS, ids=range(len(NOT_CARDS)))
def test_what_is_no_card(data: bytes) -> None:
    with pytest.raises(DataError) as caught:
        card.read_card(data)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


WRONG: list[tuple[str, Any]] = [
    *[("version", v) for v in (2, 0, "1", None, True, 1e300, 10**100)],
    *[("model", v) for v in (None, 3, ["bundled"])],
    *[("weights", v) for v in (None, [], {"synthesizer": 3}, "abc")],
    *[("voice", v) for v in (None, 3, "", "near(p1)", "x" * 300, "p1\nrm", "move(p1;9)")],
    *[("text", v) for v in (None, 3, [], "\ud800")],
    *[("seed", v) for v in (None, "1", -1, 2**32, 1.5, True, 10**400)],
    *[("rate", v) for v in (None, "1", 0, 2.5, -1, True, 10**400)],
    *[("pause", v) for v in (None, "0", -0.1, 3, [])],
    *[("lufs", v) for v in (None, "-16", 0, -100)],
    *[("format", v) for v in (None, "ogg", "../wav", 3)],
    *[("sha256", v) for v in (None, 3)],
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda x: repr(x)[:20])
def test_wrong_values(written: dict[str, Any], name: str, value: Any) -> None:
    with pytest.raises(DataError) as caught:
        card.read_card(altered(written, **{name: value}))
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1200


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
@pytest.mark.parametrize("name", ["rate", "pause", "lufs", "seed"])
def test_numbers_that_are_none(written: dict[str, Any], name: str, number: str) -> None:
    text = altered(written, **{name: "@"}).replace('"@"', number)
    with pytest.raises(DataError):
        card.read_card(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=8,
    ),
    st.sampled_from(["vclip voice", "vclip speech", "other"]),
    st.sampled_from(["weights", "voice", "model", "version", "kind", "text", "rate"]),
)
def test_any_json_is_a_card_or_one_line(value: Any, kind: str, name: str) -> None:
    document = {"kind": kind, "version": 1, "model": "m", "weights": {}, "voice": "p1"}
    for text in (json.dumps(value), altered(document, **{name: value})):
        try:
            assert isinstance(card.read_card(text), card.Card)
        except DataError as error:
            assert str(error).isprintable()


@given(st.binary(max_size=200))
def test_any_bytes_are_one_line(data: bytes) -> None:
    with pytest.raises(DataError):
        card.read_card(data)


def test_what_is_written_is_utf8(model: FaceToVoice, tmp_path: Path) -> None:
    document = card.voice_card(model, model.candidate("p1")) | {"model": "Größe"}
    (tmp_path / "v.json").write_text(card.to_json(document), encoding="utf-8")
    assert card.read_card((tmp_path / "v.json").read_bytes()).model == "Größe"
