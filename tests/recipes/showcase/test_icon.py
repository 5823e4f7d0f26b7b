"""The picture that links show is made of the app's own map, a bundled face and nothing foreign."""

import asyncio
import re
from typing import cast

from fake_model import FakeModel

from vclip.pipeline import FaceToVoice
from vclip.recipes.showcase import icon
from vclip.ui.visit import VisitController


async def drawn() -> str:
    return icon.document(VisitController(cast(FaceToVoice, FakeModel())))


def test_the_thumbnail_shows_a_face_and_its_voices() -> None:
    document = asyncio.run(drawn())
    assert document.count('class="voicemap') == 1 and document.count('class="pt') >= 12
    assert "data:image/jpeg;base64," in document and "vclip" in document
    assert set(re.findall(r"https?://[^\"'<> ]+", document)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
