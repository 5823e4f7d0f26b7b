"""The app's logic without a browser: the steps of a visit, endpoints, texts, the server's cache."""

import asyncio
import base64
import io
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from vclip import audio, face
from vclip.bank import SpeakerBank, top
from vclip.errors import ImageError, InputError, NoFaceError, SpeakerError, TextError
from vclip.pipeline import Candidate, FaceResult, FaceToVoice
from vclip.speech import Speech, join
from vclip.ui import endpoints, page, pictures, serve, speeches, texts
from vclip.ui.visit import Desk, K, Visit, next_seed

D = 8
BOXES = [face.Box(10, 10, 60, 60), face.Box(70, 20, 100, 50)]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


class FakeModel:
    """The pipeline's interface over random numbers; a black picture has no face."""

    model, sample_rate = "fake", 8000

    def __init__(self) -> None:
        rows = unit(np.random.default_rng(0).normal(size=(12, D)))
        self.bank = SpeakerBank([f"p{i}" for i in range(12)], rows)

    def cloud(self, seed: int = 0) -> np.ndarray:
        return unit(np.random.default_rng(seed + 1).normal(size=(300, D)))

    def look(self, photo: Any, box: Any = None, whole: bool = False) -> FaceResult:
        photo = face.load(photo) if isinstance(photo, bytes) else photo
        if not whole and not photo.pixels.any():
            raise NoFaceError("No face was found.")
        boxes = [face.whole(photo)] if whole else BOXES
        box = box or boxes[0]
        emb = unit(np.cos(np.arange(D) * (1 + box.left) + photo.pixels.mean()))
        image = face.crop(photo, box, 16)
        return FaceResult(image, box, boxes, "none" if whole else "fake", emb)

    def candidate(self, speaker_id: str, seen: FaceResult | None = None) -> Candidate:
        if speaker_id.startswith("gen-"):
            _, seed, index = speaker_id.split("-")
            source, emb = "generated", self.cloud(int(seed))[int(index)]
        else:
            source, emb = "bank", self.bank.voice_emb[self.bank.index(speaker_id)]
        score = float(emb @ seen.image_emb) if seen else float("nan")
        return Candidate(0, speaker_id, cast(Any, source), score, emb, emb)

    def candidates(self, seen: FaceResult, k: int, source: str, seed: int) -> list[Candidate]:
        ids = self.bank.speaker_ids if source != "generated" else []
        ids = ids + [f"gen-{seed}-{i}" for i in range(300)] if source != "bank" else ids
        found = [self.candidate(name, seen) for name in ids]
        best = top(np.array([c.score for c in found]), k)
        return [Candidate(**(vars(found[i]) | {"rank": r})) for r, i in enumerate(best, 1)]

    def recite(
        self, text: str, candidate: Candidate, seed: int = 0, rate: float = 1, pause: float = 0.2
    ) -> Iterator[tuple[float, Speech]]:
        if not text:
            raise TextError("the text is empty")
        yield 0.5, Speech(np.full(round(800 / rate), 0.1, np.float32), 8000)
        yield 1.0, Speech(np.full(round(800 / rate), 0.2, np.float32), 8000)

    def speak(
        self, text: str, candidate: Candidate, seed: int = 0, rate: float = 1, pause: float = 0.2
    ) -> Speech:
        return join([speech for _, speech in self.recite(text, candidate, seed, rate, pause)])


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(cast(FaceToVoice, FakeModel()))


def picture(value: int, side: int = 120) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), (value, value, value)).save(file, "PNG")
    return file.getvalue()


def test_a_photo_gives_the_best_voice(desk: Desk) -> None:
    visit = desk.bring(Visit(), picture(90))
    assert len(visit.candidates) == K and visit.picked is visit.candidates[0]
    assert visit.seen is not None and visit.seen.box == BOXES[0]
    scores = [c.score for c in visit.candidates]
    assert scores == sorted(scores, reverse=True)


def test_no_face_keeps_the_old_one_and_offers_the_whole(desk: Desk) -> None:
    before = desk.bring(Visit(), picture(90))
    after = desk.bring(before, picture(0))
    assert after.message and after.faceless is not None
    assert after.photo is before.photo and after.picked is before.picked
    assert after.candidates is before.candidates
    whole = desk.use_whole(after)
    assert whole.faceless is None and whole.photo is after.faceless and not whole.message
    assert whole.seen is not None and whole.seen.box.as_list() == [0, 0, 120, 120]


def test_another_face_can_be_chosen(desk: Desk) -> None:
    visit = desk.bring(Visit(), picture(90))
    other = desk.choose_face(visit, 1)
    assert other.seen is not None and other.seen.box == BOXES[1] and other.seen.boxes == BOXES
    assert other.candidates[0].score != visit.candidates[0].score
    assert desk.choose_face(other, 0).candidates[0].score == visit.candidates[0].score


