"""Why a voice: percentiles against a loop, neighbours against a sort, the control face."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from toy_model import N_FACES, make_model

from vclip.association import explain
from vclip.errors import InputError, ModelError
from vclip.face.photo import Photo
from vclip.pipeline import FaceResult, FaceToVoice
from vclip.speakers.bank import SpeakerBank
from vclip.speakers.candidates import Candidate


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def voice(emb: np.ndarray, speaker_id: str = "x") -> Candidate:
    return Candidate(0, speaker_id, "bank", float("nan"), emb, emb)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def model(directory: Path) -> FaceToVoice:
    return FaceToVoice.from_pretrained(str(directory))


@pytest.fixture(scope="module")
def seen(model: FaceToVoice) -> FaceResult:
    pixels = np.random.default_rng(0).integers(0, 255, (120, 100, 3), dtype=np.uint8)
    return model.look(Photo(pixels), whole=True)


def test_percentile_counts_the_faces_that_fit_worse() -> None:
    bank = SpeakerBank(["a", "b"], unit(2, 6))
    faces = unit(50, 6, seed=1)
    for i in range(20):
        face, emb = unit(6, seed=2 + i), unit(6, seed=100 + i)
        worse = sum(float(other @ emb) < float(face @ emb) for other in faces)
        why = explain.explain(voice(emb), face, faces, bank)
        assert why.percentile == pytest.approx(worse / 50)
        assert why.score == pytest.approx(float(face @ emb)) and why.n_faces == 50


def test_percentile_of_the_best_and_the_worst_face() -> None:
    bank, emb = SpeakerBank(["a"], unit(1, 6)), unit(6, seed=3)
    faces = unit(20, 6, seed=4)
    assert explain.explain(voice(emb), emb, faces, bank).percentile == 1
    assert explain.explain(voice(emb), -emb, faces, bank).percentile == 0


def test_without_reference_faces_there_is_no_percentile() -> None:
    bank, emb = SpeakerBank(["a"], unit(1, 6)), unit(6)
    why = explain.explain(voice(emb), emb, np.zeros((0, 6), np.float32), bank)
    assert why.percentile is None and why.n_faces == 0
    assert asdict(why)["neighbours"] == why.neighbours


def test_neighbours_equal_a_sort_and_leave_the_voice_itself_out() -> None:
    ids, embs = [f"p{i}" for i in range(30)], unit(30, 6)
    bank = SpeakerBank(ids, embs)
    for i in (0, 7):
        cosines = {name: float(emb @ embs[i]) for name, emb in zip(ids, embs, strict=True)}
        del cosines[f"p{i}"]
        best = sorted(cosines, key=lambda name: -cosines[name])[:3]
        found = explain.neighbours(voice(embs[i], f"p{i}"), bank)
        assert [name for name, _ in found] == best
        assert [c for _, c in found] == pytest.approx([cosines[name] for name in best])
    assert explain.neighbours(voice(embs[0], "gen-0-0"), bank)[0][0] == "p0"


def test_a_small_bank_has_few_neighbours() -> None:
    bank = SpeakerBank(["a", "b"], unit(2, 6))
    assert [name for name, _ in explain.neighbours(voice(bank.voice_emb[0], "a"), bank)] == ["b"]


@pytest.mark.slow
def test_the_model_explains_with_its_own_faces(model: FaceToVoice, seen: FaceResult) -> None:
    assert model.n_faces == N_FACES
    found = model.candidate("gen-0-5", seen)
    why = model.explain(found, seen)
    assert why.score == found.score and why.n_faces == N_FACES
    assert why.percentile is not None and (why.percentile * N_FACES).is_integer()
    assert [name for name, _ in model.explain(model.candidate("p1"), seen).neighbours] != ["p1"]


@pytest.mark.slow
@pytest.mark.parametrize("around", [None, "p1"])
def test_another_face_is_offered_what_it_would_be_offered(
    model: FaceToVoice, seen: FaceResult, around: str | None
) -> None:
    other = FaceResult(seen.image, seen.box, seen.boxes, "none", model.reference_faces[3])
    theirs = model.candidates(other, 4, "both", 1, around)
    ours = model.candidates(seen, 4, "both", 1, around)
    found = model.shuffled(seen, 4, "both", 1, 3, around)
    assert [c.speaker_id for c in found.candidates] == [c.speaker_id for c in theirs]
    assert [c.score for c in found.candidates] == [c.score for c in theirs]
    here = [model.candidate(c.speaker_id, seen).score for c in theirs]
    assert found.scores_here == pytest.approx(here, abs=1e-6)
    assert found.n_shared == len({c.speaker_id for c in theirs} & {c.speaker_id for c in ours})


def test_there_is_no_such_reference_face(model: FaceToVoice, seen: FaceResult) -> None:
    for index in (-1, N_FACES):
        with pytest.raises(InputError, match=f"no reference face {index}"):
            model.shuffled(seen, 3, "bank", 0, index)


def test_a_model_without_reference_faces(tmp_path: Path, seen: FaceResult) -> None:
    directory = make_model(tmp_path)
    described = json.loads((directory / "vclip.json").read_text())
    del described["components"]["faces"]
    (directory / "vclip.json").write_text(json.dumps(described))
    model = FaceToVoice.from_pretrained(str(directory))
    assert model.n_faces == 0
    assert model.explain(model.candidate("p1"), seen).percentile is None
    with pytest.raises(ModelError, match="no reference faces"):
        model.shuffled(seen, 3, "bank", 0, 0)
