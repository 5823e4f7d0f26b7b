"""What a visitor can do, step by step, without a browser and without weights."""

import json
from typing import Any, cast

import numpy as np
import pytest
from fake_model import BOXES, N_BANK, FakeModel, picture

from vclip import card
from vclip.errors import DataError, InputError, ModelError, SpeakerError, TextError
from vclip.pipeline import FaceToVoice
from vclip.speakers import voice_id
from vclip.speech.synthesizer import join
from vclip.ui.visit import EXAMPLES, MOST_K, K, Visit, VisitController, next_seed


@pytest.fixture(scope="module")
def controller() -> VisitController:
    return VisitController(cast(FaceToVoice, FakeModel()))


@pytest.fixture
def visit(controller: VisitController) -> Visit:
    return controller.open_photo(Visit(), picture(90))


def test_the_fake_model_offers_what_the_pipeline_does() -> None:
    real = {*vars(FaceToVoice), "model", "sample_rate", "bank"}
    assert {name for name in dir(FakeModel()) if not name.startswith("_")} <= real


def test_a_photo_gives_the_best_voice(visit: Visit) -> None:
    assert len(visit.candidates) == K and visit.picked is visit.candidates[0]
    assert visit.seen is not None and visit.seen.box == BOXES[0]
    scores = [c.score for c in visit.candidates]
    assert scores == sorted(scores, reverse=True)


def test_no_face_keeps_the_old_one_and_offers_the_whole(
    controller: VisitController, visit: Visit
) -> None:
    after = controller.open_photo(visit, picture(0))
    assert after.message and after.faceless is not None
    assert after.photo is visit.photo and after.picked is visit.picked
    assert after.candidates is visit.candidates
    whole = controller.use_whole(after)
    assert whole.faceless is None and whole.photo is after.faceless
    assert whole.seen is not None and whole.seen.box.as_list() == [0, 0, 120, 120]
    with pytest.raises(InputError):
        controller.use_whole(visit)


def test_another_face_can_be_chosen(controller: VisitController, visit: Visit) -> None:
    other = controller.choose_face(visit, 1)
    assert other.seen is not None and other.seen.box == BOXES[1] and other.seen.boxes == BOXES
    assert other.candidates[0].score != visit.candidates[0].score
    assert controller.choose_face(other, 0).candidates[0].score == visit.candidates[0].score


def test_words_take_the_place_of_a_face(visit: Visit) -> None:
    model = FakeModel()
    model.zero_shot = True
    controller = VisitController(cast(FaceToVoice, model))
    read = controller.open_description(visit, " an old man ")
    assert read.words == "an old man" and read.photo is None and read.other is None
    assert read.picked is read.candidates[0] and len(read.candidates) == K
    assert read.candidates != visit.candidates
    controller.draw_map(read)
    assert controller.explain(read) is not None
    for step in (controller.resample, controller.search_near, controller.shuffle):
        assert step(read).words == "an old man"
    seen = controller.open_photo(read, picture(90))
    assert seen.words == "" and seen.photo is not None
    with pytest.raises(InputError):  # there are no faces to choose from
        controller.choose_face(read, 0)
    for wrong in ("", " "):
        with pytest.raises(TextError, match="empty"):
            controller.open_description(visit, wrong)


def test_a_trained_model_reads_no_words(controller: VisitController, visit: Visit) -> None:
    with pytest.raises(ModelError, match="not words"):
        controller.open_description(visit, "an old man")


@pytest.mark.parametrize("index", [2, -1, "0", None, 0.5])
def test_faces_that_are_not_there(controller: VisitController, visit: Visit, index: object) -> None:
    with pytest.raises(InputError):
        controller.choose_face(visit, index)
    with pytest.raises(InputError):
        controller.choose_face(Visit(), 0)


@pytest.mark.parametrize("index", [len(EXAMPLES), -1, "0", None, 0.5])
def test_examples_that_are_not_there(controller: VisitController, index: object) -> None:
    with pytest.raises(InputError):
        controller.open_example(Visit(), index)


