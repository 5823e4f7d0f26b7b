"""A visit with the bundled model, from the face to the saved voice, in Chromium."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import REPO, SHARED
from playwright.sync_api import Page, expect
from visiting import (
    CARD,
    EXAMPLES,
    chosen,
    marks,
    offered,
    row,
    seconds,
    settle,
    speak,
    take_example,
    upload,
)

LONELY_DOT = """() => {
  const svg = document.querySelector('#map svg');
  const others = [...svg.querySelectorAll('.pt')].map((e) => e.getBoundingClientRect());
  const far = (r, x, y) => Math.hypot((r.left + r.right) / 2 - x, (r.top + r.bottom) / 2 - y) > 12;
  const box = svg.getBoundingClientRect();
  for (let y = 0.5; y < 0.7; y += 0.02)
    for (let x = 0.3; x < 0.7; x += 0.02) {
      const at = [box.left + x * box.width, box.top + y * box.height];
      if (others.every((r) => far(r, ...at))) return at;
    }
}"""


@pytest.fixture(scope="module")
def photo() -> Path:
    """A real face where the shared data are, else one that shows nobody."""
    return (sorted((SHARED / "faces" / "london").glob("*.jpg")) or EXAMPLES)[0]


def test_from_a_photo_to_speech(page: Page, photo: Path, tmp_path: Path, address: str) -> None:
    upload(page, photo)
    expect(marks(page)).to_have_count(10)
    expect(page.locator("#face .crop img")).to_be_visible()
    third = marks(page).nth(2)
    speaker_id = str(third.get_attribute("data-id"))
    third.click()
    expect(row(page, speaker_id)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#why")).to_contain_text(speaker_id)
    assert seconds(address, speak(page, "The quick brown fox."), tmp_path) > 0.5

    before = offered(page)
    page.click("#resample")
    expect(page.locator("#seed input")).to_have_value("1")
    expect(row(page, next(i for i in before if i.startswith("gen-0-")))).to_have_count(0)
    assert not {i for i in before if i.startswith("gen-")} & set(offered(page))

    bad = tmp_path / "bad.jpg"
    bad.write_text("this is no picture")
    upload(page, bad)
    expect(page.locator("#face-message")).to_contain_text("not a JPEG")
    expect(marks(page)).to_have_count(10)  # what was there stays


def test_a_text_that_cannot_be_spoken_is_named(page: Page) -> None:
    take_example(page)
    said = page.locator("#speech-message")
    for text, told in [
        (" ", "empty"),
        ("Say 你好 to all.", "你 (character 5)"),
        (" " + "word " * 500, "limit is 2000"),
    ]:
        page.fill("#text textarea", text)
        page.click("#speak")
        expect(said).to_contain_text(told)
    speak(page, "Still here.")
    expect(said.locator(".message")).to_have_count(0)


def test_by_keyboard_alone(page: Page, address: str, tmp_path: Path) -> None:
    page.locator("#examples button").nth(1).press("Enter")
    expect(marks(page)).to_have_count(10)
    ids = offered(page)
    page.locator("#voices [role=listbox]").focus()
    for name in ids[1:3]:
        page.keyboard.press("ArrowDown")
        expect(row(page, name)).to_have_attribute("aria-selected", "true")
        expect(page.locator(f'#map .ring[data-for="{name}"]')).to_have_count(1)
    length = []
    for keys in ([], ["Home"]):  # full speed, then as slow as it goes
        for key in keys:
            page.locator("#manner input[type=range]").first.press(key)
        page.locator("#speak").press("Enter")
        expect(page.locator("#takes li")).to_have_count(len(length) + 1)
        token = page.locator("#takes [data-play]").first.get_attribute("data-play")
        length.append(seconds(address, str(token), tmp_path))
    assert length[1] == pytest.approx(2 * length[0], rel=0.1)


def test_a_place_on_the_map_and_another_source(page: Page) -> None:
    take_example(page, 1)
    ids = offered(page)
    page.mouse.click(*page.evaluate(LONELY_DOT))
    expect(page.locator("#voices [role=option]")).to_have_count(11)
    assert chosen(page).startswith("gen-0-") and chosen(page) not in ids
    page.locator("#source input[value='bank']").check()
    expect(row(page, ids[0])).to_have_count(0 if ids[0].startswith("gen-") else 1)
    expect(page.locator("#voices [data-id^='gen-']")).to_have_count(0)
    page.fill("#k input", "4")
    page.locator("#k input").press("Enter")
    expect(marks(page)).to_have_count(4)
    page.fill("#k input", "21")
    page.locator("#k input").press("Enter")
    expect(page.locator("#voice-message")).to_contain_text("1 to 20 voices")


def test_changing_a_voice_changes_its_fit(page: Page) -> None:
    take_example(page)
    start = chosen(page)
    why = page.locator("#why").inner_text()
    page.locator("#sliders input[type=range]").first.fill("1.5")
    moved = f"move({start};1.5)"
    expect(row(page, moved)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#why")).not_to_have_text(why)
    page.locator("#sliders input[type=range]").nth(1).fill("-1")
    expect(row(page, f"move({start};1.5,-1)")).to_have_attribute("aria-selected", "true")
    assert len(offered(page)) == 11  # one voice is being changed, none is added

    page.locator("#partner input").click()
    page.locator("#partner ul li, [role=listbox] li[role=option]").last.click()
    page.wait_for_selector("#voices [data-id^='blend(move(']")
    page.click("#near")
    page.wait_for_selector("#voices [data-id^='near(blend(move(']")
    expect(page.locator("#around-note")).to_contain_text("blend(move(")
    expect(marks(page)).to_have_count(10)
    page.click("#everywhere")
    expect(row(page, start)).to_have_count(1)
    expect(page.locator("#around-note p")).to_have_count(0)


def test_a_control_with_another_face(page: Page) -> None:
    expect(page.locator("#shuffle")).to_be_disabled()
    take_example(page)
    page.click("#shuffle")
    expect(page.locator("#control tbody tr")).to_have_count(10)
    first = page.locator("#control").inner_text()
    settle(page)
    page.click("#shuffle")
    expect(page.locator("#control")).not_to_have_text(first)
    settle(page)
    name = page.locator("#control [data-voice]").nth(3)
    speaker_id = str(name.get_attribute("data-voice"))
    name.click()
    expect(row(page, speaker_id)).to_have_attribute("aria-selected", "true")


def test_a_phone_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    take_example(page)
    link = page.locator("#keep a.download").get_attribute("href")
    card = json.loads(base64.b64decode(str(link).partition(",")[2]))
    for far in ("near(" * 17 + card["voice"] + ";1;1)" * 17, "<b>" * 60):  # one of them is no voice
        data = json.dumps(card | {"voice": far}).encode()
        file: Any = {"name": "far.json", "mimeType": "application/json", "buffer": data}
        page.set_input_files(CARD, file)
        expect(page.locator("#why" if far[0] == "n" else "#card-message")).to_contain_text(far)
    speak(page, "On a phone, too.")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    left, right = (page.locator(name).bounding_box() for name in ("#upload", "#map"))
    assert left and right and left["y"] + left["height"] <= right["y"]  # columns are stacked


def test_health(address: str) -> None:
    answer = httpx.get(f"{address}/healthz", timeout=60)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["status"] == "ok" and answer.json()["model"]


def test_files_of_the_machine_are_no_uploads(address: str) -> None:
    """A path in place of an upload must not be read: Gradio checks it only if we ask for it."""
    given = {"path": str(EXAMPLES[0]), "meta": {"_type": "gradio.FileData"}}
    calls = f"{address}/gradio_api/call/candidates"
    event = httpx.post(calls, json={"data": [given, "both", 3, 0]}, timeout=60).json()
    answer = httpx.get(f"{calls}/{event['event_id']}", timeout=60).text
    assert "event: error" in answer and "candidates" not in answer
    assert "Traceback" not in answer and str(REPO) not in answer
    served = httpx.get(f"{address}/gradio_api/file={EXAMPLES[0]}", timeout=60)
    assert served.status_code in (403, 404)
