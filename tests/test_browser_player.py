"""player.js in Chromium, on a small page with the parts that the app gives it."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from vclip.pipeline import Candidate
from vclip.speech import Speech
from vclip.ui import look, takelist, takeroutes
from vclip.ui.takes import Take, Takes
from vclip.ui.texts import ENGLISH

PLAYER = (look.ASSETS / "player.js").read_text()
# of Gradio's own pandas, which runs in this process
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
SAMPLE_RATE = 22050
PATIENCE = 10.0  # seconds for anything
# what is heard: the level of all Web Audio, and every <audio>, also those outside the page
EARS = """
  window.speeches = [];
  document.addEventListener('vclip:speech', (event) => speeches.push(event.detail.token));
  window.audios = [];
  window.Audio = class extends window.Audio { constructor() { super(); audios.push(this); } };
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode) {
      window.meter = new AnalyserNode(this.context, { fftSize: 2048 });
      connect.call(this, meter);
    }
    return connect.call(this, target, ...more);
  };
  window.level = () => {
    if (!window.meter || meter.context.state !== 'running') return 0;
    const wave = new Float32Array(2048);
    meter.getFloatTimeDomainData(wave);
    return Math.max(...wave.map(Math.abs));
  };
  window.sounds = () => audios.filter((audio) => !audio.paused).length + (level() > 0.01 ? 1 : 0);
"""
IPHONE = "Object.defineProperty(navigator, 'platform', { get: () => 'iPhone' });"
FORBIDDEN = """
  AudioContext.prototype.resume = () => new Promise(() => {});
  Object.defineProperty(AudioContext.prototype, 'state', { get: () => 'suspended' });
"""


def tone(seconds: float) -> Speech:
    wave = 0.3 * np.sin(np.arange(round(seconds * SAMPLE_RATE)) * 2 * np.pi * 220 / SAMPLE_RATE)
    return Speech(wave.astype(np.float32), SAMPLE_RATE)


class Studio:
    """Speaks when told to: each take is fed and finished by the test."""

    def __init__(self, folder: Path) -> None:
        self.takes = Takes(folder)
        self.take: Take | None = None
        self.hasty = False  # the page learns of a take when it is finished
        self.spoken: list[takelist.Spoken] = []
        self.finished, self.row = threading.Event(), threading.Event()

    def made(self, seconds: float = 3.0) -> Take:
        take = self.takes.start(SAMPLE_RATE)
        take.finish(tone(seconds), {"voice": "p225", "seed": 0})
        return take

    def live(self) -> Take:
        """The take that Speak started."""
        deadline = time.monotonic() + PATIENCE
        while self.take is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.take is not None
        return self.take

    def finish(self, seconds: float = 3.0) -> None:
        self.live().finish(tone(seconds), {"voice": "p225", "seed": 0})
        self.finished.set()

    def speak(self) -> Iterator[tuple[Any, Any]]:
        self.finished.clear()
        self.take = take = self.takes.start(SAMPLE_RATE)
        if not self.hasty:
            yield takelist.player(ENGLISH, take), gr.skip()
        assert self.finished.wait(PATIENCE)
        self.spoken.insert(0, takelist.Spoken(take.token, "p225", "Hello.", take.seconds, 0))
        yield takelist.player(ENGLISH, take), takelist.history(ENGLISH, self.spoken)

    def redraw(self) -> str:
        return takelist.player(ENGLISH, self.take) + "<!-- drawn anew -->"

    def compare(self) -> Iterator[str]:
        voice = np.zeros(4, np.float32)
        rows: list[tuple[Candidate, Take | None]] = [
            (
                Candidate(n, f"gen-0-{n}", "generated", 0.5, voice, voice),
                self.made() if n < 3 else None,
            )
            for n in (1, 2, 3)
        ]
        yield takelist.compare(ENGLISH, rows)
        assert self.row.wait(PATIENCE)
        rows[2] = (rows[2][0], self.made())
        yield takelist.compare(ENGLISH, rows)


def build(studio: Studio) -> gr.Blocks:
    page: gr.Blocks
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Textbox("", elem_id="text", lines=3, label="text")
        gr.HTML(
            f'<p class="note" data-limit="20" data-pace="10" data-work="0.1">'
            f"{ENGLISH.counted('')}</p>",
            elem_id="count",
        )
        with gr.Row(elem_id="manner"):
            gr.Slider(0.5, 2.0, 1.0, step=0.05, label="speed", interactive=True)
            gr.Slider(0, 2.0, 0.2, step=0.1, label="pause", interactive=True)
        speak = gr.Button("speak", elem_id="speak")
        stop = gr.Button("stop", elem_id="stop")
        redraw = gr.Button("redraw", elem_id="redraw")
        compare_run = gr.Button("compare", elem_id="compare-run")
        player = gr.HTML(takelist.player(ENGLISH, None), elem_id="player")
        takes = gr.HTML(takelist.history(ENGLISH, []), elem_id="takes")
        compare = gr.HTML(takelist.compare(ENGLISH, []), elem_id="compare")
        spoken = speak.click(studio.speak, None, [player, takes])
        stop.click(None, cancels=[spoken])
        redraw.click(studio.redraw, None, player)
        compare_run.click(studio.compare, None, compare)
    return page


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("takes"))


@pytest.fixture(scope="module")
def address(studio: Studio) -> Iterator[str]:
    app = FastAPI()
    takeroutes.add(app, studio.takes, None)  # type: ignore[arg-type]
    page = build(studio)
    head = f"<script>{PLAYER}</script>"
    css = [look.ASSETS / name for name in ("style.css", "voices.css", "speech.css")]
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


class Visitor:
    """A loaded page, and what it has asked for."""

    def __init__(self, chromium: Any, address: str, script: str) -> None:
        self.page: Page = chromium.new_page(viewport={"width": 600, "height": 900})
        self.page.set_default_timeout(1000 * PATIENCE)
        self.crashes: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.crashes.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url.split("/")[-1]))
        self.page.add_init_script(EARS + script)
        self.page.goto(address)
        self.page.wait_for_selector("#speak")

    def until(self, condition: str) -> None:
        self.page.wait_for_function(condition)

    def never(self, condition: str, ms: int = 300) -> None:
        for _ in range(ms // 50):
            assert not self.page.evaluate(condition), condition
            self.page.wait_for_timeout(50)

    def click(self, selector: str) -> None:
        self.page.click(selector)

    def streams(self) -> int:
        return sum(name.endswith(".pcm") for name in self.asked)


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
    while take._listeners and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(take._listeners) == 0


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


@pytest.mark.parametrize("visit", [IPHONE, FORBIDDEN], indirect=True, ids=["ios", "forbidden"])
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
