"""Latency of the app: seen by an API client, and by a visitor of the page in Chromium."""

import statistics
import time
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file

from vclip import audio
from vclip.recipes.bench.timing import median
from vclip.recipes.showcase import browser

SENTENCE = "Hello! This is a voice that might go with the face in the picture."
BEST = "() => document.querySelector('#voices [role=option]')?.textContent ?? ''"


def client_waits(times: int) -> dict[str, float]:
    """Median seconds of a client; the first candidates count from the start of the process."""
    begun = time.perf_counter()
    with browser.app() as process:
        client = Client(browser.address(process), verbose=False)
        photo = handle_file(browser.EXAMPLES[0])

        def candidates(seed: int) -> Any:
            return client.predict(photo, "both", 10, seed, api_name="/candidates")

        best = candidates(0)["candidates"][0]["speaker_id"]
        figures = {"app_start_to_first_candidates": time.perf_counter() - begun}

        def speak(seed: int) -> Any:
            return client.predict(SENTENCE, best, seed, api_name="/speak")

        speak(0)  # the first call warms torch up
        figures["app_face_to_top_10"] = median(lambda _: candidates(0), times)
        figures["app_face_to_top_10_of_a_new_seed"] = median(lambda i: candidates(i + 1), times)
        figures["app_text_to_wav"] = median(speak, times)
        wav, sample_rate = audio.load_wav(Path(str(speak(0))))
        figures["app_seconds_of_speech"] = len(wav) / sample_rate
    figures["app_real_time_factor"] = figures["app_text_to_wav"] / figures["app_seconds_of_speech"]
    return figures


def page_waits(times: int) -> dict[str, float]:
    """Median seconds of a visitor; the start is measured once, its browser was there before."""
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
