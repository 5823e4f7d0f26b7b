"""Map and list in a page of their own: pointing, clicking, keys, focus, previews, a phone."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import uvicorn
from fake_model import FakeModel, picture
from fastapi import FastAPI, Response
from playwright.sync_api import Page, expect

from vclip.speakers import voice_id
from vclip.ui.map.voice_map import VoiceMap
from vclip.ui.page import fragments
from vclip.ui.server import uvicorn_server
from vclip.ui.texts import ENGLISH

ASSETS = Path(fragments.__file__).parents[1] / "assets"
# Gradio's queue counts with a pandas that warns, in the same process
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
K = 12
MODEL = FakeModel()
SEEN = MODEL.look(picture(200))
BLEND = str(voice_id.parse(voice_id.blend("p1", "move(gen-123456-240;2,-1.5,0.25,1)", 0.5)))
FOUND = [*MODEL.candidates(SEEN, K), MODEL.candidate(BLEND, SEEN)]
IDS = [voice.speaker_id for voice in FOUND]


async def application(heard: list[str]) -> FastAPI:
    """In a running loop: without one Gradio opens some, for ever."""
    drawn = VoiceMap(MODEL.bank.speaker_ids, MODEL.bank.voice_emb, MODEL.sampled_voice_emb())
    script = (ASSETS / "voices.js").read_text()

    def show(speaker_id: str) -> tuple[str, str]:
        picked = next((v for v in FOUND if v.speaker_id == speaker_id), None)
        picked = picked or MODEL.candidate(speaker_id, SEEN)
        html = drawn.draw(ENGLISH, MODEL.sampled_voice_emb(), SEEN.image_emb, FOUND[:K], picked)
        return html, fragments.voice_list(ENGLISH, FOUND, picked)

    def pick(event: gr.EventData) -> tuple[str, str]:
        return show(event.id)

    def spot(event: gr.EventData) -> str:
        return json.dumps({"x": event.x, "y": event.y})

    app = FastAPI()

    @app.get("/preview")
    def preview(voice: str) -> Response:
        heard.append(voice)
        return Response(status_code=503)

    with gr.Blocks(analytics_enabled=False) as page:
        first = show(IDS[0])
        shown = gr.HTML(first[0], js_on_load=script, elem_id="map")
        listed = gr.HTML(first[1], js_on_load=script, elem_id="voices")
        place = gr.Textbox(elem_id="spot")
        for component in (shown, listed):
            component.pick(
                pick, None, [shown, listed], trigger_mode="multiple", show_progress="hidden"
            )
        shown.spot(spot, None, place)
    css = (ASSETS / "voices.css").read_text()
    return gr.mount_gradio_app(app, page, path="/", css=css, run_history=False, ssr_mode=False)


@pytest.fixture(scope="module")
def heard() -> list[str]:
    """Voices whose previews were asked for."""
    return []


@pytest.fixture(scope="module")
def address(heard: list[str]) -> Iterator[str]:
    listener = uvicorn_server.open_port("127.0.0.1", 0)
    servers: list[uvicorn.Server] = []

    async def run() -> None:
        servers.append(uvicorn.Server(uvicorn.Config(await application(heard), log_level="error")))
        await servers[0].serve(sockets=[listener])

    thread = threading.Thread(target=asyncio.run, args=[run()])  # Playwright's loop is in this one
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    servers[0].should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def loaded(chromium: Any, address: str) -> Iterator[Page]:
    """The page, loaded once."""
    crashes: list[str] = []
    page: Page = chromium.new_page()
    page.on("pageerror", lambda error: crashes.append(str(error)))
    page.goto(address)
    yield page
    page.close()
    assert not crashes


@pytest.fixture
def page(loaded: Page, heard: list[str]) -> Page:
    """The page with the first voice picked and the mouse away."""
    loaded.set_viewport_size({"width": 760, "height": 1200})
    loaded.mouse.move(1, 1)
    loaded.wait_for_selector("#voices [role=option]")
    loaded.locator(f"#voices .voice{quoted(IDS[0])}").click(position={"x": 60, "y": 10})
    chosen(loaded, IDS[0])
    loaded.mouse.click(1, 1)
    heard.clear()
    return loaded


def quoted(speaker_id: str) -> str:
    return f'[data-id="{speaker_id}"]'


def middle(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).first.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def chosen(page: Page, speaker_id: str) -> None:
    """Both say that this voice is picked."""
    row = page.locator("#voices [aria-selected=true]")
    expect(row).to_have_attribute("data-id", speaker_id)
    expect(page.locator("#voices [role=listbox]")).to_have_attribute(
        "aria-activedescendant", row.get_attribute("id") or ""
    )
    expect(page.locator("#map .ring")).to_have_attribute("data-for", speaker_id)


def test_pointing_names_and_plays(page: Page, heard: list[str]) -> None:
    mark = f"#map .mark{quoted(IDS[2])}"
    page.mouse.move(*middle(page, mark))
    expect(page.locator("#map .tip.shown")).to_have_text(ENGLISH.voice(FOUND[2]))
    expect(page.locator(f"#voices .voice.near{quoted(IDS[2])}")).to_have_count(1)
    page.wait_for_timeout(600)
    assert heard == [IDS[2]]
    for n in (3, 4, 5, 6):  # passing by is no rest
        page.mouse.move(*middle(page, f"#map .mark{quoted(IDS[n])}"))
    page.mouse.move(*middle(page, "#voices .keys"))
    expect(page.locator("#map .tip.shown")).to_have_count(0)
    expect(page.locator(".near")).to_have_count(0)
    page.wait_for_timeout(400)
    assert heard == [IDS[2]]
    page.mouse.move(*middle(page, f"#voices .voice{quoted(IDS[1])}"))
    expect(page.locator(f"#map .mark.near{quoted(IDS[1])}")).to_have_count(1)


def test_previews_can_be_turned_off_and_stay_so(page: Page, heard: list[str]) -> None:
    box = page.get_by_label(ENGLISH.hear)
    expect(box).to_be_checked()
    box.uncheck()
    page.mouse.move(*middle(page, f"#map .mark{quoted(IDS[1])}"))
    page.wait_for_timeout(500)
    assert heard == []
    page.reload()
    expect(page.get_by_label(ENGLISH.hear)).not_to_be_checked()
    page.get_by_label(ENGLISH.hear).check()


def test_nothing_is_heard_while_speech_plays(page: Page, heard: list[str]) -> None:
    page.evaluate("window.vclip = { playing: () => true }")
    page.mouse.move(*middle(page, f"#map .mark{quoted(IDS[1])}"))
    page.wait_for_timeout(500)
    page.evaluate("window.vclip = undefined")
    page.mouse.move(*middle(page, f"#map .mark{quoted(IDS[2])}"))
    page.evaluate("document.dispatchEvent(new Event('vclip:speech'))")
    page.wait_for_timeout(500)
    assert heard == []


def test_clicks_pick(page: Page) -> None:
    page.mouse.click(*middle(page, f"#map .mark{quoted(IDS[3])}"))
    chosen(page, IDS[3])
    x, y = middle(page, f"#map .bank{quoted('p4')}")
    page.mouse.click(x + 5, y + 5)  # beside it, nearest to it
    expect(page.locator("#map .ring")).to_have_attribute("data-for", "p4")
    page.mouse.click(*middle(page, f"#voices .voice{quoted(IDS[0])}"))
    chosen(page, IDS[0])
    page.locator("#voices .voice .play").nth(2).click()
    page.wait_for_timeout(200)
    chosen(page, IDS[0])  # a preview picks nothing


TAP = """([x, y]) => document.elementFromPoint(x, y).dispatchEvent(new PointerEvent(
  'click', { pointerType: 'touch', clientX: x, clientY: y, bubbles: true }))"""


def test_a_finger_need_not_be_exact(page: Page) -> None:
    centres = page.locator("#map .pt").evaluate_all(
        """points => points.map(p => p.getBoundingClientRect())
          .map(r => [(r.left + r.right) / 2, (r.top + r.bottom) / 2])"""
    )
    ids = page.locator("#map .pt").evaluate_all("points => points.map(p => p.dataset.id)")
    at = np.array(centres)
    gaps = np.linalg.norm(at[:, None] - at[None], axis=2) + 1e9 * np.eye(len(at))
    n = int(gaps.min(1).argmax())  # the loneliest
    page.evaluate(TAP, (at[n] + [0, 17]).tolist())
    expect(page.locator("#map .ring")).to_have_attribute("data-for", ids[n])


def test_a_click_on_no_point_tells_where(page: Page) -> None:
    corner = page.locator("#map .voicemap svg").bounding_box()
    assert corner
    page.mouse.click(corner["x"] + 4, corner["y"] + corner["height"] - 4)
    told = page.locator("#spot textarea, #spot input")
    expect(told).to_have_value(re.compile("x"))
    place = json.loads(told.input_value())
    scale = 640 / corner["width"]
    assert np.allclose([place["x"], place["y"]], [4 * scale, 520 - 4 * scale], atol=1.5)


def test_keys_pick_and_keep_the_focus(page: Page, heard: list[str]) -> None:
    listbox = page.locator("#voices [role=listbox]")
    listbox.focus()
    for _ in range(3):  # faster than the answers come
        page.keyboard.press("ArrowDown")
    chosen(page, IDS[3])
    expect(listbox).to_be_focused()
    page.keyboard.press("End")
    chosen(page, BLEND)
    rows = listbox.evaluate("e => [e.scrollTop, e.scrollHeight, e.clientHeight]")
    assert rows[0] > 0 and rows[0] + rows[2] == pytest.approx(rows[1], abs=2)  # it came into view
    page.keyboard.press("ArrowDown")  # there is nothing below
    page.keyboard.press("ArrowUp")
    chosen(page, IDS[-2])
    page.keyboard.press("Home")
    chosen(page, IDS[0])
    assert listbox.evaluate("e => e.scrollTop") == 0
    page.keyboard.press("7")
    chosen(page, IDS[6])
    page.wait_for_timeout(800)
    page.keyboard.type("12")
    chosen(page, IDS[11])
    page.keyboard.press("p")
    page.wait_for_timeout(200)
    assert heard[-1] == IDS[11]
    expect(listbox).to_be_focused()
    assert listbox.evaluate("e => e.matches(':focus-visible')")


def test_a_pick_elsewhere_is_announced(page: Page) -> None:
    said = page.locator("#voices [role=status]")
    page.mouse.click(*middle(page, f"#map .mark{quoted(IDS[4])}"))
    expect(said).to_have_text(ENGLISH.voice(FOUND[4], ", "))


def test_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    for width in (360, 760):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    page.set_viewport_size({"width": 360, "height": 800})
    boxes = [mark.bounding_box() for mark in page.locator("#map .mark").all()]
    places = np.array([(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in boxes if b])
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(len(places))
    assert len(places) == K and gaps.min() >= max(b["width"] for b in boxes if b)
    row = page.locator(f"#voices .voice{quoted(BLEND)}")
    assert row.evaluate("e => e.scrollWidth <= e.clientWidth")  # the longest id fits, shortened


def test_colours_follow_the_theme(page: Page) -> None:
    def colours() -> list[str]:
        return page.evaluate(
            "() => ['.bank', '.density path', '.face', '.mark'].map("
            "s => getComputedStyle(document.querySelector(`#map ${s}`)).fill)"
        )

    light = colours()
    page.evaluate("document.body.classList.add('dark')")
    dark = colours()
    page.evaluate("document.body.classList.remove('dark')")
    assert all(a != b for a, b in zip(light, dark, strict=True))
