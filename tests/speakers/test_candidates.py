"""Voices from ids alone: the same anywhere, as their definitions say, in any process and order."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPO
from toy_model import make_model

from vclip.errors import InputError, SpeakerError
from vclip.pipeline import FaceResult, FaceToVoice
from vclip.speakers import voice_id
from vclip.speakers.candidates import VoiceLibrary, sample_id
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.voice_id import DIRECTIONS, N_NEAR

IDS = [
    *["p1", "gen-3-14", "near(p1;0;5)", "near(near(p1;0;5);0;5)", "blend(p1;gen-0-2;0.25)"],
    *["move(p2;1,-0.5)", "move(blend(p1;p2;0.5);0,0,0,3)", "blend(near(p1;1;2);move(p2;1);0.5)"],
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def model(directory: Path) -> FaceToVoice:
    return FaceToVoice.from_pretrained(str(directory))


@pytest.fixture(scope="module")
def gmm(directory: Path) -> SpeakerGMM:
    return SpeakerGMM.load(directory / "generation.npz")


def seen_as(emb: np.ndarray) -> FaceResult:
    """A face that lies at a place among the voices."""
    return FaceResult(np.zeros((1, 1, 3), np.uint8), None, [], "none", emb)  # type: ignore[arg-type]


def digest(model: FaceToVoice, ids: list[str]) -> dict[str, str]:
    made = {i: model.candidate(i).speaker_embedding for i in ids}
    assert all(vector.dtype == np.float32 for vector in made.values())
    return {i: hashlib.sha256(vector.tobytes()).hexdigest() for i, vector in made.items()}


@pytest.mark.slow
def test_the_same_id_gives_the_same_bytes_in_any_order(directory: Path, model: FaceToVoice) -> None:
    other = FaceToVoice.from_pretrained(str(directory))
    for seed in range(40):  # nothing that was asked before is still in the caches
        other.sampled_voice_emb(seed, "p3")
    assert digest(model, IDS) == digest(other, IDS[::-1]) == digest(model, IDS)


@pytest.mark.slow
def test_the_same_id_gives_the_same_bytes_in_another_process(
    directory: Path, model: FaceToVoice
) -> None:
    script = (
        "import sys, json, hashlib; from vclip.pipeline import FaceToVoice\n"
        "m = FaceToVoice.from_pretrained(sys.argv[1])\n"
        "print(json.dumps({i: hashlib.sha256(m.candidate(i).speaker_embedding.tobytes())"
        ".hexdigest() for i in reversed(sys.argv[2:])}))"
    )
    command = [sys.executable, "-c", script, str(directory), *IDS]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    assert digest(model, IDS) == json.loads(done.stdout)


def test_blends_lie_on_the_line(model: FaceToVoice) -> None:
    one, two = (model.candidate(i).speaker_embedding for i in ("p1", "gen-0-2"))
    for share in (0.01, 0.25, 0.5, 0.99):
        between = model.candidate(voice_id.blend("p1", "gen-0-2", share))
        assert between.source == "shaped"
        np.testing.assert_allclose(
            between.speaker_embedding, one + share * (two - one), rtol=1e-5, atol=1e-6
        )
    assert model.candidate("blend(p1;gen-0-2;1.00)").speaker_id == "gen-0-2"
    assert model.candidate("blend(p1;gen-0-2;0)").source == "bank"


def test_moves_change_the_shape_by_what_they_say(model: FaceToVoice) -> None:
    base = model.candidate("p1")
    moved = model.candidate("move(p1;1,-2,0,0.5)")
    change = np.subtract(model.coordinates(moved), model.coordinates(base))
    np.testing.assert_allclose(change, [1, -2, 0, 0.5], atol=1e-5)
    back = model.candidate("move(move(p1;1,-2,0,0.5);-1,2,0,-0.5)")
    np.testing.assert_allclose(back.speaker_embedding, base.speaker_embedding, atol=1e-5)
    assert len(model.coordinates(base)) == DIRECTIONS


def test_shape_is_the_projection(model: FaceToVoice, gmm: SpeakerGMM) -> None:
    found = model.candidate("gen-0-7")
    naive = [
        float((found.speaker_embedding.astype(float) - gmm.mean) @ axis / deviation)
        for axis, deviation in zip(gmm.axes[:4], gmm.deviations[:4], strict=True)
    ]
    # the mixture's own mean is the origin of the PCA but for what EM left
    np.testing.assert_allclose(model.coordinates(found), naive, atol=0.02)


def test_draws_near_a_voice_are_the_cloud_around_it(model: FaceToVoice) -> None:
    cloud = model.sampled_voice_emb(4, "gen-0-2")
    assert cloud.shape == (N_NEAR, model.bank.voice_emb.shape[1])
    np.testing.assert_allclose(np.linalg.norm(cloud, axis=1), 1, atol=1e-5)
    for index in (0, 17, N_NEAR - 1):
        found = model.candidate(f"near(gen-0-2;4;{index})")
        np.testing.assert_array_equal(found.voice_emb, cloud[index])
        assert found.speaker_id == sample_id(4, index, "gen-0-2") and found.source == "shaped"
    assert model.sampled_voice_emb(4, " gen-00-02 ") is cloud  # one voice, one entry


def test_noise_differs_between_seeds_and_between_centres(model: FaceToVoice) -> None:
    offset = {
        (around, seed): model.candidate(f"near({around};{seed};0)").speaker_embedding
        - model.candidate(around).speaker_embedding
        for around in ("p1", "p2", "near(p1;0;0)")
        for seed in (0, 1)
    }
    offsets = np.array(list(offset.values()))
    cosines = np.corrcoef(offsets) - np.eye(len(offsets))
    assert np.abs(cosines).max() < 0.95


def test_made_voices_score_by_the_signature_network(model: FaceToVoice, directory: Path) -> None:
    from vclip.association.model import load_association
    from vclip.speakers.signature import SignatureNet

    signature = SignatureNet.load(directory / "signature.safetensors")
    heads = load_association(directory / "association.safetensors")
    for speaker_id in [i for i in IDS if i != "p1"]:
        found = model.candidate(speaker_id)
        with torch.inference_mode():
            expected = heads.encode_voice(
                signature(torch.from_numpy(found.speaker_embedding[None]))
            )
        np.testing.assert_allclose(found.voice_emb, expected.numpy()[0], atol=1e-5)


@pytest.mark.parametrize("around", ["p1", "gen-0-2", "near(p1;0;1)", "move(p1;1)"])
def test_candidates_around_a_voice_are_the_best_of_its_cloud(
    model: FaceToVoice, around: str
) -> None:
    seen = seen_as(model.bank.voice_emb[0])
    scores = [float(emb @ seen.image_emb) for emb in model.sampled_voice_emb(2, around)]
    best = sorted(range(N_NEAR), key=lambda i: -scores[i])[:3]
    found = model.candidates(seen, 3, "bank", 2, around)
    assert [c.speaker_id for c in found] == [f"near({around};2;{i})" for i in best]
    assert {c.source for c in found} == {"shaped"} and [c.rank for c in found] == [1, 2, 3]
    again = model.candidate(found[0].speaker_id, seen)
    assert again.score == pytest.approx(found[0].score, abs=1e-6)


@pytest.mark.parametrize("around", ["p999", "", "near(p999;0;0)", "x" * 300, "near(p1;0)"])
def test_unknown_centres(model: FaceToVoice, around: str) -> None:
    with pytest.raises(SpeakerError):
        model.candidates(seen_as(model.bank.voice_emb[0]), 3, "both", 0, around)


def test_a_search_whose_ids_would_be_too_long_is_refused(model: FaceToVoice) -> None:
    around = "p1"
    while len(around) < 185:
        around = voice_id.near(around, 0, 0)
    with pytest.raises(SpeakerError, match="start again"):
        model.candidates(seen_as(model.bank.voice_emb[0]), 3, "both", 0, around)


def test_a_bank_of_few_dimensions_has_zeros_for_the_rest(model: FaceToVoice) -> None:
    table = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    voices = VoiceLibrary(
        model.bank,
        table,
        SpeakerGMM.fit(table, 1, 0),
        None,
        None,  # type: ignore[arg-type]
    )
    assert voices.coordinates(table[0])[2:] == [0.0, 0.0]
    assert voices.gmm.shift(table[0], (0.0, 0.0, 1.0)).tolist() == table[0].tolist()


def test_shaped_voices_speak(model: FaceToVoice) -> None:
    for speaker_id in ("near(p1;0;5)", "move(p1;3,3,3,3)"):
        speech = model.speak("Good morning.", model.candidate(speaker_id))
        assert speech.seconds > 0.1 and np.isfinite(speech.wav).all()


def test_requests_are_checked_before_the_voices_are_made(model: FaceToVoice) -> None:
    with pytest.raises(InputError, match="k is 0"):
        model.candidates(seen_as(model.bank.voice_emb[0]), 0, "both", 0, "p1")
