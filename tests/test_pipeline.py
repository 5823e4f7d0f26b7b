"""FaceToVoice on a miniature model: ranking, seeds, ids that reproduce, errors that help."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from toy_model import make_model

from vclip import audio
from vclip.errors import InputError, ModelError, NoFaceError, SpeakerError, TextError
from vclip.face.photo import Photo
from vclip.limits import MAX_CHARS, check_length
from vclip.models.download import sha256
from vclip.pipeline import FaceResult, FaceToVoice
from vclip.recipes.generation.assemble import COMPONENTS
from vclip.speakers.voice_id import N_GENERATED
from vclip.speech.narrator import master
from vclip.speech.synthesizer import Speech, join

TEXT = "Good morning. How are you?"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> FaceToVoice:
    return FaceToVoice.from_pretrained(str(make_model(tmp_path_factory.mktemp("toy"))))


@pytest.fixture(scope="module")
def seen(model: FaceToVoice) -> FaceResult:
    pixels = np.random.default_rng(0).integers(0, 255, (120, 100, 3), dtype=np.uint8)
    return model.look(Photo(pixels), whole=True)


def test_look_gives_a_unit_emb_and_the_crop(seen: FaceResult) -> None:
    assert np.linalg.norm(seen.image_emb) == pytest.approx(1, abs=1e-5)
    assert seen.image.ndim == 3 and seen.image.shape[0] == seen.image.shape[1]
    assert seen.detector == "none" and len(seen.boxes) == 1


@pytest.mark.parametrize("source", ["bank", "generated", "both"])
def test_ranking_equals_a_naive_one(model: FaceToVoice, seen: FaceResult, source: str) -> None:
    names: list[str] = []
    embs: list[np.ndarray] = []
    if source in ("bank", "both"):
        names, embs = list(model.bank.speaker_ids), list(model.bank.voice_emb)
    if source in ("generated", "both"):
        names += [f"gen-3-{i}" for i in range(N_GENERATED)]
        embs += list(model.sampled_voice_emb(3))
    scores = np.array([float(emb @ seen.image_emb) for emb in embs])
    best = [names[i] for i in np.argsort(-scores, kind="stable")[:4]]
    found = model.candidates(seen, k=4, source=source, seed=3)
    assert [c.speaker_id for c in found] == best
    assert [c.rank for c in found] == [1, 2, 3, 4]
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)
    assert all(c.score == pytest.approx(float(c.voice_emb @ seen.image_emb)) for c in found)


def test_seeds_decide_the_generated_voices_only(model: FaceToVoice, seen: FaceResult) -> None:
    one, again = (model.candidates(seen, 5, "generated", 1) for _ in range(2))
    other = model.resample(seen, seed=2, k=5)
    assert [c.speaker_id for c in one] == [c.speaker_id for c in again]
    assert {c.speaker_id for c in one}.isdisjoint(c.speaker_id for c in other)
    banks = [model.candidates(seen, 5, "bank", seed) for seed in (1, 2)]
    assert [c.speaker_id for c in banks[0]] == [c.speaker_id for c in banks[1]]


def test_an_id_alone_reproduces_the_voice(model: FaceToVoice, seen: FaceResult) -> None:
    for found in model.candidates(seen, 3, "both", seed=9):
        by_id = model.candidate(found.speaker_id)
        np.testing.assert_array_equal(by_id.speaker_embedding, found.speaker_embedding)
        assert math.isnan(by_id.score)
        assert model.candidate(found.speaker_id, seen).score == pytest.approx(found.score)


def test_same_seed_same_samples(model: FaceToVoice) -> None:
    voice = model.candidate("p1")
    one, again, other = (model.speak(TEXT, voice, seed).wav for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert len(one) != len(other) or not np.array_equal(one, other)


def test_the_stream_is_the_whole_but_for_its_gain(model: FaceToVoice) -> None:
    voice = model.candidate("p1")
    stream = join([speech for _, speech in model.speak_stream(TEXT, voice, 4, 1.2, 0.5, -50)]).wav
    whole = model.speak(TEXT, voice, 4, 1.2, 0.5, -50).wav
    raw = join([speech for _, speech in model.recite(TEXT, voice, 4, 1.2, 0.5)]).wav
    for wav in (stream, whole):
        gain = np.abs(wav).max() / np.abs(raw).max()
        np.testing.assert_allclose(wav, raw * gain, atol=1e-4 * np.abs(wav).max())


def test_live_is_the_stream_of_pieces_that_were_made_elsewhere(model: FaceToVoice) -> None:
    voice = model.candidate("near(p1;0;1)")
    stream = list(model.speak_stream(TEXT, voice, 4, lufs=-20))
    said: list[Speech] = []
    live = list(model.normalize_stream(tapped(model.recite(TEXT, voice, 4), said), voice, lufs=-20))
    for (share, piece), (other_share, other) in zip(stream, live, strict=True):
        assert share == other_share
        np.testing.assert_array_equal(piece.wav, other.wav)
    np.testing.assert_array_equal(
        master(join(said), -20).wav, model.speak(TEXT, voice, 4, lufs=-20).wav
    )
    for wrong in (0.0, -100.0, math.nan):
        with pytest.raises(InputError, match="loudness"):
            model.normalize_stream(iter([]), voice, lufs=wrong)


def tapped(
    pieces: Iterator[tuple[float, Speech]], said: list[Speech]
) -> Iterator[tuple[float, Speech]]:
    for share, piece in pieces:
        said.append(piece)
        yield share, piece


def test_weights_are_the_hashes_of_the_files(tmp_path: Path) -> None:
    directory = make_model(tmp_path)
    weights = FaceToVoice.from_pretrained(str(directory)).weights
    assert set(weights) == set(COMPONENTS)
    for name, digest in weights.items():
        assert digest == sha256(directory / COMPONENTS[name]["file"])


def test_the_description_is_json_and_says_what_is_there(model: FaceToVoice) -> None:
    told = json.loads(json.dumps(model.describe()))
    assert told == model.describe()
    assert told["model"] == model.model and told["speakers"] == model.bank.speaker_ids
    assert told["components"]["synthesizer"]["sha256"] == model.weights["synthesizer"]
    assert all(entry["licence"] for entry in told["components"].values())
    assert told["generated"] == len(model.sampled_voice_emb(0)) and told["near"] == len(
        model.sampled_voice_emb(0, "p1")
    )
    assert told["directions"] == len(model.coordinates(model.candidate("p1")))
    assert told["sample_rate"] == model.sample_rate and told["faces"] == model.n_faces
    assert told["formats"] == list(audio.FORMATS) and told["max_chars"] == MAX_CHARS


def test_speech_has_the_loudness_that_was_asked_for(model: FaceToVoice) -> None:
    for lufs in (-16, -23):
        speech = model.speak(TEXT, model.candidate("p1"), lufs=lufs)
        assert audio.loudness(speech.wav, speech.sample_rate) == pytest.approx(lufs, abs=0.1)


def test_dots_between_sentences_are_skipped(model: FaceToVoice) -> None:
    speech = model.speak("Hello. !!! World.", model.candidate("p1"))
    assert speech.seconds > 0.1


@pytest.mark.parametrize(
    ("text", "message"), [("", "empty"), (" \n", "empty"), ("... ?!", "nothing"), ("да", "д")]
)
def test_texts_that_cannot_be_spoken(model: FaceToVoice, text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        model.speak(text, model.candidate("p1"))


def test_the_app_s_limit_counts_what_is_between_spaces() -> None:
    check_length("  " + "a" * MAX_CHARS + "\n")
    with pytest.raises(TextError, match=f"{MAX_CHARS + 1} characters, the limit is {MAX_CHARS}"):
        check_length("a" * (MAX_CHARS + 1))


@pytest.mark.parametrize(
    ("speaker_id", "message"),
    [
        ("p999", "p999"),
        ("gen-1", "gen-SEED"),
        ("gen-1-5000", "5000"),
        ("gen-x-1", "gen-SEED"),
        ("gen-4294967296-0", "gen-SEED"),
        (f"gen-{'0' * 150}-1", "gen-SEED"),
        (f"gen-{'0' * 5000}-1", "5006 characters"),
    ],
)
def test_unknown_speakers(model: FaceToVoice, speaker_id: str, message: str) -> None:
    with pytest.raises(SpeakerError, match=message):
        model.candidate(speaker_id)


def test_requests_out_of_range(model: FaceToVoice, seen: FaceResult) -> None:
    for options in ({"k": 0}, {"k": 101}, {"source": "radio"}, {"seed": -1}, {"seed": 2**32}):
        with pytest.raises(InputError):
            model.candidates(seen, **options)


def test_faces_are_chosen_by_index(model: FaceToVoice, shared: Path) -> None:
    photo = (shared / "faces/london/001_03.jpg").read_bytes()
    one = model.look(photo, box=0)
    assert one.detector in ("haar", "yunet")
    with pytest.raises(InputError, match="no face 7"):
        model.look(photo, box=7)
    by_box = model.look(photo, box=one.boxes[0])
    np.testing.assert_array_equal(by_box.image_emb, one.image_emb)


def test_no_face_offers_the_whole_picture(model: FaceToVoice) -> None:
    with pytest.raises(NoFaceError, match="whole"):
        model.look(Photo(np.full((200, 200, 3), 128, dtype=np.uint8)))


def test_a_bank_of_strangers_is_refused(tmp_path: Path) -> None:
    directory = make_model(tmp_path)
    names, features = np.array(["zz"]), np.ones((1, 256), dtype=np.float32)
    old = sha256(directory / "bank.npz")
    np.savez(directory / "bank.npz", speaker_ids=names, voice_features=features)
    text = (directory / "vclip.json").read_text()
    (directory / "vclip.json").write_text(text.replace(old, sha256(directory / "bank.npz")))
    with pytest.raises(ModelError, match="'zz'"):
        FaceToVoice.from_pretrained(str(directory))
