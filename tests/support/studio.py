"""A small page with the parts that player.js needs, speech on demand, and ears to hear it with."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from playwright.sync_api import Page

from vclip.speakers.candidates import Candidate
from vclip.speech.synthesizer import Speech
from vclip.ui.speech import take_list
from vclip.ui.speech.takes import SpeechTake, TakeStore
from vclip.ui.texts import ENGLISH

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


def tone(seconds: float) -> Speech:
    wave = 0.3 * np.sin(np.arange(round(seconds * SAMPLE_RATE)) * 2 * np.pi * 220 / SAMPLE_RATE)
    return Speech(wave.astype(np.float32), SAMPLE_RATE)


class Studio:
    """Speaks when told to: each take is fed and finished by the test."""

    def __init__(self, folder: Path) -> None:
        self.takes = TakeStore(folder)
        self.take: SpeechTake | None = None
        self.hasty = False  # the page learns of a take when it is finished
        self.spoken: list[take_list.TakeEntry] = []
        self.finished, self.row = threading.Event(), threading.Event()

    def made(self, seconds: float = 3.0) -> SpeechTake:
        take = self.takes.start(SAMPLE_RATE)
        take.finish(tone(seconds), {"voice": "p225", "seed": 0})
        return take

    def live(self) -> SpeechTake:
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
            yield take_list.player(ENGLISH, take), gr.skip()
        assert self.finished.wait(PATIENCE)
        self.spoken.insert(0, take_list.TakeEntry(take.token, "p225", "Hello.", take.seconds, 0))
        yield take_list.player(ENGLISH, take), take_list.history(ENGLISH, self.spoken)

    def redraw(self) -> str:
        return take_list.player(ENGLISH, self.take) + "<!-- drawn anew -->"

    def compare(self) -> Iterator[str]:
        voice = np.zeros(4, np.float32)
        rows: list[tuple[Candidate, SpeechTake | None]] = [
            (
                Candidate(n, f"gen-0-{n}", "generated", 0.5, voice, voice),
                self.made() if n < 3 else None,
            )
            for n in (1, 2, 3)
        ]
        yield take_list.compare(ENGLISH, rows)
        assert self.row.wait(PATIENCE)
        rows[2] = (rows[2][0], self.made())
        yield take_list.compare(ENGLISH, rows)


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
        player = gr.HTML(take_list.player(ENGLISH, None), elem_id="player")
        takes = gr.HTML(take_list.history(ENGLISH, []), elem_id="takes")
        compare = gr.HTML(take_list.compare(ENGLISH, []), elem_id="compare")
        spoken = speak.click(studio.speak, None, [player, takes])
        stop.click(None, cancels=[spoken])
        redraw.click(studio.redraw, None, player)
        compare_run.click(studio.compare, None, compare)
    return page


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
