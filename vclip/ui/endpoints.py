"""Named API endpoints /candidates, /resample and /speak: stateless, typed, for gradio_client."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gradio as gr

from vclip import audio, face
from vclip.errors import InputError, VclipError
from vclip.narration import master
from vclip.pipeline import LUFS, MAX_K, PAUSE, FaceToVoice, Source, check_length
from vclip.speech import Speech, join
from vclip.ui import speeches, texts
from vclip.ui.visit import K, next_seed

log = logging.getLogger(__name__)
T = TypeVar("T")


def add(model: FaceToVoice) -> None:
    """Register the endpoints in the Blocks that is being built, with components nobody sees."""

    def candidates(photo: bytes, source: Source, k: int, seed: int) -> dict[str, Any]:
        """Voices for the largest face of a photo, best fit first."""
        return _guarded(lambda: find(model, photo, source, k, seed))

    def resample(photo: bytes, source: Source, k: int, seed: int) -> dict[str, Any]:
        """The same for the seed after this one, which the answer names."""
        return _guarded(lambda: find(model, photo, source, k, next_seed(_seed(seed))))

    def speak(
        text: str, speaker_id: str, seed: int, rate: float, pause: float, format: str
    ) -> Iterator[Any]:
        """A WAV, FLAC or MP3 file of the text, spoken by a voice of the bank or gen-SEED-INDEX.

        rate 0.5 to 2 is the speed, pause 0 to 2 the seconds between sentences.
        """
        with _ours():
            yield from say(model, text, speaker_id, seed, rate, pause, format)

    photo = gr.File(type="binary", visible=False, label="photo")
    source = gr.Radio(["both", "bank", "generated"], value="both", visible=False, label="source")
    k = gr.Number(K, precision=0, visible=False, label="k")
    seed = gr.Number(0, precision=0, visible=False, label="seed")
    text, speaker = (gr.Textbox(visible=False, label=name) for name in ("text", "speaker_id"))
    rate = gr.Number(1.0, visible=False, label="rate")
    pause = gr.Number(PAUSE, visible=False, label="pause")
    kind = gr.Radio(list(audio.FORMATS), value="wav", visible=False, label="format")
    answer = gr.JSON(visible=False, label="answer")
    speech = gr.Audio(type="filepath", visible=False, label="speech")
    asked = [photo, source, k, seed]
    limits: dict[str, Any] = {"concurrency_id": "search"}
    gr.Button(visible=False).click(candidates, asked, answer, api_name="candidates", **limits)
    gr.Button(visible=False).click(resample, asked, answer, api_name="resample", **limits)
    gr.Button(visible=False).click(
        speak,
        [text, speaker, seed, rate, pause, kind],
        speech,
        api_name="speak",
        concurrency_id="speech",
    )


def find(model: FaceToVoice, photo: bytes, source: Source, k: int, seed: int) -> dict[str, Any]:
    """The answer of /candidates. Raises InputError."""
    if not photo:
        raise InputError("there is no photo; send a file")
    if not isinstance(k, int):
        raise InputError(f"k is missing; ask for 1 to {MAX_K} voices")
    seen = model.look(face.load(photo))
    found = model.candidates(seen, k, source, _seed(seed))
    return {
        "model": model.model,
        "source": source,
        "seed": seed,
        "face": seen.as_dict(),
        "candidates": [candidate.as_dict() for candidate in found],
    }


def say(
    model: FaceToVoice,
    text: str,
    speaker_id: str,
    seed: int,
    rate: float | None = None,
    pause: float | None = None,
    kind: str | None = None,
) -> Iterator[Any]:
    """The answer of /speak: the path of a file, after some that say nothing. Raises InputError."""
    check_length(text or "")
    voice, seed, parts = model.candidate(speaker_id or ""), _seed(seed), list[Speech]()
    manner = {"rate": _number("rate", rate, 1.0), "pause": _number("pause", pause, PAUSE)}
    for _ in speeches.gather(model.recite(text or "", voice, seed, **manner), parts):
        yield gr.skip()
    yield speeches.write(master(join(parts), LUFS), voice.speaker_id, seed, kind or "wav")


def _seed(seed: int | None) -> int:
    if seed is None:
        raise InputError(texts.NO_SEED)
    return seed


def _number(name: str, value: object, default: float) -> float:
    """gr.Number hands on whatever JSON a client sends."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"the {name} is {value!r}; send a number")
    return value


def _guarded(work: Callable[[], T]) -> T:
    with _ours():
        return work()


@contextlib.contextmanager
def _ours() -> Iterator[None]:
    """Our own messages reach the client; of anything else it learns only that it failed."""
    try:
        yield
    except VclipError as error:
        raise gr.Error(str(error), print_exception=False) from None
    except Exception:
        log.exception("an endpoint failed")
        raise gr.Error(texts.FAILED, print_exception=False) from None
