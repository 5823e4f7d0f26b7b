"""HTML fragments of the page: head, photo with face boxes, messages, voice card; pictures inline.

Inline, because then no picture of a visitor is a file that a URL could fetch.
"""

import base64
import html
import io
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
from vclip.ui.speech.takes import file_name
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
        return f'<p class="hint">{texts.no_photo}</p>'
    chosen = next((i for i, box in enumerate(seen.boxes) if box == seen.box), 0)
    return (
        f'<div class="seen">{_photo(texts, photo, seen, chosen)}'
        f'<figure class="crop"><img src="{data_uri(seen.image, 160)}" alt="{texts.crop_used}">'
        f"<figcaption>{texts.crop_used}</figcaption></figure></div>"
        f"{_choices(texts, photo, seen, chosen)}"
    )


def words(texts: Texts, said: str) -> str:
    """HTML of a description in the place of a photo."""
    return f'<p class="note">{texts.words_used.format(words=html.escape(said))}</p>'


def _photo(texts: Texts, photo: Photo, seen: FaceResult, chosen: int) -> str:
    height, width = photo.pixels.shape[:2]
    boxes = "" if seen.detector == "none" else _rectangles(seen, chosen)
    source = data_uri(photo.pixels, PREVIEW)
    return (
        f'<figure class="photo"><img src="{source}" alt="{texts.your_photo}">'
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{boxes}</svg></figure>'
    )


def _rectangles(seen: FaceResult, chosen: int) -> str:
    parts = []
    for i, box in enumerate(seen.boxes):
        left, top, right, bottom = box.as_list()
        kind = "used" if i == chosen else "other"
        parts.append(
            f'<rect class="{kind}" data-face="{i}" x="{left}" y="{top}" '
            f'width="{right - left}" height="{bottom - top}"/>'
        )
    return "".join(parts)


def _choices(texts: Texts, photo: Photo, seen: FaceResult, chosen: int) -> str:
    """Which face is used and the others as buttons, where there are several."""
    if len(seen.boxes) == 1:
        return ""
    found = texts.faces_found.format(n=len(seen.boxes), chosen=chosen + 1)
    buttons = "".join(
        f'<button type="button" data-face="{i}" aria-pressed="{str(i == chosen).lower()}" '
        f'aria-label="{texts.face_number.format(n=i + 1)}">'
        f"{_thumbnail(crop_face(photo, box, THUMB))}</button>"
        for i, box in enumerate(seen.boxes)
    )
    return (
        f'<p class="note">{found}</p>'
        f'<div class="thumbs" role="group" aria-label="{texts.choose_face}">{buttons}</div>'
    )


def example_strip(texts: Texts, paths: list[Path]) -> str:
    """The example faces as buttons."""
    buttons = "".join(
        f'<button type="button" data-example="{i}" '
        f'aria-label="{texts.example_number.format(n=i + 1)}">'
        f"{_thumbnail(load_photo(path.read_bytes()).pixels)}</button>"
        for i, path in enumerate(paths)
    )
    return (
        f'<p class="note">{texts.examples}</p><div class="thumbs six">{buttons}</div>'
        f'<p class="credit">{texts.example_credit}</p>'
    )


def _thumbnail(pixels: UInt8) -> str:
    return f'<img src="{data_uri(pixels, THUMB)}" alt="">'


def head(texts: Texts) -> str:
    """Page header: title, what the app is, what it is not."""
    return (
        f'<header lang="{texts.language}"><h1>{texts.title}</h1>'
        f"<p>{texts.tagline}</p>"
        f'<p class="note">{texts.caution}</p></header>'
    )


def count(texts: Texts, text: str) -> str:
    """Length of a text against its limit, and the starting values of estimate.js."""
    return (
        f'<p class="note" data-limit="{MAX_CHARS}" data-pace="{CHARACTERS_PER_SECOND}" '
        f'data-work="{WORK}">'
        f"{texts.counted(text)}</p>"
    )


def around(texts: Texts, speaker_id: str | None) -> str:
    """HTML naming the voice around which is searched; empty if none."""
    if speaker_id is None:
        return ""
    name = f'<b class="id">{html.escape(speaker_id)}</b>'
    return f'<p class="note" role="status">{texts.around.format(voice=name)}</p>'


def card_link(texts: Texts, picked: Candidate | None, card: dict[str, Any] | None) -> str:
    """The voice card of the picked voice as a download; inline, so that nothing is stored."""
    if picked is None or card is None:
        return f'<p class="hint">{texts.keep_empty}</p>'
    data = base64.b64encode(to_json(card).encode()).decode()
    name = html.escape(picked.speaker_id)
    return (
        f'<p><b class="id">{name}</b></p>'
        f'<a class="download" download="{file_name(picked.speaker_id)}.json" '
        f'href="data:application/json;base64,{data}">{texts.card}</a>'
    )


def message(text: str) -> str:
    """A message that screen readers announce, as a sentence; empty text, empty element."""
    said = html.escape(text[:1].upper() + text[1:])
    return f'<p class="message" role="alert">{said}</p>' if text else ""
