"""Takes and previews as a browser asks for them, from a server that streams."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
import uvicorn
from fake_model import FakeModel
from fastapi import FastAPI

from vclip import audio
from vclip.errors import SpeakerError
from vclip.speakers.candidates import Candidate
from vclip.speech.synthesizer import Speech
from vclip.ui.speech import routes
from vclip.ui.speech.preview import AT_ONCE, SENTENCE, PreviewCache
from vclip.ui.speech.takes import SpeechTake, TakeStore

SAMPLE_RATE = 22050
CARD = {"kind": "vclip speech", "voice": "near(p225;0;7)", "seed": 5, "text": "Grüße \ud800"}


def noise(n: int = 3000, seed: int = 0) -> Speech:
    wav = np.random.default_rng(seed).normal(scale=0.1, size=n).astype(np.float32)
    return Speech(wav, SAMPLE_RATE)


def pcm(speech: Speech) -> bytes:
    return audio.to_int16(speech.wav).astype("<i2").tobytes()


class CountingModel(FakeModel):
    """Speaks when it may, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.spoken: list[str] = []
        self.may = threading.Event()
        self.may.set()

    def speak(self, text: str, candidate: Candidate, *manner: object, **named: object) -> Speech:
        assert text == SENTENCE
        self.spoken.append(candidate.speaker_id)
        assert self.may.wait(10)
        return noise()


