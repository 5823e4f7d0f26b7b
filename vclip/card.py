"""A voice or a speech as a small JSON document, from which it can be made again.

A voice card names the model, its weights and the voice's id. A speech card says also what was said
and how, and the SHA-256 of the file: `FaceToVoice.speak` and `audio.encode` make the same bytes of
it, on the same kind of processor, with the same libraries and number of threads (programs of ours
use one); elsewhere the same but for rounding. No card says anything about a face.
"""

import datetime
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from vclip import audio
from vclip.errors import DataError, InputError
from vclip.pipeline import FaceToVoice
from vclip.speakers import voice_id
from vclip.speakers.candidates import Candidate
from vclip.speech.narrator import check_lufs, check_pause
from vclip.speech.synthesizer import Speech, check_rate, check_seed

VOICE, SPEECH = "vclip voice", "vclip speech"
VERSION = 1
MAX_SIZE = 64 * 1024  # bytes; what the app says fits many times
SOUND = ("synthesizer", "bank", "generation")  # what a voice is made of; the rest ranks voices
T = TypeVar("T")


def voice_card(model: FaceToVoice, candidate: Candidate) -> dict[str, Any]:
    """The document of a voice."""
    return {
        "kind": VOICE,
        "version": VERSION,
        "model": model.model,
        "weights": dict(model.weights),
        "voice": candidate.speaker_id,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def speech_card(
    model: FaceToVoice,
    candidate: Candidate,
    text: str,
    seed: int,
    rate: float,
    pause: float,
    lufs: float,
    kind: str,
    speech: Speech,
) -> dict[str, Any]:
    """The document of what `speak` made of these arguments, as a file of this kind."""
    data = audio.encode(speech.wav, speech.sample_rate, kind)
    return {
        **voice_card(model, candidate),
        "kind": SPEECH,
        "note": audio.COMMENT,
        "text": text,
        "seed": seed,
        "rate": rate,
        "pause": pause,
        "lufs": lufs,
        "format": kind,
        "sample_rate": speech.sample_rate,
        "seconds": round(speech.seconds, 3),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def to_json(document: Mapping[str, Any]) -> str:
    """A document as the text of its file."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


@dataclass(frozen=True)
class SpokenText:
    """How the speech of a card is made; kind and sha256 of its file."""

    text: str
    seed: int
    rate: float
    pause: float
    lufs: float
    kind: str
    sha256: str


@dataclass(frozen=True)
class Card:
    """A card that was read: voice is a canonical id, said None on the card of a voice."""

    model: str
    weights: dict[str, str]
    voice: str
    said: SpokenText | None

    def check(self, model: FaceToVoice) -> None:
        """Raise DataError if the voice was made of other weights than this model's."""
        for name in SOUND:
            theirs, ours = self.weights.get(name), model.weights.get(name)
            if theirs != ours:
                raise DataError(
                    f"the card is of the model {self.model!r} ({name} {_short(theirs)}), not of "
                    f"{model.model!r} ({name} {_short(ours)}); use it with the model that made it"
                )

    def speak(self, model: FaceToVoice) -> Speech:
        """Say again what a speech card says. Raises DataError for the card of a voice."""
        if self.said is None:
            raise DataError("the card is of a voice and says no text; give one")
        said, voice = self.said, model.candidate(self.voice)
        return model.speak(said.text, voice, said.seed, said.rate, said.pause, said.lufs)


def read_card(data: bytes | str) -> Card:
    """A card from the content of its file. Raises DataError for anything else."""
    fields = _fields(data)
    kind, version = fields.get("kind"), fields.get("version")
    if kind not in (VOICE, SPEECH):
        raise DataError("this is no card of a voice or a speech; choose a file that vclip saved")
    if version != VERSION or isinstance(version, bool):
        raise DataError(
            f"the card is of version {repr(version)[:20]}, this program reads version {VERSION}"
        )
    weights = _get(fields, "weights", dict)
    if not all(isinstance(value, str) for value in weights.values()):
        raise DataError("the card's weights are not names with hashes; save it again")
    try:
        voice = str(voice_id.parse(_get(fields, "voice", str)))
        said = _said(fields) if kind == SPEECH else None
    except InputError as error:
        raise DataError(f"the card cannot be used: {error}") from error
    return Card(_get(fields, "model", str)[:100], weights, voice, said)


def _fields(data: bytes | str) -> dict[str, Any]:
    """The JSON object of a file."""
    if len(data) > MAX_SIZE:
        raise DataError(f"the file has more than {MAX_SIZE // 1024} KB; a card is much smaller")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        fields = json.loads(text, parse_constant=_refuse)
        json.dumps(fields, ensure_ascii=False).encode()  # no half characters
    except (ValueError, RecursionError) as error:
        raise DataError("the file is not JSON; choose a card that vclip saved") from error
    if not isinstance(fields, dict):
        raise DataError("this is no card of a voice or a speech; choose a file that vclip saved")
    return fields


def _said(fields: Mapping[str, Any]) -> SpokenText:
    kind = _get(fields, "format", str)
    if kind not in audio.FORMATS:
        raise DataError(f"its format is {kind[:20]!r}, not one of {', '.join(audio.FORMATS)}")
    return SpokenText(
        text=_get(fields, "text", str),
        seed=_checked(_get(fields, "seed", int), check_seed),
        rate=_checked(_number(fields, "rate"), check_rate),
        pause=_checked(_number(fields, "pause"), check_pause),
        lufs=_checked(_number(fields, "lufs"), check_lufs),
        kind=kind,
        sha256=_get(fields, "sha256", str)[:64],
    )


def _checked(value: T, check: Callable[[T], None]) -> T:
    check(value)
    return value


def _get(fields: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = fields.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"the card's {name} is missing or of another kind; save it again")
    return value


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not _finite(value):
        raise DataError(f"the card's {name} is missing or no number; save it again")
    return float(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _short(digest: str | None) -> str:
    return digest[:8] if digest else "none"
