"""A listening test served by the real app as a process, and raters' browsers before it."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import toy_study
from conftest import REPO
from PIL import Image
from playwright.sync_api import Page, expect

TOKEN = "research-token-of-tests"
PATIENCE = 30  # seconds for anything
# Sounds play sixteen times as fast, and every start is counted
HASTE = """
  const play = HTMLMediaElement.prototype.play;
  window.started = 0;
  HTMLMediaElement.prototype.play = function () {
    window.started += 1;
    this.playbackRate = 16;
    return play.call(this);
  };
"""


def study(folder: Path, n_items: int = 6, types: str = "acr_fit ab", **changes: Any) -> Path:
    """A study file with real sounds and faces beside it; changes: of the file, or of its design."""
    names = set(toy_study.fields()) | {"gates", "exclusion", "instructions", "language"}
    design = {name: value for name, value in changes.items() if name not in names}
    asked = toy_study.fields(n_items, "ab", types, **design)
    asked |= {"gates": {"volume": False, "headphones": "off"}}
    asked |= {name: value for name, value in changes.items() if name in names}
    path = toy_study.written(folder, asked, seconds=0.8)
    for n, item in enumerate(asked["items"]):
        file = BytesIO()
        Image.new("RGB", (64, 64), (40 * n % 256, 90, 120)).save(file, "PNG")
        (folder / item["face"]).write_bytes(file.getvalue())
        item["face_sha256"] = toy_study.digest(file.getvalue())
    path.write_text(json.dumps(asked))
    return path


class Served:
    """The app with a study alone; it can be stopped and started again on the same port."""

    def __init__(self, path: Path) -> None:
        self.path, self.store = path, f"sqlite:///{path.parent}/ratings.db"
        self.port, self._process = 0, None
        self.start()

    def start(self) -> None:
        """Returns when it listens."""
        options = ["--study", str(self.path), "--study-only", "--store", self.store]
        self._process: Any = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(self.port), *options],
            cwd=REPO,
            env=os.environ | {"OMP_NUM_THREADS": "1", "VCLIP_RESEARCH_TOKEN": TOKEN},
            stdout=subprocess.PIPE,
            text=True,
        )
        lines: queue.Queue[str] = queue.Queue()
        read = self._process.stdout.readline
        threading.Thread(target=lambda: [lines.put(read()) for _ in "12"], daemon=True).start()
        told, where = (lines.get(timeout=PATIENCE) for _ in "12")
        assert "/study/results" in told and TOKEN not in told
        self.port = int(where.rsplit(":", 1)[1])

    def stop(self) -> None:
        """As Ctrl-C does."""
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0

    @property
    def url(self) -> str:
        """Of the raters' page."""
        return f"http://127.0.0.1:{self.port}/study"


@contextlib.contextmanager
def served(path: Path) -> Iterator[Served]:
    """While it is needed."""
    found = Served(path)
    try:
        yield found
    finally:
        found.stop()


@contextlib.contextmanager
def browser(chromium: Any, **options: Any) -> Iterator[Any]:
    """One person's browser; whatever is not from our server is a failure, as is an error."""
    context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    wrong: list[str] = []
    context.add_init_script(HASTE)
    context.on("weberror", lambda found: wrong.append(str(found.error)))
    context.on("request", lambda request: _own(request.url) or wrong.append(request.url))
    context.set_default_timeout(PATIENCE * 1000)
    expect.set_options(timeout=PATIENCE * 1000)
    yield context
    context.close()
    assert not wrong


def _own(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def enrol(context: Any, url: str) -> Page:
    """A page at the first step after the withdrawal code."""
    page: Page = context.new_page()
    page.goto(url)
    page.locator("#agree").check()
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", name="Keep your code")).to_be_focused()
    page.get_by_role("button", name="Continue").click()
    return page


def hear(page: Page) -> None:
    """All sounds of a trial, one after the other, by keys."""
    page.wait_for_selector(".play:enabled")
    for i in range(n := page.locator(".player").count()):
        page.keyboard.press("Space")
        page.wait_for_selector(f".player:nth-child({i + 1}).done")  # expect looks too seldom
        if i + 1 < n:
            page.keyboard.press("ArrowRight")


def remembered(page: Page) -> dict[str, Any]:
    """What the browser keeps of the session."""
    found = page.evaluate("Object.entries(localStorage)")
    (kept,) = [value for name, value in found if name.startswith("vclip-study")]
    return dict(json.loads(kept))
