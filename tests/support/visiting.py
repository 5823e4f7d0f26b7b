"""What a visitor does on the page of the app, in Chromium, and what they then see."""

from pathlib import Path

import httpx
import soundfile
from conftest import REPO
from playwright.sync_api import Locator, Page, expect

EXAMPLES = sorted((REPO / "assets" / "examples").glob("*.jpg"))
CARD = "input[type=file][accept='.json']"


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#upload input[type=file]", path)


def marks(page: Page) -> Locator:
    return page.locator("#map .mark")


def row(page: Page, speaker_id: str) -> Locator:
    return page.locator(f'#voices [role=option][data-id="{speaker_id}"]')


def offered(page: Page) -> list[str]:
    found = page.locator("#voices [role=option]")
    return [str(name) for name in found.evaluate_all("e => e.map((x) => x.dataset.id)")]


def chosen(page: Page) -> str:
    found = page.locator("#voices [role=option][aria-selected=true]").get_attribute("data-id")
    return found or ""


def take_example(page: Page, index: int = 0) -> None:
    page.locator("#examples button").nth(index).click()
    expect(marks(page)).to_have_count(10)


def settle(page: Page) -> None:
    """As long as people need: of events that come while it draws, Gradio 6.31 loses answers."""
    page.wait_for_timeout(150)


def speak(page: Page, text: str) -> str:
    """Say a text; the token of the finished take."""
    takes = page.locator("#takes li")
    before = takes.count()
    page.fill("#text textarea", text)
    page.click("#speak")
    expect(takes).to_have_count(before + 1)
    return str(takes.first.locator("[data-play]").get_attribute("data-play"))


def wait_until_dropped(page: Page, address: str, token: str) -> None:
    """Wait until the server has no such take any more; while one is spoken it answers 409."""
    for _ in range(1200):
        if httpx.get(f"{address}/takes/{token}.wav").status_code == 404:
            return
        page.wait_for_timeout(50)
    raise AssertionError("the take is still there")


def seconds(address: str, token: str, folder: Path) -> float:
    """How long a take lasts, by its file."""
    (folder / "take.wav").write_bytes(httpx.get(f"{address}/takes/{token}.wav").content)
    return float(soundfile.info(folder / "take.wav").duration)
