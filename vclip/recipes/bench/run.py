"""How fast all of it is: `python -m vclip bench [--json]`, with the targets beside the figures.

Machines differ and are shared: compare figures of one run only. What is measured and how is said in
bench_speech.py (the synthesizers), bench_app.py (the app as a script meets it) and bench_page.py
(its page in Chromium).
"""

import argparse
import json

import torch

from vclip import runtime
from vclip.errors import InputError, reported

TARGETS = {  # at most
    "bundled_real_time_factor": 0.05,
    "bundled_first_audio_ms": 150.0,
    "full_size_time_of_coqui": 0.8,
    "page_start_to_usable": 8.0,
    "page_face_to_map": 1.0,
    "page_speak_to_first_sound": 0.5,
}


def measure(times: int, app: bool) -> dict[str, float]:
    """All figures; seconds and ratios unless a name says otherwise."""
    from vclip.recipes.bench import app as bench_app
    from vclip.recipes.bench import page, speech

    figures = {"threads": float(torch.get_num_threads())}
    figures |= speech.bundled(times)
    figures |= speech.bundled_against_coqui(times)
    figures |= speech.full_size_against_coqui(times)
    if app:
        figures |= bench_app.measure(times) | page.measure(times)
    return figures


def line(name: str, value: float) -> str:
    """A figure for people, with its target and whether it is met."""
    target = TARGETS.get(name)
    if target is None:
        return f"{name:36s} {value:9.4g}"
    return f"{name:36s} {value:9.4g}   at most {target:g}: {'yes' if value <= target else 'NO'}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options, for this command line and for `python -m vclip bench`."""
    parser.add_argument("--times", type=int, default=5, help="runs that each median is of")
    parser.add_argument("--no-app", action="store_true", help="only the synthesizers")
    parser.add_argument("--json", action="store_true")


def run(options: argparse.Namespace) -> None:
    """Measure and print. Raises InputError."""
    if options.times < 1:
        raise InputError(f"--times is {options.times}; a median needs at least 1 run")
    figures = measure(options.times, not options.no_app)
    if options.json:
        print(json.dumps(figures))
    else:
        print("\n".join(line(name, value) for name, value in figures.items()))


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m vclip.recipes.bench.run", description=__doc__)
    add_options(parser)
    options = parser.parse_args(argv)
    runtime.limit_threads()
    run(options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
