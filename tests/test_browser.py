"""A visit with the bundled model, from the face to the saved voice, in Chromium."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from conftest import REPO, SHARED
from playwright.sync_api import Locator, Page, expect
from running import PATIENCE, Visitor

from vclip.__main__ import main

EXAMPLES = sorted((REPO / "assets" / "examples").glob("*.jpg"))
SOUND = "#player audio[src$='.wav']"


@pytest.fixture(scope="module")
def photo() -> Path:
    """A real face where the shared data are, else one that shows nobody."""
    return (sorted((SHARED / "faces" / "london").glob("*.jpg")) or EXAMPLES)[0]


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#upload input[type=file]", path)


def marks(page: Page) -> Locator:
    return page.locator("#map .mark")


def offered(page: Page) -> list[str]:
    return page.locator("#voices [role=option]").evaluate_all("e => e.map((x) => x.dataset.id)")


def chosen(page: Page) -> str:
    found = page.locator("#voices [role=option][aria-selected=true]").get_attribute("data-id")
    return found or ""


def take_example(page: Page, index: int = 0) -> None:
    page.locator("#examples button").nth(index).click()
    expect(marks(page)).to_have_count(10)


def speak(page: Page, text: str) -> str:
    """Say a text; the address of the finished file."""
    before = page.locator("#takes [data-token]").count()
    page.fill("#text textarea", text)
    page.click("#speak")
    expect(page.locator("#takes li")).to_have_count(before + 1)
    return str(page.locator(SOUND).get_attribute("src"))


def test_from_a_photo_to_speech(page: Page, photo: Path, tmp_path: Path) -> None:
    upload(page, photo)
    expect(marks(page)).to_have_count(10)
    expect(page.locator("#face .crop img")).to_be_visible()
    third = marks(page).nth(2)
    speaker_id = third.get_attribute("data-id")
    third.click()
    row = page.locator(f"#voices [role=option][data-id='{speaker_id}']")
    expect(row).to_have_attribute("aria-selected", "true")
    expect(page.locator("#why")).to_contain_text(str(speaker_id))

    before = offered(page)
    page.click("#resample")
    expect(page.locator("#seed input")).to_have_value("1")
    page.wait_for_function("(id) => !document.querySelector(`#voices [data-id='${id}']`)",
                           arg=next(i for i in before if i.startswith("gen-0-")))  # fmt: skip
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


def test_speed_by_keyboard(page: Page, address: str) -> None:
    page.locator("#examples button").first.press("Enter")
    expect(marks(page)).to_have_count(10)
    seconds = []
    for keys in ([], ["Home"]):  # full speed, then as slow as it goes
        for key in keys:
            page.locator("#manner input[type=range]").first.press(key)
        page.locator("#speak").press("Enter")
        expect(page.locator("#takes li")).to_have_count(len(seconds) + 1)
        seconds.append(duration(address, page))
    assert seconds[1] == pytest.approx(2 * seconds[0], rel=0.1)
