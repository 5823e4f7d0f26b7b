"""Speed of the whole: `python -m vclip bench [--json]`, with the targets beside the figures.

Machines differ and are shared: compare figures of one run only. What is measured and how is said in
`vclip.recipes.bench.speech` (the synthesizers) and `vclip.recipes.bench.waits` (the app as a script
meets it, and its page in Chromium).
"""

import json
from dataclasses import dataclass

import torch

from vclip import runtime
from vclip.errors import InputError
from vclip.recipes.bench import speech, waits
from vclip.recipes.options import command

TARGETS = {  # at most
    "bundled_real_time_factor": 0.05,
    "bundled_first_audio_ms": 150.0,
    "full_size_time_of_coqui": 0.8,
    "page_start_to_usable": 8.0,
    "page_face_to_map": 1.0,
    "page_speak_to_first_sound": 0.5,
}


@dataclass(frozen=True)
class BenchSettings:
    """Figures that are measured."""

    times: int = 5  # runs that each median is of
    no_app: bool = False  # only the synthesizers
    json: bool = False


def measure(times: int, app: bool) -> dict[str, float]:
    """All figures; seconds and ratios unless a name says otherwise."""
    figures = {"threads": float(torch.get_num_threads())}
    figures |= speech.bundled(times)
    figures |= speech.bundled_against_coqui(times)
    figures |= speech.full_size_against_coqui(times)
    if app:
        figures |= waits.client_waits(times) | waits.page_waits(times)
    return figures


def line(name: str, value: float) -> str:
    """A figure for people, with its target and whether it is met."""
    target = TARGETS.get(name)
    met = "" if target is None else f"   at most {target:g}: {'yes' if value <= target else 'NO'}"
    return f"{name:36s} {value:9.4g}{met}"


@command(BenchSettings)
def main(settings: BenchSettings) -> None:
    if settings.times < 1:
        raise InputError(f"--times is {settings.times}; a median needs at least 1 run")
    runtime.limit_threads()
    figures = measure(settings.times, not settings.no_app)
    if settings.json:
        print(json.dumps(figures))
    else:
        print("\n".join(line(name, value) for name, value in figures.items()))


if __name__ == "__main__":
    raise SystemExit(main())
