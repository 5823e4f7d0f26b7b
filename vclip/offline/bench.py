"""How long a visitor waits: `python -m vclip.offline.bench [--json]`.

Starts the app on a free port and times, as a client sees them: the first candidates counted from
the start of the process, then candidates, a resample and one sentence of speech on the warm app
(medians). Real-time factor is synthesis time over duration of speech. Machines differ and are
shared: compare figures of one run only.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file

from vclip import audio
from vclip.errors import reported
from vclip.offline.pairs import REPO

FACE = REPO / "assets/examples/face_1.jpg"
TEXT = "Hello! This is a voice that might go with the face in the picture."


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that an action took, and its result."""
    begun = time.perf_counter()
    result = action()
    return time.perf_counter() - begun, result


def median(action: Callable[[int], Any], times: int) -> float:
    """Median seconds; the action is told how often it ran, so that seeds can differ."""
    return statistics.median(timed(lambda i=i: action(i))[0] for i in range(times))  # type: ignore[misc]


def address(app: subprocess.Popen[str]) -> str:
    """Where the app says that it listens."""
    assert app.stdout is not None
    for line in app.stdout:
        if "http://" in line:
            return line.split()[-1]
    raise RuntimeError("the app stopped before it listened")


def measure(times: int) -> dict[str, float]:
    """All figures, in seconds."""
    begun = time.perf_counter()
    command = [sys.executable, "app.py", "--port", "0"]
    with subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True) as app:
        try:
            client = Client(address(app), verbose=False)
            photo = handle_file(FACE)

            def candidates(seed: int) -> Any:
                return client.predict(photo, "both", 10, seed, api_name="/candidates")

            best = candidates(0)["candidates"][0]["speaker_id"]
            figures = {"start_to_first_candidates": time.perf_counter() - begun}

            def speak(seed: int) -> Any:
                return client.predict(TEXT, best, seed, api_name="/speak")

            speak(0)  # the first call warms torch up
            figures["face_to_top_10"] = median(lambda _: candidates(0), times)
            figures["face_to_top_10_of_a_new_seed"] = median(lambda i: candidates(i + 1), times)
            figures["text_to_wav"] = median(speak, times)
            wav, sample_rate = audio.load_wav(Path(str(speak(0))))
            figures["seconds_of_speech"] = len(wav) / sample_rate
        finally:
            app.terminate()
    figures["real_time_factor"] = figures["text_to_wav"] / figures["seconds_of_speech"]
    return {name: round(value, 3) for name, value in figures.items()}


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m vclip.offline.bench", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    figures = measure(options.times)
    if options.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:30s} {value:7.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
