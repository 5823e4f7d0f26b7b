"""Named API endpoints, stateless and typed, for curl, gradio_client and, if asked for, MCP clients.

The docstrings of the functions in `add_endpoints` are shown by Gradio and MCP clients.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import gradio as gr
from gradio.utils import get_upload_folder

from vclip import audio
from vclip.errors import InputError
from vclip.face.photo import load_photo
from vclip.limits import MAX_K, Source, check_length
from vclip.pipeline import LUFS, PAUSE, FaceResult, FaceToVoice
from vclip.speech.narrator import MAX_PAUSE, master
from vclip.speech.synthesizer import MAX_RATE, MAX_SEED, MIN_RATE, Speech, join
from vclip.ui.page.speech_events import paced, tap
from vclip.ui.speech.takes import file_name
from vclip.ui.texts import ENGLISH
from vclip.ui.visit import K, next_seed

DEFAULTS: tuple[Source, ...] = ("both", "generated")  # of /candidates, of /resample


def add_endpoints(model: FaceToVoice) -> None:
    """Register the endpoints in the Blocks that is being built, with components nobody sees."""

    @our_errors()
    def candidates(
        photo: bytes, source: Source = "both", k: int = K, seed: int = 0
    ) -> dict[str, Any]:
        """Voices that could go with the largest face of a photo, best fit first.

        The link between a face and a voice is weak: these are plausible voices, never the
        person's own. Each has a speaker_id, which /speak takes, and a score, the cosine of face
        and voice.

        Args:
            photo: A photo with a face: JPEG, PNG, WebP or HEIC, up to 16 MB. Not kept.
            source: "bank" for recorded speakers, "generated" for new voices, "both" for all.
            k: How many voices, 1 to 100.
            seed: Which generated voices are searched, 0 to 4294967295.
        """
        return find(model, photo, source, k, seed)

    @our_errors()
    def resample(
        photo: bytes, source: Source = "generated", k: int = K, seed: int = 0
    ) -> dict[str, Any]:
        """Other generated voices for the same face: the candidates of the seed after this one.

        Args:
            photo: A photo with a face: JPEG, PNG, WebP or HEIC, up to 16 MB. Not kept.
            source: "generated" for new voices, "both" for these and recorded speakers.
            k: How many voices, 1 to 100.
            seed: The seed that was used last; the answer names the next one.
        """
        return find(model, photo, source, k, next_seed(_seed(seed)))

    @our_errors()
    def described(words: str, source: Source = "both", k: int = K, seed: int = 0) -> dict[str, Any]:
        """Voices whose speakers' descriptions fit words in place of a photo, best fit first.

        Zero-shot: nothing in this model was trained on faces and voices of the same people.

        Args:
            words: A description in English, such as "an old man".
            source: "bank" for recorded speakers, "generated" for new voices, "both" for all.
            k: How many voices, 1 to 100.
            seed: Which generated voices are searched, 0 to 4294967295.
        """
        return rank(model, model.read(words or ""), source, k, seed)

    def speak(
        text: str,
        speaker_id: str,
        seed: int = 0,
        rate: float = 1.0,
        pause: float = PAUSE,
        format: str = "wav",
    ) -> Iterator[Any]:
        """A sound file of an English text in any voice; it says in itself that it is synthetic.

        Args:
            text: What is said, up to 2000 characters.
            speaker_id: Any voice: p225, gen-SEED-INDEX, near(ID;SEED;INDEX), blend(ID;ID;SHARE),
                move(ID;A,B,C,D); describe_model says more.
            seed: Chance in melody and noise; the same seed gives the same file.
            rate: Speed, 0.5 to 2.
            pause: Silence between sentences in seconds, 0 to 2.
            format: "wav", "flac" or "mp3".
        """
        with our_errors():
            yield from say(model, text, speaker_id, seed, rate, pause, format)

    @our_errors()
    def describe_model() -> dict[str, Any]:
        """What the model is made of (files, hashes, licences), its speakers and its limits."""
        return model.describe()

    hidden: dict[str, Any] = {"visible": False}
    photo = gr.File(type="binary", label="photo", **hidden)
    sources = [gr.Radio(get_args(Source), value=v, label="source", **hidden) for v in DEFAULTS]
    k = gr.Number(K, precision=0, label="k", **hidden)
    seed = gr.Number(0, precision=0, label="seed", **hidden)
    named = ("text", "speaker_id", "words")
    text, speaker, words = (gr.Textbox(label=name, **hidden) for name in named)
    rate, pause = gr.Number(1.0, label="rate", **hidden), gr.Number(PAUSE, label="pause", **hidden)
    kind = gr.Radio(list(audio.FORMATS), value="wav", label="format", **hidden)
    answer = gr.JSON(label="answer", **hidden)
    speech = gr.Audio(type="filepath", label="speech", **hidden)

    def offer(step: Callable[..., Any], inputs: list[Any], output: Any, pool: str) -> None:
        gr.Button(visible=False).click(
            step, inputs, output, api_name=step.__name__, concurrency_id=pool
        )

    offer(candidates, [photo, sources[0], k, seed], answer, "search")
    offer(resample, [photo, sources[1], k, seed], answer, "search")
    if model.zero_shot:
        offer(described, [words, sources[0], k, seed], answer, "search")
    offer(speak, [text, speaker, seed, rate, pause, kind], speech, "speech")
    offer(describe_model, [], answer, "search")


def find(model: FaceToVoice, photo: bytes, source: Source, k: int, seed: int) -> dict[str, Any]:
    """The answer of /candidates. Raises InputError."""
    if not photo:
        raise InputError("there is no photo; send a file")
    return rank(model, model.look(load_photo(photo)), source, k, seed)


def rank(model: FaceToVoice, seen: FaceResult, source: Source, k: int, seed: int) -> dict[str, Any]:
    """Candidates as JSON. Raises InputError."""
    if not isinstance(k, int):
        raise InputError(f"k is missing; ask for 1 to {MAX_K} voices")
    found = model.candidates(seen, k, source, _seed(seed))
    return {
        "model": model.model,
        "zero_shot": model.zero_shot,
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
    """The answer of /speak: the path of a file, after some that say nothing. Raises InputError.

    Each of these is a place where Gradio can leave a client that hung up: it closes the generator.
    """
    kind = _format(kind)
    check_length(text or "")
    voice, seed, said = model.candidate(speaker_id or ""), _seed(seed), list[Speech]()
    manner = {
        "rate": _number("rate", rate, 1.0, MIN_RATE, MAX_RATE),
        "pause": _number("pause", pause, PAUSE, 0, MAX_PAUSE),
    }
    for piece in paced(tap(model.recite(text or "", voice, seed, **manner), said)):
        if piece is None:
            yield gr.skip()
    yield write(master(join(said), LUFS), voice.speaker_id, seed, kind)


def write(speech: Speech, speaker_id: str, seed: int, kind: str) -> str:
    """Path of a new file in the app's private cache, named after voice and seed.

    A file rather than an array: Gradio would normalise the peak of an array and undo the loudness.
    """
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{file_name(speaker_id)}_seed{seed}.{kind}"
    audio.save(path, speech.wav, speech.sample_rate)
    return str(path)


def _seed(seed: int | None) -> int:
    if not isinstance(seed, int):
        raise InputError(f"the seed is missing; use a number from 0 to {MAX_SEED}")
    return seed


def _number(name: str, value: object, default: float, least: float, most: float) -> float:
    """gr.Number hands on whatever JSON a client sends."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"the {name} is {value!r}; send a number from {least:g} to {most:g}")
    return value


def _format(kind: str | None) -> str:
    """Of what gr.Radio lets through: a list of choices checks nothing by itself."""
    if kind is None:
        return audio.FORMATS[0]
    if kind not in audio.FORMATS:
        raise InputError(f"there is no format {kind!r}; use {', '.join(audio.FORMATS)}")
    return kind


@contextlib.contextmanager
def our_errors() -> Iterator[None]:
    """Our own messages reach the client; of anything else it learns only that it failed."""
    try:
        yield
    except Exception as error:
        raise gr.Error(ENGLISH.failure(error), print_exception=False) from None
