"""Study files: JSON that is read and held against its sounds and pictures; its JSON schema.

All errors are StudyErrors of one line that name the file and the field.
"""

import codecs
import hashlib
from pathlib import Path
from typing import Any, TypeVar

import soundfile
from pydantic import ValidationError

from vclip.errors import StudyError
from vclip.listening.design import validation
from vclip.listening.design.study import Part, Stimulus, Study

MAX_SIZE = 16 * 2**20  # bytes of a study file
READ = (".flac", ".wav", ".mp3", ".ogg")
LENGTH = 0.02  # share by which a length may differ from the file's: decoders of MP3 do
Document = TypeVar("Document", bound=Part)


def load(path: str | Path) -> Study:
    """Read and check a study with all its files. Raises StudyError naming file and field."""
    path = Path(path)
    data = read_file(path)
    study = parse(data, path.name)
    study.located(path.resolve().parent, hashlib.sha256(data).hexdigest())
    for item in study.items:
        for name, stimulus in item.stimuli.items():
            where = f"items.{item.id}.stimuli.{name}"
            _check_file(study, stimulus.path, stimulus.sha256, where)
            _check_length(study, stimulus, where)
        if item.face:
            _check_file(study, item.face, item.face_sha256, f"items.{item.id}.face")
    return study


def parse(data: bytes | str, name: str = "the study") -> Study:
    """A study from the content of its file, whose sounds are not looked at. Raises StudyError."""
    study = validated(Study, data, name)
    try:
        validation.check_study(study)
    except StudyError as error:
        raise StudyError(f"{name}: {error}") from error
    return study


def json_schema() -> dict[str, Any]:
    """JSON schema of study files, published as assets/studies/study.schema.json."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **Study.model_json_schema()}


def read_file(path: Path) -> bytes:
    """Bytes of a study file or a recipe. Raises StudyError."""
    try:
        if path.stat().st_size > MAX_SIZE:
            raise StudyError(f"{path.name}: more than {MAX_SIZE >> 20} MB; no study needs that")
        return path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path.name}: cannot read {path}: {error.strerror or error}") from error


def validated(kind: type[Document], data: bytes | str, name: str) -> Document:
    """JSON as a study or a recipe. Raises StudyError that tells the first mistake in one line."""
    if isinstance(data, bytes):
        data = data.removeprefix(codecs.BOM_UTF8)  # some editors put it before UTF-8
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        where = ".".join(str(step) for step in mistakes[0]["loc"])
        line = f"{where}: " if where else ""
        line += mistakes[0]["msg"].removeprefix("Value error, ")
        line += f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        # a name in the file may have broken the line
        raise StudyError(f"{name}: {' '.join(line.split())}") from error


def _check_file(study: Study, path: str, digest: str | None, field: str) -> None:
    """Raise StudyError if a file is missing, elsewhere, or not the one that was meant."""
    try:
        found = hashlib.sha256(study.file(path).read_bytes()).hexdigest()
    except StudyError as error:
        raise StudyError(f"{field}: {error}") from error
    except OSError as error:
        raise StudyError(f"{field}: cannot read {path}: {error.strerror or error}") from error
    if digest and found != digest:
        raise StudyError(
            f"{field}: {path} has the SHA-256 {found[:12]}…, the study says {digest[:12]}…; "
            "build the study again"
        )


def _check_length(study: Study, stimulus: Stimulus, field: str) -> None:
    """Raise StudyError where nobody could hear the whole sound, as its length is another."""
    try:
        info = soundfile.info(study.file(stimulus.path))
    except soundfile.LibsndfileError as error:
        if stimulus.seconds and not stimulus.path.lower().endswith(READ):
            return  # browsers may know more formats
        raise StudyError(
            f"{field}: {stimulus.path} is no sound that can be read; use FLAC, WAV or MP3"
        ) from error
    told, is_long = stimulus.seconds, info.frames / info.samplerate
    if told and abs(told - is_long) > LENGTH * is_long + 0.05:
        raise StudyError(
            f"{field}.seconds: {stimulus.path} has {is_long:.2f} s, the study says {told:g}; "
            "leave it out, and it is measured"
        )
