"""Cards: a voice or a speech as a small JSON document, from which it can be made again.

A voice card names the model, its weights and the voice's id. A speech card says also what was said
and how, and the SHA-256 of the file: `FaceToVoice.speak` and `audio.encode` make the same bytes of
it, on the same kind of processor, with the same libraries and number of threads (programs of ours
use one); elsewhere the same but for rounding. No card says anything about a face.
"""

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

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
STRICT = ConfigDict(strict=True, allow_inf_nan=False)
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


def _passing(check: Callable[[T], None]) -> AfterValidator:
    """A value that this check lets pass; its InputError is not pydantic's to catch."""

    def validate(value: T) -> T:
        check(value)
        return value

    return AfterValidator(validate)


@dataclass(frozen=True, config=STRICT)
class SpokenText:
    """The arguments of `speak` on the card of a speech; kind and SHA-256 of its file."""

    text: str
    seed: Annotated[int, _passing(check_seed)]
    rate: Annotated[float, _passing(check_rate)]
    pause: Annotated[float, _passing(check_pause)]
    lufs: Annotated[float, _passing(check_lufs)]
    kind: Annotated[audio.Format, Field(alias="format")]
    sha256: str


@dataclass(frozen=True, config=STRICT)
class Card:
    """A card that was read: voice is a canonical id, said None on the card of a voice."""

    model: Annotated[str, AfterValidator(lambda name: name[:100])]
    weights: dict[str, str]
    voice: Annotated[str, AfterValidator(lambda text: str(voice_id.parse(text)))]
    said: SpokenText | None = None

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
    try:
        said = SpokenText(**fields) if kind == SPEECH else None
        return Card(**fields | {"said": said})
    except ValidationError as error:
        wrong = error.errors()[0]
        raise DataError(
            f"the card's {wrong['loc'][0]} cannot be used: {wrong['msg']}; save it again"
        ) from error
    except InputError as error:
        raise DataError(f"the card cannot be used: {error}") from error


def _fields(data: bytes | str) -> dict[str, Any]:
    """The JSON object of a file."""
    if len(data) > MAX_SIZE:
        raise DataError(f"the file has more than {MAX_SIZE // 1024} KB; a card is much smaller")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        fields = TypeAdapter(Any).validate_json(text)
    except ValueError as error:
        raise DataError("the file is not JSON; choose a card that vclip saved") from error
    if not isinstance(fields, dict):
        raise DataError("this is no card of a voice or a speech; choose a file that vclip saved")
    return fields


def _short(digest: str | None) -> str:
    return digest[:8] if digest else "none"
