"""Waiting times of a client of the app: for candidates, for a resample, for a sentence."""

import time
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file

from vclip import audio
from vclip.recipes.bench.timing import median
from vclip.recipes.showcase import browser

TEXT = "Hello! This is a voice that might go with the face in the picture."


def measure(times: int) -> dict[str, float]:
    """Seconds, medians: the first candidates count from the start of the process."""
    begun = time.perf_counter()
    with browser.app() as process:
        client = Client(browser.address(process), verbose=False)
        photo = handle_file(browser.EXAMPLES[0])

        def candidates(seed: int) -> Any:
            return client.predict(photo, "both", 10, seed, api_name="/candidates")

        best = candidates(0)["candidates"][0]["speaker_id"]
        figures = {"app_start_to_first_candidates": time.perf_counter() - begun}

        def speak(seed: int) -> Any:
            return client.predict(TEXT, best, seed, api_name="/speak")

        speak(0)  # the first call warms torch up
        figures["app_face_to_top_10"] = median(lambda _: candidates(0), times)
        figures["app_face_to_top_10_of_a_new_seed"] = median(lambda i: candidates(i + 1), times)
        figures["app_text_to_wav"] = median(speak, times)
        wav, sample_rate = audio.load_wav(Path(str(speak(0))))
        figures["app_seconds_of_speech"] = len(wav) / sample_rate
    figures["app_real_time_factor"] = figures["app_text_to_wav"] / figures["app_seconds_of_speech"]
    return figures