@pytest.fixture(scope="module")
def model() -> CountingModel:
    return CountingModel()


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> TakeStore:
    return TakeStore(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def client(takes: TakeStore, model: CountingModel) -> Iterator[httpx.Client]:
    app = FastAPI()
    routes.add_routes(app, takes, model)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        yield client
    server.should_exit = True
    thread.join()


@pytest.fixture
def finished(takes: TakeStore) -> SpeechTake:
    take = takes.start(SAMPLE_RATE)
    take.finish(noise(), CARD)
    return take


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_take_is_heard_while_it_is_spoken(client: httpx.Client, takes: TakeStore) -> None:
    take = takes.start(SAMPLE_RATE)
    with client.stream("GET", f"/takes/{take.token}.pcm") as response:
        assert response.status_code == 200
        assert response.headers["X-Sample-Rate"] == str(SAMPLE_RATE)
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Cache-Control"] == "no-store"
        stream = response.iter_raw()
        for seed in range(3):  # each piece arrives before the next one is spoken
            take.feed(noise(500, seed))
            assert next(stream) == pcm(noise(500, seed))
        take.finish(noise(), CARD)
        assert list(stream) == []


def test_who_hangs_up_is_forgotten(client: httpx.Client, takes: TakeStore) -> None:
    take = takes.start(SAMPLE_RATE)
    with client.stream("GET", f"/takes/{take.token}.pcm") as response:
        take.feed(noise())
        stream = response.iter_raw()  # which hangs up when it is collected
        assert next(stream)
        assert take.n_listeners == 1
    wait(lambda: take.n_listeners == 0)  # though nothing more was spoken
    take.feed(noise())
    take.finish(noise(), CARD)
    assert client.get(f"/takes/{take.token}.wav").status_code == 200


def test_who_comes_late_hears_it_all(client: httpx.Client, finished: SpeechTake) -> None:
    assert client.get(f"/takes/{finished.token}.pcm").content == pcm(noise())


@pytest.mark.parametrize(
    ("kind", "media"), [("wav", "audio/wav"), ("flac", "audio/flac"), ("mp3", "audio/mpeg")]
)
def test_finished_takes_are_files(
    client: httpx.Client, finished: SpeechTake, kind: str, media: str
) -> None:
    response = client.get(f"/takes/{finished.token}.{kind}")
    assert response.content == audio.encode(noise().wav, SAMPLE_RATE, kind)
    assert response.headers["Content-Type"] == media
    assert response.headers["Cache-Control"] == "no-store"
    assert "Content-Disposition" not in response.headers
    named = client.get(f"/takes/{finished.token}.{kind}?download=1")
    disposition = f'attachment; filename="vclip_near_p225_0_7_seed5.{kind}"'
    assert named.headers["Content-Disposition"] == disposition


def test_parts_can_be_asked_for(client: httpx.Client, finished: SpeechTake) -> None:
    whole = audio.encode(noise().wav, SAMPLE_RATE, "wav")
    path = f"/takes/{finished.token}.wav"
    probe = client.get(path, headers={"Range": "bytes=0-1"})  # how iOS begins
    assert (probe.status_code, probe.content) == (206, whole[:2])
    assert probe.headers["Content-Range"] == f"bytes 0-1/{len(whole)}"
    assert client.get(path, headers={"Range": "bytes=1000-"}).content == whole[1000:]
    assert client.get(path, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_the_card_is_json(client: httpx.Client, finished: SpeechTake) -> None:
    response = client.get(f"/takes/{finished.token}.json?download=1")
    assert json.loads(response.text) == CARD
    assert "Grüße" in response.text
    assert response.headers["Content-Type"] == "application/json"
    disposition = 'attachment; filename="vclip_near_p225_0_7_seed5.json"'
    assert response.headers["Content-Disposition"] == disposition
    assert "Content-Disposition" not in client.get(f"/takes/{finished.token}.json").headers


@pytest.mark.parametrize("kind", ["pcm", "wav", "flac", "mp3", "json", "ogg"])
def test_what_is_not_there_is_told_in_a_line(
    client: httpx.Client, takes: TakeStore, finished: SpeechTake, kind: str
) -> None:
    takes.drop([finished.token])
    failed = takes.start(SAMPLE_RATE)
    failed.discard()
    for token in ("unknown", "..%2Fetc%2Fpasswd", finished.token, failed.token):
        response = client.get(f"/takes/{token}.{kind}")
        assert response.status_code == 404
        (message,) = response.json().values()
        assert "\n" not in message
    assert response.headers["Cache-Control"] == "no-store"


def test_there_are_no_other_formats(client: httpx.Client, finished: SpeechTake) -> None:
    response = client.get(f"/takes/{finished.token}.ogg")
    assert response.status_code == 404
    assert "wav, flac, mp3" in response.json()["detail"]


def test_a_file_that_was_swept_away_is_missed_politely(
    client: httpx.Client, finished: SpeechTake
) -> None:
    path = finished.file("wav")
    assert path is not None
    path.unlink()
    assert client.get(f"/takes/{finished.token}.wav").status_code == 404
    assert client.get(f"/takes/{finished.token}.mp3").status_code == 404
    assert client.get(f"/takes/{finished.token}.pcm").content == b""


@pytest.mark.parametrize("kind", ["wav", "mp3", "json"])
def test_files_of_a_live_take_are_asked_for_later(
    client: httpx.Client, takes: TakeStore, kind: str
) -> None:
    response = client.get(f"/takes/{takes.start(SAMPLE_RATE).token}.{kind}")
    assert response.status_code == 409
    assert response.headers["Retry-After"] == "1"


def test_a_preview_is_spoken_once(
    client: httpx.Client, model: CountingModel, tmp_path: Path
) -> None:
    answers = [client.get("/preview", params={"voice": "near(p3;0;7)"}) for _ in range(3)]
    assert model.spoken.count("near(p3;0;7)") == 1
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["Content-Type"] == "audio/mpeg"
    (tmp_path / "preview.mp3").write_bytes(answers[0].content)
    wav, sample_rate = soundfile.read(tmp_path / "preview.mp3")
    assert (len(wav), sample_rate) == (3000, SAMPLE_RATE)


@pytest.mark.parametrize("voice", ["", "p999", "near(p3;0", "gen-0-99999", "x" * 5000])
def test_there_is_no_preview_of_nobody(client: httpx.Client, voice: str) -> None:
    response = client.get("/preview", params={"voice": voice})
    assert response.status_code == 404
    assert "\n" not in response.json()["detail"]


def test_more_than_two_previews_at_once_are_too_many(
    client: httpx.Client, model: CountingModel
) -> None:
    assert client.get("/preview?voice=p3").status_code == 200
    model.may.clear()
    busy = [
        threading.Thread(target=client.get, args=["/preview"], kwargs={"params": {"voice": voice}})
        for voice in ("p4", "p5")
    ]
    try:
        for thread in busy:
            thread.start()
        wait(lambda: {"p4", "p5"} <= set(model.spoken))
        refused = client.get("/preview?voice=p6")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert client.get("/preview?voice=p3").status_code == 200  # what is known costs nothing
    finally:
        model.may.set()
        for thread in busy:
            thread.join()
    assert client.get("/preview?voice=p6").status_code == 200
    assert AT_ONCE == 2


def test_the_least_recently_used_previews_are_forgotten() -> None:
    model = CountingModel()
    previews = PreviewCache(model, most=2)
    for voice in ("p1", "p2", "p1", "p3", "p1", "p2"):
        previews.get(voice)
    assert model.spoken == ["p1", "p2", "p3", "p2"]
    with pytest.raises(SpeakerError):
        previews.get("p99")
