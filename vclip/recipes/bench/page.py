"""Waiting times of a visitor of the page: from the start, for the map, for the first sound."""

import statistics
import time
from typing import Any

from vclip.recipes.showcase import browser

SENTENCE = "Hello! This is a voice that might go with the face in the picture."
BEST = "() => document.querySelector('#voices [role=option]')?.textContent ?? ''"


def measure(times: int) -> dict[str, float]:
    """Seconds, medians; the start is measured once, its browser was there before."""
    with browser.chromium() as chromium:
        begun = time.perf_counter()
        with browser.app() as process:
            page = browser.visit(chromium, browser.address(process))
            figures = {"page_start_to_usable": time.perf_counter() - begun}
            figures["page_face_to_map"] = statistics.median(
                face_to_map(page, i) for i in range(times + 1)
            )
            figures["page_speak_to_first_sound"] = statistics.median(
                speak_to_first_sound(page) for _ in range(times)
            )
    return figures


def face_to_map(page: Any, turn: int) -> float:
    """Seconds from handing in a photo until the map shows the voices for it."""
    before = page.evaluate(BEST)
    begun = time.perf_counter()
    page.set_input_files("#upload input[type=file]", browser.EXAMPLES[turn % len(browser.EXAMPLES)])
    page.wait_for_function(f"before => ({BEST})() !== before", arg=before, polling=10)
    page.wait_for_selector("#map .mark")
    return time.perf_counter() - begun


def speak_to_first_sound(page: Any) -> float:
    """Seconds from the click to the first sound, as the page itself notes them down."""
    page.fill("#text textarea", SENTENCE)
    takes = page.locator("#takes li").count()
    page.click("#speak")
    page.wait_for_function("window.vclip.timings.first_sound", polling=10)
    timings = page.evaluate("window.vclip.timings")
    page.wait_for_function(f"document.querySelectorAll('#takes li').length > {takes}")
    return float(timings["first_sound"] - timings["click"]) / 1000
