"""HTML fragments of the page: head, photo with faces, voices, messages, card; pictures inline.

Inline, because then no picture of a visitor is a file that a URL could fetch.
"""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from vclip.arrays import UInt8
from vclip.card import to_json
from vclip.face.photo import Photo, crop_face, load_photo
from vclip.limits import MAX_CHARS
from vclip.pipeline import FaceResult
from vclip.speakers.candidates import Candidate
from vclip.speech.narrator import CHARACTERS_PER_SECOND
from vclip.ui.map.voice_map import SHAPES
from vclip.ui.speech.takes import file_name
from vclip.ui.templates import render
from vclip.ui.texts import Texts

PREVIEW = 480  # px, long side of the photo on the page
THUMB = 96  # px, of a crop
WORK = 0.05  # seconds of work for one of speech: the target of the bench, until a take tells better


def data_uri(pixels: UInt8, long_side: int) -> str:
    """(H, W, 3) uint8 as a JPEG in a data: address."""
    image = Image.fromarray(pixels)
    image.thumbnail((long_side, long_side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def face_panel(texts: Texts, photo: Photo | None, seen: FaceResult | None) -> str:
    """The photo with its boxes, the crop that is used, and the faces to choose from."""
    if photo is None or seen is None:
        return render("page.hint", texts.no_photo)
    chosen = next((i for i, box in enumerate(seen.boxes) if box == seen.box), 0)
    preview, crop = data_uri(photo.pixels, PREVIEW), data_uri(seen.image, 160)
    faces = [data_uri(crop_face(photo, box, THUMB), THUMB) for box in seen.boxes]
    return render("page.face_panel", texts, photo, seen, chosen, preview, crop, faces)


def words(texts: Texts, said: str) -> str:
    """HTML of a description in the place of a photo."""
    return render("page.words", texts, said)


def example_strip(texts: Texts, paths: list[Path]) -> str:
    """The example faces as buttons."""
    faces = [data_uri(load_photo(path.read_bytes()).pixels, THUMB) for path in paths]
    return render("page.example_strip", texts, faces)


def head(texts: Texts) -> str:
    """Page header: title, what the app is, what it is not."""
    return render("page.head", texts)


def count(texts: Texts, text: str) -> str:
    """Length of a text against its limit, and the starting values of estimate.js."""
    return render("page.count", texts, text, MAX_CHARS, CHARACTERS_PER_SECOND, WORK)


def around(texts: Texts, speaker_id: str | None) -> str:
    """HTML naming the voice around which is searched; empty if none."""
    return "" if speaker_id is None else render("page.around", texts, speaker_id)


def voice_list(texts: Texts, offered: Sequence[Candidate], picked: Candidate | None) -> str:
    """A listbox with one option per voice; voices.js moves in it and picks."""
    chosen = picked.speaker_id if picked else None
    active = next((n for n, voice in enumerate(offered) if voice.speaker_id == chosen), None)
    return render("voice_list.listbox", texts, offered, chosen, active, SHAPES)


def card_link(texts: Texts, picked: Candidate | None, card: dict[str, Any] | None) -> str:
    """The voice card of the picked voice as a download; inline, so that nothing is stored."""
    if picked is None or card is None:
        return render("page.hint", texts.keep_empty)
    data = base64.b64encode(to_json(card).encode()).decode()
    return render("page.card_link", texts, picked.speaker_id, file_name(picked.speaker_id), data)


def message(text: str) -> str:
    """A message that screen readers announce, as a sentence; empty text, empty element."""
    return render("page.message", text[:1].upper() + text[1:]) if text else ""