@pytest.mark.parametrize("index", [2, -1, "0", None, 0.5])
def test_faces_that_are_not_there(desk: Desk, index: object) -> None:
    with pytest.raises(InputError):
        desk.choose_face(desk.bring(Visit(), picture(90)), index)
    with pytest.raises(InputError):
        desk.choose_face(Visit(), 0)


def test_resample_is_the_search_of_the_next_seed(desk: Desk) -> None:
    visit = desk.bring(Visit(), picture(90))
    again = desk.resample(visit)
    assert again.seed == 1
    assert {c.speaker_id for c in again.candidates} != {c.speaker_id for c in visit.candidates}
    same = desk.search(visit, "both", 1)
    assert [c.speaker_id for c in same.candidates] == [c.speaker_id for c in again.candidates]
    assert desk.resample(desk.search(visit, "bank", 0)).source == "generated"
    assert next_seed(2**32 - 1) == 0


def test_search_refuses_what_it_cannot_serve(desk: Desk) -> None:
    for source, seed in [("both", -1), ("both", None), ("both", 2**32), ("else", 0)]:
        with pytest.raises(InputError):
            desk.search(Visit(), source, seed)


def test_only_offered_voices_can_be_picked(desk: Desk) -> None:
    visit = desk.bring(Visit(), picture(90))
    picked = desk.pick(visit, "p3").picked
    assert picked is not None and visit.seen is not None
    assert picked.speaker_id == "p3"
    assert picked.score == pytest.approx(desk.model.bank.voice_emb[3] @ visit.seen.image_emb)
    third = visit.candidates[2]
    assert desk.pick(visit, third.speaker_id).picked is third
    offered = {c.speaker_id for c in visit.candidates}
    foreign = next(f"gen-0-{i}" for i in range(300) if f"gen-0-{i}" not in offered)
    for name in [foreign, "nobody", "../etc/passwd", None, 3, {"id": "p3"}, ["p3"]]:
        with pytest.raises(SpeakerError):
            desk.pick(visit, name)


def test_a_place_on_the_map_picks_a_generated_voice(desk: Desk) -> None:
    visit = desk.bring(Visit(), picture(90))
    x, y = desk.map.projection.place(desk.model.cloud(0))[17]
    picked = desk.pick_at(visit, float(x), float(y))
    assert picked.picked is not None and picked.picked.source == "generated"
    assert any(voice is picked.picked for voice in desk.offered(picked))
    assert desk.pick(picked, picked.picked.speaker_id).picked is picked.picked
    for place in [("1", 2), (None, None), (float("nan"), 1.0), (-900, -900)]:
        assert desk.pick_at(visit, *place) is visit
    bank = desk.search(visit, "bank", 0)
    assert desk.pick_at(bank, float(x), float(y)) is bank  # none is searched, none is offered


def test_speaking_needs_a_voice(desk: Desk) -> None:
    with pytest.raises(SpeakerError):
        desk.speak(Visit(), "Hello.")
    visit = desk.pick(Visit(), "p1")  # possible without any face
    for rate, samples in ((1.0, 1600), (2.0, 800)):
        speech = join([part for _, part in desk.speak(visit, "Hello.", rate, 0.0)])
        assert len(speech.wav) == samples
    with pytest.raises(TextError, match="2001 characters"):
        desk.speak(visit, "a" * 2001)


def test_a_step_that_fails_changes_nothing_but_the_message(desk: Desk) -> None:
    for error, told in [(ImageError("too dark"), "Too dark"), (KeyError("x"), texts.FAILED)]:

        def fail(visit: Visit, error: Exception = error) -> Visit:
            raise error

        shown = dict(zip(page.SHOWN, page._guarded(desk, fail)(Visit()), strict=True))
        assert told in shown.pop("face_message")
        assert all(value == gr.skip() for value in shown.values())


def test_show_marks_the_picked_voice_in_the_right_list(desk: Desk) -> None:
    visit = desk.search(desk.bring(Visit(), picture(90)), "generated", 0)
    shown = page.show(desk, visit)
    assert shown["best"]["value"] == visit.candidates[0].speaker_id
    assert shown["bank"]["value"] is None
    shown = page.show(desk, desk.pick(visit, "p4"))
    assert shown["best"]["value"] is None and shown["bank"]["value"] == "p4"
    fits = [float(label.rsplit("fit ")[1]) for label, _ in shown["bank"]["choices"]]
    assert fits == sorted(fits, reverse=True) and len(fits) == 12


