"""What is said about a voice and a face."""

import re
from typing import cast

import pytest
from fake_model import FakeModel, picture

from vclip.association.explain import Explanation
from vclip.pipeline import FaceToVoice
from vclip.ui.page import explanation
from vclip.ui.texts import ENGLISH
from vclip.ui.visit import Visit, VisitController

WORTH = {"pairs": 138, "own": 0.79, "others": 0.55, "same_sex": 0.744}


@pytest.fixture(scope="module")
def controller() -> VisitController:
    return VisitController(cast(FaceToVoice, FakeModel()))


def test_without_a_face_it_says_what_it_will_say(controller: VisitController) -> None:
    voice = controller.pick(Visit(), "p1").picked
    for picked, reasons in ((None, None), (voice, None)):
        assert ENGLISH.why_empty in explanation.draw(ENGLISH, picked, reasons, {})


def test_the_share_of_other_faces_is_drawn_and_said(controller: VisitController) -> None:
    visit = controller.open_photo(Visit(), picture(90))
    said = explanation.draw(ENGLISH, visit.picked, controller.explain(visit), WORTH)
    assert "width:75%" in said and "<b>75</b> % of 3 other faces" in said
    assert f"<b>{visit.candidates[0].score:.2f}</b>" in said
    assert "138 people" in said and "79 % on average" in said
    assert 'data-voice="p1"' in said and ENGLISH.why_weak in said


def test_a_model_without_other_faces_claims_nothing(controller: VisitController) -> None:
    visit = controller.open_photo(Visit(), picture(90))
    said = explanation.draw(ENGLISH, visit.picked, Explanation(0.5, None, 0, []), WORTH)
    assert "other faces" not in said and "79 %" not in said and ENGLISH.why_weak in said


def test_the_control_shows_both_scores(controller: VisitController) -> None:
    visit = controller.shuffle(controller.open_photo(Visit(), picture(90)))
    shuffled = controller.control(visit)
    assert shuffled is not None
    table = explanation.control(ENGLISH, shuffled, visit.other, controller.model.n_faces)
    rows = re.findall(r"<td>(\d+)</td>.*?<td>([-−.\d]+)</td><td>([-−.\d]+)</td>", table)
    expected = [
        (str(voice.rank), f"{voice.score:.2f}", f"{here:.2f}")
        for voice, here in zip(shuffled.candidates, shuffled.scores_here, strict=True)
    ]
    assert rows == expected
    assert f"<b>{ENGLISH.control_title.format(n=1, total=3)}" in table


def test_names_are_escaped() -> None:
    voice = FakeModel().candidate("p1")
    said = explanation.draw(ENGLISH, voice, Explanation(0.5, 0.5, 3, [("<img src=x>", 0.9)]), {})
    assert "<img" not in said
