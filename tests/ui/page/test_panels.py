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
from vclip.ui.page import panels
from vclip.ui.texts import ENGLISH
from vclip.ui.visit import EXAMPLES, Desk, Visit


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(cast(FaceToVoice, FakeModel()))


def test_face_panel_shows_boxes_and_offers_faces(desk: Desk) -> None:
    visit = desk.bring(Visit(), picture(90))
    panel = panels.face_panel(ENGLISH, visit.photo, visit.seen)
    assert len(re.findall(r"<rect", panel)) == 2
    assert re.findall(r'data-face="(\d)" aria-pressed="(\w+)"', panel) == [
        ("0", "true"),
        ("1", "false"),
    ]
    pixels = base64.b64decode(re.findall(r'base64,([^"]+)"', panel)[0])
    assert Image.open(io.BytesIO(pixels)).size == (120, 120)
    assert ENGLISH.no_photo in panels.face_panel(ENGLISH, None, None)


def test_every_example_is_a_named_button() -> None:
    strip = panels.example_strip(ENGLISH, EXAMPLES)
    found = re.findall(r'data-example="(\d+)" aria-label="([^"]+)"', strip)
    assert found == [(str(i), f"example face {i + 1}") for i in range(len(EXAMPLES))]


def test_a_card_is_a_link_that_holds_it(desk: Desk) -> None:
    picked = desk.model.candidate("move(p1;1,0,0,0)")
    written = card.voice_card(desk.model, picked)
    link = panels.card_link(ENGLISH, picked, written)
    name, data = re.findall(
        r'download="([^"]+)" href="data:application/json;base64,([^"]+)"', link
    )[0]
    assert json.loads(base64.b64decode(data)) == written
    assert re.fullmatch(r"[A-Za-z0-9._-]+\.json", name)
    assert "href" not in panels.card_link(ENGLISH, None, None)


def test_messages_are_escaped() -> None:
    assert "<b>" not in panels.message("no speaker '<b>'")
    assert panels.message("") == ""
    assert "<i>" not in panels.around(ENGLISH, "<i>")
    assert panels.around(ENGLISH, None) == ""