def test_texts_name_voices_without_guesses() -> None:
    voice = Candidate(3, "p225", "bank", 0.6234, np.zeros(2), np.zeros(2))
    assert texts.voice(voice) == "voice 3 · p225 · fit 0.62"
    unranked = Candidate(0, "gen-0-7", "generated", float("nan"), np.zeros(2), np.zeros(2))
    assert texts.voice(unranked) == "gen-0-7"


def test_face_panel_shows_boxes_and_offers_faces(desk: Desk) -> None:
    visit = desk.bring(Visit(), picture(90))
    panel = pictures.face_panel(visit.photo, visit.seen)
    assert len(re.findall(r"<rect", panel)) == 2
    assert re.findall(r'data-face="(\d)" aria-pressed="(\w+)"', panel) == [
        ("0", "true"),
        ("1", "false"),
    ]
    pixels = base64.b64decode(re.findall(r'base64,([^"]+)"', panel)[0])
    assert Image.open(io.BytesIO(pixels)).size == (120, 120)
    assert texts.NO_PHOTO in pictures.face_panel(None, None)


def test_messages_are_escaped() -> None:
    assert "<b>" not in pictures.message("no speaker '<b>'")
    assert pictures.message("") == ""


def test_endpoints_answer_in_json_and_errors_are_ours(desk: Desk) -> None:
    answer = endpoints.find(desk.model, picture(90), "both", 4, 5)
    assert [c["rank"] for c in answer["candidates"]] == [1, 2, 3, 4]
    assert answer["face"] == {"box": [10, 10, 60, 60], "detector": "fake", "faces": 2}

    def broken() -> None:
        raise KeyError("a secret")

    with pytest.raises(gr.Error) as told:
        endpoints._guarded(broken)
    assert told.value.message == texts.FAILED
    for photo, k, seed in [(b"", 3, 0), (picture(90), None, 0), (picture(90), 3, None)]:
        with pytest.raises(InputError):
            endpoints.find(desk.model, cast(Any, photo), "both", cast(Any, k), cast(Any, seed))


def test_speech_keeps_its_level(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = speeches.write(Speech(np.full(8000, 0.2, np.float32), 8000), "p2", 7)
    assert Path(path).name == "vclip_p2_seed7.wav" and Path(path).is_relative_to(tmp_path)
    wav, sample_rate = audio.load_wav(path)
    assert sample_rate == 8000 and abs(np.abs(wav).max() - 0.2) < 1e-3
    assert speeches.write(Speech(wav, 8000), "p2", 7) != path  # two visitors, two files


@pytest.mark.parametrize("kind", audio.FORMATS)
def test_formats_and_manner_of_the_speak_endpoint(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    *_, path = endpoints.say(desk.model, "Hello.", "p2", 7, 0.5, 0.0, kind)
    wav, _ = audio.load_wav(path)
    assert Path(path).name == f"vclip_p2_seed7.{kind}" and len(wav) == 3200
    with pytest.raises(InputError, match="wav, flac, mp3"):
        list(endpoints.say(desk.model, "Hello.", "p2", 7, kind="../x"))
    with pytest.raises(InputError, match="the rate is 'fast'; send a number"):
        next(endpoints.say(desk.model, "Hello.", "p2", 7, "fast"))  # type: ignore[arg-type]
    with pytest.raises(TextError, match="limit is 2000"):
        next(endpoints.say(desk.model, "a" * 2001, "p2", 7))


def test_sweep_forgets_photos_before_speech(tmp_path: Path) -> None:
    for name in ("a/face.jpg", "b/vclip_p1_seed0.wav", "c/upload", "d/s.mp3"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    now = (tmp_path / "a/face.jpg").stat().st_ctime
    assert serve.sweep(tmp_path, now + 30) == 0
    assert serve.sweep(tmp_path, now + 100) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "d"]
    assert serve.sweep(tmp_path, now + 4000) == 2


def test_cache_is_private_and_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "elsewhere")
    with serve.private_cache() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "photo.jpg").write_bytes(b"x")
    assert not folder.exists()


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(InputError, match="choose another with --port") as told:
            serve.open_port("127.0.0.1", taken.getsockname()[1])
        assert "\n" not in str(told.value)
    with pytest.raises(InputError):
        serve.open_port("127.0.0.1", 70000)


def test_app_reports_bad_starts(capsys: pytest.CaptureFixture[str]) -> None:
    import app

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert app.main(["--port", str(taken.getsockname()[1])]) == 2
    assert app.main(["--port", "0", "--model", "no/such/model"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "no/such/model" in lines[1]


def test_page_builds_and_names_its_endpoints(desk: Desk) -> None:
    async def build() -> gr.Blocks:  # in a running loop: without one Gradio opens some, for ever
        return page.build(desk)

    built = asyncio.run(build())
    named = {f.api_name for f in built.fns.values() if f.api_visibility == "public"}
    assert named == {"candidates", "resample", "speak"}
    assert built.analytics_enabled is False
