"""The API: what it answers, what it refuses and how it is described, over a model of numbers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gradio as gr
import httpx
import numpy as np
import pytest
from fake_model import FakeModel, picture
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from serving import served

from vclip import audio
from vclip.errors import InputError, SpeakerError, TextError
from vclip.pipeline import FaceToVoice
from vclip.speech.synthesizer import Speech
from vclip.ui import texts
from vclip.ui.page import endpoints

NAMES = {"/candidates", "/resample", "/speak", "/describe_model"}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaceToVoice:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return cast(FaceToVoice, FakeModel())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(cast(FaceToVoice, FakeModel()), tmp_path_factory.mktemp("cache")) as found:
        yield found


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def said(answer: Iterator[Any]) -> str:
    *_, path = answer
    return cast(str, path)


def test_candidates_as_json(model: FaceToVoice) -> None:
    answer = endpoints.find(model, picture(90), "both", 4, 5)
    assert [c["rank"] for c in answer["candidates"]] == [1, 2, 3, 4]
    assert answer["face"] == {"box": [10, 10, 60, 60], "detector": "fake", "faces": 2}
    assert json.loads(json.dumps(answer)) == answer and answer["seed"] == 5
    assert answer["zero_shot"] is False


@pytest.mark.parametrize(
    ("photo", "k", "seed"), [(b"", 3, 0), (picture(90), None, 0), (picture(90), 3, None)]
)
def test_what_candidates_cannot_do_without(
    model: FaceToVoice, photo: bytes, k: Any, seed: Any
) -> None:
    with pytest.raises(InputError, match=r"; (send|ask|use) "):
        endpoints.find(model, photo, "both", k, seed)


@pytest.mark.parametrize(
    "speaker_id", ["p2", "gen-3-7", "near(p1;0;3)", "blend(p1;p2;0.25)", "move(p1;1,0,0,-2)"]
)
@pytest.mark.parametrize("kind", audio.FORMATS)
def test_speak_takes_any_voice_and_format(model: FaceToVoice, speaker_id: str, kind: str) -> None:
    path = Path(said(endpoints.say(model, "Hello.", speaker_id, 7, 0.5, 0.0, kind)))
    wav, sample_rate = audio.load_wav(path)
    assert sample_rate == 8000 and len(wav) == 16000
    assert path.suffix == f".{kind}" and path.name.startswith("vclip_")
    assert not set(path.name) & set("();,/ ")


def test_speech_keeps_its_level_and_its_own_file(model: FaceToVoice) -> None:
    speech = Speech(np.full(8000, 0.2, np.float32), 8000)
    path = endpoints.write(speech, "p2", 7, "wav")
    assert Path(path).name == "vclip_p2_seed7.wav"
    wav, _ = audio.load_wav(path)
    assert abs(np.abs(wav).max() - 0.2) < 1e-3
    assert endpoints.write(speech, "p2", 7, "wav") != path  # two visitors, two files


def test_speak_refuses_before_it_speaks(model: FaceToVoice) -> None:
    def refused(error: type[Exception], told: str, *asked: Any) -> None:
        with pytest.raises(error, match=told):
            next(endpoints.say(model, *asked))

    refused(InputError, "wav, flac, mp3", "Hello.", "p2", 7, 1, 0, "../x")
    refused(InputError, "the rate is 'fast'; send a number", "Hello.", "p2", 7, "fast")
    refused(TextError, "limit is 2000", "a" * 2001, "p2", 7)
    refused(TextError, "empty", " ", "p2", 7)
    refused(InputError, "the seed is missing", "Hello.", "p2", None)
    refused(SpeakerError, "near", "Hello.", "near(p2;0", 7)
    refused(SpeakerError, "voice|speaker", "Hello.", "", 7)


def test_only_our_own_errors_are_told() -> None:
    with pytest.raises(gr.Error) as told, endpoints.our_errors():
        raise KeyError("a secret")
    assert told.value.message == texts.ENGLISH.failed


def test_every_endpoint_is_documented(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == NAMES
    schema = httpx.get(f"{client.src.rstrip('/')}/gradio_api/info").json()["named_endpoints"]
    for name, endpoint in named.items():
        assert schema[name]["description"], name
        for parameter in endpoint["parameters"]:
            assert parameter["type"] and parameter["parameter_name"]
            is_required = parameter["parameter_name"] in ("photo", "text", "speaker_id")
            assert parameter["parameter_has_default"] != is_required, parameter


def test_a_zero_shot_model_reads_words_and_says_what_it_is(tmp_path: Path) -> None:
    model = FakeModel()
    model.zero_shot = True
    with served(cast(FaceToVoice, model), tmp_path) as address:
        client = Client(address, verbose=False)
        named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
        assert set(named) == NAMES | {"/described"}
        found = client.predict("an old man", api_name="/described")
        assert found["zero_shot"] is True and found["face"]["detector"] == "words"
        assert len(found["candidates"]) == 10
        with pytest.raises(AppError, match="empty"):
            client.predict(" ", api_name="/described")


def test_a_client_needs_no_more_than_it_must_say(client: Client, tmp_path: Path) -> None:
    photo = tmp_path / "face.png"
    photo.write_bytes(picture(90))
    found = client.predict(handle_file(photo), api_name="/candidates")
    assert len(found["candidates"]) == 10 and found["seed"] == 0
    again = client.predict(handle_file(photo), api_name="/resample")
    assert again["seed"] == 1 and again["source"] == "generated"
    best = found["candidates"][0]["speaker_id"]
    spoken = client.predict("Hello.", best, api_name="/speak")
    assert audio.load_wav(spoken)[1] == 8000
    assert client.predict(api_name="/describe_model") == {"model": "fake"}
    with pytest.raises(AppError, match="limit is 2000"):
        client.predict("a" * 2001, best, api_name="/speak")
