"""player.js in Chromium, on a small page with the parts that the app gives it."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import expect
from studio import PATIENCE, Studio, Visitor, build, tone

from vclip.ui.page import theme
from vclip.ui.speech import routes

SCRIPTS = ("flow", "estimate", "player")
PLAYER = "".join((theme.ASSETS / f"{name}.js").read_text() for name in SCRIPTS)
# of Gradio's own pandas, which runs in this process
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
IPHONE = "Object.defineProperty(navigator, 'platform', { get: () => 'iPhone' });"
FORBIDDEN = """
  AudioContext.prototype.resume = () => new Promise(() => {});
  Object.defineProperty(AudioContext.prototype, 'state', { get: () => 'suspended' });
"""
BROKEN = "window.AudioContext = class { constructor() { throw new Error('no device'); } };"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("takes"))


@pytest.fixture(scope="module")
def address(studio: Studio) -> Iterator[str]:
    app = FastAPI()
    routes.add_routes(app, studio.takes, None)  # type: ignore[arg-type]
    page = build(studio)
    head = f"<script>{PLAYER}</script>"
    css = [theme.ASSETS / name for name in ("style.css", "voices.css", "speech.css")]
    gr.mount_gradio_app(app, page, path="/", head=head, css_paths=css, ssr_mode=False)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    server.force_exit = server.should_exit = True
    thread.join()


@pytest.fixture
def visit(
    chromium: Any, address: str, studio: Studio, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    studio.take, studio.hasty = None, False
    studio.spoken.clear()
    studio.row.clear()
    visitor = Visitor(chromium, address, getattr(request, "param", ""))
    yield visitor
    studio.finished.set()
    studio.row.set()
    visitor.page.close()
    assert not visitor.crashes


def test_it_is_heard_while_it_is_spoken_and_can_be_heard_again(
    visit: Visitor, studio: Studio
) -> None:
    page = visit.page
    visit.click("#speak")
    take = studio.live()
    expect(page.locator("#player .wait")).to_be_visible()
    take.feed(tone(0.4))
    visit.until("vclip.timings.first_sound !== null && level() > 0.1")
    assert take.state == "live"
    assert page.evaluate("vclip.timings.first_sound > vclip.timings.click")
    expect(page.locator("#player .sound")).to_be_visible()
    visit.until("level() < 1e-3")  # starved
    assert page.evaluate("vclip.playing()")
    take.feed(tone(2.0))
    visit.until("level() > 0.1")
    studio.finish(2.4)
    expect(page.locator("#player .elapsed")).to_have_text(re.compile(r"[01]\.\d / 2\.4 s"))
    audio = page.locator("#player audio")
    expect(audio).to_be_visible()  # once it is over
    assert page.evaluate("sounds()") == 0
    audio.focus()
    page.keyboard.press("Space")
    visit.until("sounds() === 1 && vclip.playing()")


def test_stop_silences_at_once_and_frees_the_reader(visit: Visitor, studio: Studio) -> None:
    visit.click("#speak")
    take = studio.live()
    take.feed(tone(5.0))
    visit.until("level() > 0.1")
    visit.click("#stop")
    visit.until("sounds() === 0 && !vclip.playing()")
    expect(visit.page.locator("#player .stopped")).to_be_visible()
    take.feed(tone(5.0))
    visit.never("sounds() > 0")
    deadline = time.monotonic() + PATIENCE
    while take.n_listeners and time.monotonic() < deadline:
        time.sleep(0.01)
    assert take.n_listeners == 0


def test_no_take_is_played_twice_however_it_is_drawn(visit: Visitor, studio: Studio) -> None:
    visit.click("#speak")
    studio.live().feed(tone(0.3))
    visit.until("level() > 0.1")
    studio.finish(0.3)
    expect(visit.page.locator("#player audio")).to_be_visible()
    visit.click("#redraw")
    visit.page.wait_for_function("document.querySelector('#player').innerHTML.includes('anew')")
    visit.never("sounds() > 0")
    assert visit.streams() == 1
    assert visit.page.evaluate("speeches.length") == 1


def test_what_was_finished_before_the_page_knew_of_it_is_played(
    visit: Visitor, studio: Studio
) -> None:
    studio.take = studio.made()
    visit.click("#redraw")  # nobody pressed Speak
    expect(visit.page.locator("#player audio")).to_be_visible()
    visit.never("sounds() > 0")
    studio.take, studio.hasty = None, True
    visit.click("#speak")
    studio.finish()
    visit.until("sounds() === 1 && vclip.timings.first_sound !== null")


def test_one_sound_at_a_time(visit: Visitor, studio: Studio) -> None:
    page = visit.page
    visit.click("#speak")
    studio.live().feed(tone(3.0))
    studio.finish()
    visit.until("level() > 0.1")
    visit.click("#takes [data-play]")
    visit.until("sounds() === 1 && level() < 0.01")
    visit.click("#compare-run")
    first, second = (page.locator("#compare [data-play]").nth(n) for n in (0, 1))
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#takes [data-play]")).to_have_attribute("aria-pressed", "false")
    second.click()
    expect(first).to_have_attribute("aria-pressed", "false")
    visit.until("sounds() === 1")
    second.click()  # pauses
    visit.until("sounds() === 0")
    first.click()
    studio.take = None
    visit.click("#speak")
    studio.live().feed(tone(1.0))
    visit.until("level() > 0.1 && sounds() === 1")
    expect(first).to_have_attribute("aria-pressed", "false")


def test_rows_that_are_drawn_anew_keep_sound_and_focus(visit: Visitor, studio: Studio) -> None:
    visit.click("#compare-run")
    buttons = visit.page.locator("#compare [data-play]")
    expect(buttons).to_have_count(2)
    buttons.nth(1).focus()
    visit.page.keyboard.press("Enter")
    visit.until("sounds() === 1")
    studio.row.set()
    expect(buttons).to_have_count(3)
    expect(buttons.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(buttons.nth(1)).to_be_focused()
    assert visit.page.evaluate("sounds()") == 1


@pytest.mark.parametrize(
    "visit", [IPHONE, FORBIDDEN, BROKEN], indirect=True, ids=["ios", "forbidden", "broken"]
)
def test_without_web_audio_the_finished_file_is_played(visit: Visitor, studio: Studio) -> None:
    visit.click("#speak")
    studio.live().feed(tone(0.5))
    expect(visit.page.locator("#player .wait")).to_be_visible()
    visit.never("sounds() > 0 && audios.some((audio) => audio.src.includes('takes'))")
    studio.finish()
    visit.until("sounds() === 1 && audios.some((audio) => audio.currentTime > 0.1)")
    assert visit.streams() == 0
    token = studio.live().token
    assert visit.page.evaluate("document.querySelector('#player audio').src").endswith(
        f"takes/{token}.wav"
    )
    assert visit.page.evaluate("vclip.timings.first_sound !== null")
    visit.click("#stop")
    visit.until("sounds() === 0")


def test_a_take_that_is_gone_ends_quietly(visit: Visitor, studio: Studio) -> None:
    visit.click("#speak")
    studio.takes.drop([studio.live().token])
    visit.until("!vclip.playing()")
    expect(visit.page.locator("#player .stopped")).to_be_visible()


def test_length_and_time_are_told_before_the_click(visit: Visitor, studio: Studio) -> None:
    page = visit.page
    outputs = page.locator("#count output")

    def told() -> list[str]:
        return [output.text_content() or "" for output in outputs.all()]

    page.fill("#text textarea", "\u3000Hello 👋🏽 you\n")  # the second character is two
    expect(outputs.first).to_have_text("12")
    assert told() == ["12", "1.2", "0.3"]
    page.fill("#text textarea", "Hello. Who are you?  I am.")
    expect(outputs.first).to_have_text("26")
    expect(page.locator("#count .note")).to_have_class("note over")
    assert told() == ["26", "3.0", "0.3"]  # with two pauses; a stream waits for a second at most
    rate = page.locator("#manner input[type=number]").first
    rate.fill("2")
    expect(outputs.nth(1)).to_have_text("1.7")
    visit.click("#speak")  # and the next time it is known better
    studio.finish(5.6)
    expect(outputs.nth(1)).to_have_text("5.6")