def test_an_example_is_looked_at_once(
    controller: VisitController, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = controller.open_example(Visit(), 1)
    monkeypatch.setattr(controller.model, "look", None)
    again = controller.open_example(Visit(), 1)
    assert again.seen is first.seen and again.candidates


def test_warming_up_speaks_draws_and_leaves_nothing(
    controller: VisitController, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("draw_map", "speak"):
        work = getattr(controller, name)
        monkeypatch.setattr(controller, name, lambda *a, n=name, w=work: (done.append(n), w(*a))[1])
    controller.warm_up()
    assert done == ["draw_map", "speak"]


def test_resample_is_the_search_of_the_next_seed(controller: VisitController, visit: Visit) -> None:
    again = controller.resample(visit)
    assert again.seed == 1
    assert {c.speaker_id for c in again.candidates} != {c.speaker_id for c in visit.candidates}
    same = controller.search(visit, "both", 1, K)
    assert [c.speaker_id for c in same.candidates] == [c.speaker_id for c in again.candidates]
    assert controller.resample(controller.search(visit, "bank", 0, K)).source == "generated"
    assert next_seed(2**32 - 1) == 0


def test_as_many_voices_as_asked_for(controller: VisitController, visit: Visit) -> None:
    for k in (1, 3, MOST_K):
        assert len(controller.search(visit, "generated", 0, k).candidates) == k
    with pytest.raises(InputError, match=f"1 to {MOST_K}"):
        controller.search(visit, "generated", 0, MOST_K + 1)


@pytest.mark.parametrize(
    ("source", "seed", "k"),
    [("both", -1, 5), ("both", None, 5), ("both", 2**32, 5), ("else", 0, 5), ("both", 0, 0),
     ("both", 0, None)],
)  # fmt: skip
def test_search_refuses_what_it_cannot_serve(
    controller: VisitController, source: Any, seed: Any, k: Any
) -> None:
    with pytest.raises(InputError):
        controller.search(Visit(), source, seed, k)


def test_picking(controller: VisitController, visit: Visit) -> None:
    picked = controller.pick(visit, "p3").picked
    assert picked is not None and visit.seen is not None
    assert picked.score == pytest.approx(controller.model.bank.voice_emb[3] @ visit.seen.image_emb)
    third = visit.candidates[2]
    assert controller.pick(visit, third.speaker_id).picked is third
    for name in ["nobody", "../etc/passwd", None, 3, {"id": "p3"}, ["p3"], "gen-0-9999", "move("]:
        with pytest.raises(SpeakerError):
            controller.pick(visit, name)


def test_a_picked_voice_that_is_no_best_fit_is_offered_after_them(
    controller: VisitController, visit: Visit
) -> None:
    ids = [c.speaker_id for c in visit.candidates]
    assert [c.speaker_id for c in controller.listed(visit)] == ids
    other = next(f"p{i}" for i in range(N_BANK) if f"p{i}" not in ids)
    assert [c.speaker_id for c in controller.listed(controller.pick(visit, other))] == [
        *ids,
        other,
    ]


def test_a_place_on_the_map_picks_a_generated_voice(
    controller: VisitController, visit: Visit
) -> None:
    x, y = controller.map.projection.place(controller.generated_emb(visit))[17]
    at = controller.pick_at(visit, float(x), float(y))
    assert at.picked is not None and at.picked.source == "generated"
    for place in [
        ("1", 2),
        (None, 1),
        (float("nan"), 1.0),
        (-900, -900),
        (10**50, 1),
        (10**400, 1),
    ]:
        assert controller.pick_at(visit, *place) is visit
    bank = controller.search(visit, "bank", 0, K)
    assert controller.pick_at(bank, float(x), float(y)) is bank  # none is searched, none is offered


def test_more_like_this_and_back(controller: VisitController, visit: Visit) -> None:
    near = controller.search_near(controller.pick(visit, "p3"))
    assert near.around == "p3" and len(near.candidates) == K
    assert {str(voice_id.parse(c.speaker_id).base) for c in near.candidates} == {"p3"}  # type: ignore[union-attr]
    scores = [c.score for c in near.candidates]
    assert scores == sorted(scores, reverse=True)
    again = controller.resample(near)
    assert again.around == "p3" and again.candidates[0] != near.candidates[0]
    x, y = controller.map.projection.place(controller.generated_emb(near))[5]
    placed = controller.pick_at(near, float(x), float(y)).picked
    assert placed is not None and placed.speaker_id.startswith("near(p3;0;")
    back = controller.search_everywhere(near)
    assert back.around is None
    assert [c.speaker_id for c in back.candidates] == [c.speaker_id for c in visit.candidates]
    assert controller.search(near, "bank", 0, K).around is None  # another source is another search
    assert controller.choose_face(near, 1).around is None
    with pytest.raises(SpeakerError):
        controller.search_near(Visit())
    with pytest.raises(InputError):
        controller.search_near(
            controller.pick(Visit(), "p3")
        )  # without a face nothing can be ranked


def test_sliders_move_the_picked_voice_and_not_what_they_made(
    controller: VisitController, visit: Visit
) -> None:
    start = controller.pick(visit, "p3")
    once = controller.move(start, 1, 0, 0, 0)
    twice = controller.move(once, 1.5, -0.5, 0, 0)
    direct = controller.move(start, 1.5, -0.5, 0, 0)
    assert twice.picked is not None and direct.picked is not None and start.picked is not None
    assert twice.picked.speaker_id == direct.picked.speaker_id == "move(p3;1.5,-0.5)"
    assert twice.picked.source == "shaped" and twice.picked.score != start.picked.score
    home = controller.move(twice, 0, 0, 0, 0).picked
    assert home is not None and home.speaker_id == "p3"
    with pytest.raises(SpeakerError):
        controller.move(Visit(), 1, 0, 0, 0)


def test_a_blend_goes_on_from_a_moved_voice(controller: VisitController, visit: Visit) -> None:
    moved = controller.move(controller.pick(visit, "p3"), 1, 0, 0, 0)
    half = controller.blend(moved, "p4", 0.5)
    less = controller.blend(half, "p4", 0.25)
    assert half.picked is not None and less.picked is not None and moved.picked is not None
    assert half.picked.speaker_id == f"blend({moved.picked.speaker_id};p4;0.5)"
    assert less.picked.speaker_id == f"blend({moved.picked.speaker_id};p4;0.25)"
    for share, end in ((0.0, moved.picked.speaker_id), (1.0, "p4")):
        blended = controller.blend(moved, "p4", share).picked
        assert blended is not None and blended.speaker_id == end
    for other in (None, "nobody", 4):
        with pytest.raises(SpeakerError):
            controller.blend(moved, other, 0.5)


def test_the_control_walks_through_the_reference_faces(
    controller: VisitController, visit: Visit
) -> None:
    seen = []
    step = visit
    for _ in range(4):
        step = controller.shuffle(step)
        control = controller.control(step)
        assert control is not None and len(control.scores_here) == len(control.candidates) == K
        seen.append(step.other)
    assert seen == [0, 1, 2, 0]
    assert controller.control(visit) is None
    assert controller.choose_face(step, 1).other is None  # a control belongs to its face
    with pytest.raises(InputError):
        controller.shuffle(Visit())


def test_cards_bring_voices_back(controller: VisitController, visit: Visit) -> None:
    moved = controller.move(visit, 0.5, 0, 0, 0)
    assert moved.picked is not None
    saved = json.dumps(card.voice_card(controller.model, moved.picked)).encode()
    again = controller.open_card(controller.open_photo(Visit(), picture(90)), saved)
    assert again.picked is not None and again.picked.speaker_id == moved.picked.speaker_id
    assert np.array_equal(again.picked.speaker_embedding, moved.picked.speaker_embedding)
    for bad in (b"", b"[]", b"\x00\xff", saved.replace(b"0" * 64, b"1" * 64)):
        with pytest.raises(DataError):
            controller.open_card(visit, bad)


def test_speaking_has_a_limit(controller: VisitController) -> None:
    voice = controller.model.candidate("p1")  # possible without any face
    for rate, samples in ((1.0, 8000), (2.0, 4000)):
        speech = join([part for _, part in controller.speak(voice, "Hello.", 0, rate, 0.0)])
        assert len(speech.wav) == samples
    with pytest.raises(TextError, match="2001 characters"):
        controller.speak(voice, "a" * 2001, 0)
