"""The real app with the bundled model as a process, and Chromium to visit it with."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO
from playwright.sync_api import Page, Route, expect, sync_playwright

from vclip.recipes.showcase.browser import CHROMIUM, FLAGS

PATIENCE = 60  # seconds for anything; all of it is needed only on a machine that is very busy


@contextlib.contextmanager
def started(home: Path, *options: str) -> Iterator[str]:
    """Where the app listens. At the end it has to stop when asked, and without complaints."""
    errors = home / "stderr"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(home)}
    with errors.open("w") as stderr:
        app = subprocess.Popen(
            [sys.executable, "app.py", "--port", "0", *options],
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


def _address(app: "subprocess.Popen[str]", errors: Path) -> str:
    """Wait for the line that tells it; the second line of what the app prints."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert app.stdout is not None
        for _ in range(2):
            lines.put(app.stdout.readline())

    threading.Thread(target=read, daemon=True).start()
    assert lines.get(timeout=2 * PATIENCE).startswith("loading"), errors.read_text()
    line = lines.get(timeout=2 * PATIENCE)
    assert line.startswith("vclip is at"), errors.read_text()
    return line.split()[-1]


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One app for all tests, as one app serves all visitors."""
    with started(tmp_path_factory.mktemp("app")) as found:
        yield found


@pytest.fixture(scope="module")  # while it runs, so does a loop in which asyncio.run is refused
def chromium() -> Iterator[Any]:
    if not CHROMIUM.is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}; install it or set VCLIP_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


Visitor = Callable[..., Page]


@pytest.fixture
def visitor(chromium: Any, address: str) -> Iterator[Visitor]:
    """Opens the page as one more visitor, whose browser remembers nothing of the others.

    Whatever is not ours cannot be reached, as on a laptop at a talk, and counts as a failure.
    """
    contexts: list[Any] = []
    foreign: list[str] = []
    crashes: list[str] = []

    def arrive(at: str = address, **options: Any) -> Page:
        options = {"viewport": {"width": 1440, "height": 900}} | options
        contexts.append(chromium.new_context(**options))
        page: Page = contexts[-1].new_page()

        def gate(route: Route) -> None:
            if route.request.url.startswith((at, "data:", "blob:")):
                route.continue_()
            else:
                foreign.append(route.request.url)
                route.abort()

        page.route("**/*", gate)
        page.on("pageerror", lambda error: crashes.append(str(error)))
        page.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        page.goto(at)
        page.wait_for_selector("#map svg .bank")
        page.wait_for_selector("html[data-ready]")  # what arrives with the visit is there
        return page

    yield arrive
    for context in contexts:
        context.close()
    assert not foreign and not crashes


@pytest.fixture
def page(visitor: Visitor) -> Page:
    """A visitor at a desk."""
    return visitor()
