"""Limits of a request: ranges of every argument, and the complaint when one lies outside."""

from typing import Any, Literal, get_args

from vclip import audio
from vclip.errors import InputError, TextError
from vclip.speakers import voice_id
from vclip.speech.narrator import MAX_LUFS, MAX_PAUSE, MIN_LUFS
from vclip.speech.synthesizer import MAX_RATE, MAX_SEED, MIN_RATE, check_seed

Source = Literal["both", "bank", "generated"]  # as they are offered

MAX_CHARS = 2000  # of a text in the app; the library has no limit
MAX_K = 100
RANGES = {
    "seed": [0, MAX_SEED],
    "rate": [MIN_RATE, MAX_RATE],
    "pause": [0, MAX_PAUSE],
    "lufs": [MIN_LUFS, MAX_LUFS],
    "move": [-voice_id.MAX_MOVE, voice_id.MAX_MOVE],
}


def request_limits() -> dict[str, Any]:
    """Ranges of all arguments of a request, as JSON."""
    return {
        "generated": voice_id.N_GENERATED,
        "near": voice_id.N_NEAR,
        "directions": voice_id.DIRECTIONS,
        "voice_ids": voice_id.ID_FORMS,
        "sources": list(get_args(Source)),
        "formats": list(audio.FORMATS),
        "max_chars": MAX_CHARS,
        "max_k": MAX_K,
        "limits": RANGES,
    }


def check_length(text: str) -> None:
    """Raise TextError for a text that is too long for the app."""
    if (length := len(text.strip())) > MAX_CHARS:
        raise TextError(f"the text has {length} characters, the limit is {MAX_CHARS}; shorten it")


def check_request(k: int, source: str, seed: int) -> None:
    """Raise InputError for a k, source or seed that cannot be served."""
    if not 1 <= k <= MAX_K:
        raise InputError(f"k is {k}; ask for 1 to {MAX_K} voices")
    if source not in get_args(Source):
        raise InputError(f"there is no source {source!r}; use {', '.join(get_args(Source))}")
    check_seed(seed)
