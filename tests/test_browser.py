"""The real app with the bundled model: started as a process, driven by Chromium and by its API."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from conftest import REPO, SHARED
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Locator, Page, Route, expect, sync_playwright

CHROMIUM = Path(os.environ.get("VCLIP_CHROMIUM", "/usr/bin/chromium"))
PATIENCE = 60  # seconds for anything; all of it is needed only on a machine that is very busy


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the app listens. At the end it has to stop when asked, and without complaints."""
    home = tmp_path_factory.mktemp("app")
    errors = home / "stderr"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(home)}
    with errors.open("w") as stderr:
        app = subprocess.Popen(
            [sys.executable, "app.py", "--port", "0"],
            cwd=REPO,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield _address(app, errors)
    finally:
        app.terminate()
        app.communicate(timeout=PATIENCE)
    assert app.returncode == 0, errors.read_text()
    assert not list(home.glob("vclip-*")), "the cache with the visitors' files was left behind"


def _address(app: subprocess.Popen[str], errors: Path) -> str:
    """Wait for the line that tells it; the second line of what the app prints."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for _ in range(2):
            lines.put(app.stdout.readline())

    threading.Thread(target=read, daemon=True).start()
    assert lines.get(timeout=2 * PATIENCE).startswith("loading"), errors.read_text()
    line = lines.get(timeout=2 * PATIENCE)
    assert line.startswith("vclip is at"), errors.read_text()
    return line.split()[-1]


@pytest.fixture(scope="module")
def photo() -> Path:
    """A real face where the shared data are, else one that shows nobody."""
    found = sorted((SHARED / "faces" / "london").glob("*.jpg"))
    return (found or sorted((REPO / "assets" / "examples").glob("*.jpg")))[0]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not CHROMIUM.is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}; install it or set VCLIP_CHROMIUM")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Page]:
    """The loaded page; whatever is not ours cannot be reached, as on a laptop at a talk."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    foreign: list[str] = []
    crashes: list[str] = []

    def gate(route: Route) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    page.route("**/*", gate)
    page.on("pageerror", lambda error: crashes.append(str(error)))
    page.set_default_timeout(PATIENCE * 1000)
    expect.set_options(timeout=PATIENCE * 1000)
    page.goto(address)
    page.wait_for_selector("#map svg .bank")
    yield page
    context.close()
    assert not foreign and not crashes


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#upload input[type=file]", path)


def marks(page: Page) -> Locator:
    return page.locator("#map .mark")


MARKED = "() => [...document.querySelectorAll('#map .mark')].map(e => e.dataset.id)"
LONELY_DOT = """() => {
  const svg = document.querySelector('#map svg');
  const others = [...svg.querySelectorAll('.pt')].map((e) => e.getBoundingClientRect());
  for (const path of svg.querySelectorAll('.cloud')) {
    for (const [, x, y] of path.getAttribute('d').matchAll(/M(\\d+) (\\d+)/g)) {
      const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
      const far = (r) => Math.hypot((r.left + r.right) / 2 - at.x, (r.top + r.bottom) / 2 - at.y);
      if (others.every((r) => far(r) > 30)) return [at.x, at.y];
    }
  }
}"""


def chosen(page: Page) -> str:
    return page.locator("#best input:checked").input_value()


def test_from_a_photo_to_speech(page: Page, photo: Path, tmp_path: Path) -> None:
    upload(page, photo)
    expect(marks(page)).to_have_count(10)
    expect(page.locator("#face .crop img")).to_be_visible()
    third = marks(page).nth(2)
    speaker_id = third.get_attribute("data-id")
    third.click()
    expect(page.locator(f"#best input[value='{speaker_id}']")).to_be_checked()

    before = page.evaluate(MARKED)
    page.click("#resample")
    expect(page.locator("#seed input")).to_have_value("1")
    # voices of the bank may stay among the best, the generated ones are new
    page.wait_for_function(f"before => ({MARKED})().join() !== before.join()", arg=before)
    after = page.evaluate(MARKED)
    assert not {i for i in before if i.startswith("gen-")} & set(after)

    page.fill("#text textarea", "The quick brown fox jumps over the lazy dog.")
    page.click("#speak")
    page.wait_for_function("[...document.querySelectorAll('audio')].some(a => a.duration > 0.5)")
    source = page.locator("#audio audio").get_attribute("src")
    assert source.endswith(f"vclip_{chosen(page)}_seed1.wav")

    bad = tmp_path / "bad.jpg"
    bad.write_text("this is no picture")
    upload(page, bad)
    expect(page.locator("#face-message")).to_contain_text("not a JPEG")
    expect(marks(page)).to_have_count(10)  # what was there stays

    page.fill("#text textarea", " ")
    page.click("#speak")
    expect(page.locator("#speech-message")).to_contain_text("empty")
    page.fill("#text textarea", "Say \u4f60\u597d to all.")
    page.click("#speak")
    expect(page.locator("#speech-message")).to_contain_text("\u4f60 (character 5)")
    page.fill("#text textarea", " " + "word " * 500)
    expect(page.locator("#count .over output")).to_have_text("2499")
    page.click("#speak")
    expect(page.locator("#speech-message")).to_contain_text("limit is 2000")
    page.fill("#text textarea", "Still here.")
    expect(page.locator("#count .note")).to_have_text("11 of 2000 characters, in English")
    page.click("#speak")
    expect(page.locator("#speech-message .message")).to_have_count(0)


def test_manner_by_keyboard(page: Page) -> None:
    """Speed down to a half and an MP3, with keys alone."""
    page.locator("#examples button").first.press("Enter")
    expect(marks(page)).to_have_count(10)
    seconds = []
    for keys in ([], ["Home"]):
        speed = page.get_by_label("range slider for Speed")
        for key in keys:
            speed.press(key)
            page.locator("#manner input[value='wav']").focus()
            page.keyboard.press("ArrowUp")  # round to the last
            expect(page.locator("#manner input[value='mp3']")).to_be_checked()
        page.locator("#speak").press("Enter")
        kind = "mp3" if keys else "wav"
        page.wait_for_function(
            "kind => [...document.querySelectorAll('audio')]"
            ".some(a => a.src.endsWith(kind) && a.duration > 0.5)",
            arg=kind,
        )
        seconds.append(page.locator("#audio audio").evaluate("a => a.duration"))
    assert seconds[1] == pytest.approx(2 * seconds[0], rel=0.1)


def test_example_and_keyboard(page: Page) -> None:
    page.locator("#examples button").nth(1).press("Enter")
    expect(marks(page)).to_have_count(10)
    ids = [mark.get_attribute("data-id") for mark in marks(page).all()]
    page.locator(f"#best input[value='{ids[0]}']").focus()
    for name in ids[1:3]:
        page.keyboard.press("ArrowDown")
        expect(page.locator(f"#best input[value='{name}']")).to_be_checked()
        expect(page.locator(f"#map .ring[data-for='{name}']")).to_have_count(1)
    page.mouse.click(*page.evaluate(LONELY_DOT))
    expect(page.locator("#best input")).to_have_count(11)  # a generated voice that was no best fit
    assert chosen(page).startswith("gen-0-") and chosen(page) not in ids
    page.locator("#source input[value='bank']").check()
    expect(page.locator("#map .mark rect")).to_have_count(0)  # no generated voice is offered
    page.click("#forget")
    expect(marks(page)).to_have_count(0)
    expect(page.locator("#face img")).to_have_count(0)


def test_a_phone_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#examples button").first.click()
    expect(marks(page)).to_have_count(10)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    left, right = (page.locator(name).bounding_box() for name in ("#upload", "#map"))
    assert left["y"] + left["height"] <= right["y"]  # columns are stacked


def test_health(address: str) -> None:
    answer = httpx.get(f"{address}/healthz", timeout=PATIENCE)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["status"] == "ok" and answer.json()["model"]


def test_api_without_a_browser(address: str, photo: Path, tmp_path: Path) -> None:
    client = Client(address, verbose=False, download_files=str(tmp_path))
    found = client.predict(handle_file(photo), "generated", 3, 5, api_name="/candidates")
    assert [c["rank"] for c in found["candidates"]] == [1, 2, 3] and found["seed"] == 5
    again = client.predict(handle_file(photo), "generated", 3, 4, api_name="/resample")
    assert again["candidates"] == found["candidates"] and again["seed"] == 5
    speaker_id = found["candidates"][1]["speaker_id"]
    wav = client.predict("Good morning.", speaker_id, 5, api_name="/speak")
    assert Path(wav).name == f"vclip_{speaker_id}_seed5.wav"
    assert soundfile.info(wav).duration > 0.5 and soundfile.info(wav).subtype == "PCM_16"
    slow = client.predict("Good morning.", speaker_id, 5, 0.5, 0.0, "flac", api_name="/speak")
    assert soundfile.info(slow).format == "FLAC"
    assert soundfile.info(slow).duration > 1.6 * soundfile.info(wav).duration
    with pytest.raises(AppError, match="rate is 9"):
        client.predict("Hello.", speaker_id, 0, 9, api_name="/speak")
    for text, name in [("", speaker_id), ("a" * 5000, speaker_id), ("...", speaker_id)]:
        with pytest.raises(AppError, match=r"text"):
            client.predict(text, name, 0, api_name="/speak")
    with pytest.raises(AppError, match="no speaker"):
        client.predict("Hello.", "nobody", 0, api_name="/speak")
    assert httpx.get(f"{address}/healthz", timeout=PATIENCE).status_code == 200


def test_files_of_the_machine_are_no_uploads(address: str) -> None:
    """A path in place of an upload must not be read: Gradio checks it only if we ask for it."""
    example = next((REPO / "assets" / "examples").glob("*.jpg"))
    given = {"path": str(example), "meta": {"_type": "gradio.FileData"}}
    calls = f"{address}/gradio_api/call/candidates"
    event = httpx.post(calls, json={"data": [given, "both", 3, 0]}, timeout=PATIENCE).json()
    answer = httpx.get(f"{calls}/{event['event_id']}", timeout=PATIENCE).text
    assert "event: error" in answer and "candidates" not in answer
    assert "Traceback" not in answer and str(REPO) not in answer
    served = httpx.get(f"{address}/gradio_api/file={example}", timeout=PATIENCE)
    assert served.status_code in (403, 404)
