"""The app as a subprocess, opened in headless Chromium: for benchmarks and screenshots."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vclip.errors import InputError
from vclip.recipes.data.manifest import REPO

CHROMIUM = Path(os.environ.get("VCLIP_CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EXAMPLES = sorted((REPO / "assets/examples").glob("*.jpg"))  # faces to hand in
READY = "html[data-ready]"  # the page has all that belongs to a new visit
SECONDS = 60_000  # ms that anything may take


def address(app: "subprocess.Popen[str]") -> str:
    """Where the app says that it listens."""
    assert app.stdout is not None
    for line in app.stdout:
        if "http://" in line:
            return line.split()[-1]
    raise RuntimeError("the app stopped before it listened")


@contextlib.contextmanager
def app(*options: str) -> Iterator["subprocess.Popen[str]"]:
    """`python app.py` on a free port, stopped at the end."""
    command = [sys.executable, "app.py", "--port", "0", *options]
    with subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium. Raises InputError where there is none."""
    if not CHROMIUM.is_file():
        raise InputError(f"there is no Chromium at {CHROMIUM}; install it or set VCLIP_CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise InputError("playwright is not installed; run `make .venv/.dev`") from error
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def visit(browser: Any, address: str, **options: Any) -> Any:
    """A new visitor's page, ready to be used."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(SECONDS)
    page.goto(address)
    page.wait_for_selector(READY)
    return page
