"""What is shown of a visitor's photo, and of a voice that can be kept."""

import base64
import io
import json
import re
from typing import cast

import pytest
from fake_model import FakeModel, picture
from PIL import Image

from vclip import card
from vclip.pipeline import FaceToVoice
from vclip.ui.page import fragments
from vclip.ui.texts import ENGLISH
from vclip.ui.visit import EXAMPLES, Visit, VisitController


@pytest.fixture(scope="module")
def controller() -> VisitController:
    return VisitController(cast(FaceToVoice, FakeModel()))


def test_face_panel_shows_boxes_and_offers_faces(controller: VisitController) -> None:
    visit = controller.open_photo(Visit(), picture(90))
    panel = fragments.face_panel(ENGLISH, visit.photo, visit.seen)
    assert len(re.findall(r"<rect", panel)) == 2
    assert re.findall(r'data-face="(\d)" aria-pressed="(\w+)"', panel) == [
        ("0", "true"),
        ("1", "false"),
    ]
    pixels = base64.b64decode(re.findall(r'base64,([^"]+)"', panel)[0])
    assert Image.open(io.BytesIO(pixels)).size == (120, 120)
    assert ENGLISH.no_photo in fragments.face_panel(ENGLISH, None, None)


def test_every_example_is_a_named_button() -> None:
    strip = fragments.example_strip(ENGLISH, EXAMPLES)
    found = re.findall(r'data-example="(\d+)" aria-label="([^"]+)"', strip)
    assert found == [(str(i), f"example face {i + 1}") for i in range(len(EXAMPLES))]


def test_a_card_is_a_link_that_holds_it(controller: VisitController) -> None:
    picked = controller.model.candidate("move(p1;1,0,0,0)")
    written = card.voice_card(controller.model, picked)
    link = fragments.card_link(ENGLISH, picked, written)
    name, data = re.findall(
        r'download="([^"]+)" href="data:application/json;base64,([^"]+)"', link
    )[0]
    assert json.loads(base64.b64decode(data)) == written
    assert re.fullmatch(r"[A-Za-z0-9._-]+\.json", name)
    assert "href" not in fragments.card_link(ENGLISH, None, None)


def test_messages_are_escaped() -> None:
    assert "<b>" not in fragments.message("no speaker '<b>'")
    assert fragments.message("") == ""
    assert "<i>" not in fragments.around(ENGLISH, "<i>")
    assert fragments.around(ENGLISH, None) == ""
