"""A study file: JSON that says what is compared, what is asked and who rates how much.

`python -m vclip.listening.design.study STUDY.json` checks one, `--schema` prints the JSON schema.
"""

import argparse
import codecs
import hashlib
import json
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import soundfile
from pydantic import Field, PrivateAttr, ValidationError, model_validator

from vclip.errors import StudyError, reported
from vclip.listening.design import consistency
from vclip.listening.design.parts import ACR as ACR  # part of this module's face
from vclip.listening.design.parts import SLOTS as SLOTS
from vclip.listening.design.parts import Condition as Condition
from vclip.listening.design.parts import Design as Design
from vclip.listening.design.parts import Exclusion as Exclusion
from vclip.listening.design.parts import Gates as Gates
from vclip.listening.design.parts import Id, Part
from vclip.listening.design.parts import Item as Item
from vclip.listening.design.parts import Probe as Probe
from vclip.listening.design.parts import Question as Question
from vclip.listening.design.parts import Stimulus as Stimulus
from vclip.listening.design.trials import cells

MAX_SIZE = 16 * 2**20  # bytes of a study file
READ = (".flac", ".wav", ".mp3", ".ogg")
LENGTH = 0.02  # share by which a length may differ from the file's: decoders of MP3 do
Named = TypeVar("Named", Question, Item)


class Study(Part):
    """Everything that is fixed before the first rater comes."""

    study: Id = Field(description="id; ratings are kept under it")
    version: str = Field(default="1", min_length=1, max_length=40)
    title: str = Field(min_length=1)
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    consent: str = Field(min_length=1, description="raters agree to it before anything else")
    instructions: str = ""
    contact: str = Field(min_length=1, description="whom raters may ask")
    conditions: list[Condition] = Field(min_length=1)
    items: list[Item] = Field(min_length=1)
    questions: list[Question] = Field(min_length=1)
    design: Design
    gates: Gates = Gates()
    exclusion: Exclusion = Exclusion()
    completion: str = Field(
        default="VCLIP", pattern=r"^[A-Z0-9]{1,12}$", description="prefix of codes"
    )

    _folder: Path = PrivateAttr(default=Path())
    _sha256: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _fits_together(self) -> "Study":
        consistency.check(self)
        return self

    @property
    def folder(self) -> Path:
        """Where the study file lies; all paths begin there."""
        return self._folder

    @property
    def sha256(self) -> str:
        """Hash of the study file; of its canonical JSON where it was not read from one."""
        return self._sha256 or hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def file(self, path: str) -> Path:
        """A file that the study names. Raises StudyError if it would leave the folder."""
        found = (self._folder / path.replace("\0", "")).resolve()
        if "\\" in path or "\0" in path or not found.is_relative_to(self._folder.resolve()):
            raise StudyError(f"{path} is not in the study's folder; copy it there")
        return found

    def question(self, name: str) -> Question:
        """By id. Raises StudyError."""
        return _by_id(self.questions, name, "question")

    def item(self, name: str) -> Item:
        """By id. Raises StudyError."""
        return _by_id(self.items, name, "item")

    def conditions_of(self, question: Question) -> list[str]:
        """What a question is asked about, in the order of the file."""
        asked = question.conditions
        return [c.id for c in self.conditions if asked is None or c.id in asked]

    def pairs_of(self, question: Question) -> list[tuple[str, str]]:
        """ab, abx: which conditions meet, each pair sorted."""
        pairs = question.pairs or combinations(self.conditions_of(question), 2)
        return [(min(pair), max(pair)) for pair in pairs]

    @property
    def set_aside(self) -> set[str]:
        """Items of training and gold trials: they are not rated, so that all others are alike."""
        probes = [*self.design.training, *self.design.gold]
        return {p.item if isinstance(p, Probe) else p for p in probes}


def load(path: str | Path) -> Study:
    """Read and check a study with all its files. Raises StudyError naming file and field."""
    path = Path(path)
    data = read_file(path)
    study = parse(data, path.name)
    study._folder, study._sha256 = path.resolve().parent, hashlib.sha256(data).hexdigest()
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
    try:
        return Study.model_validate_json(_unmarked(data))
    except ValidationError as error:
        raise StudyError(f"{name}: {complaint(error)}") from error


def json_schema() -> dict[str, Any]:
    """JSON schema of study files, published as assets/studies/study.schema.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Study.model_json_schema(),
    }


def _by_id(found: list[Named], name: str, kind: str) -> Named:
    for one in found:
        if one.id == name:
            return one
    raise StudyError(f"the study has no {kind} {name!r}")


def read_file(path: Path) -> bytes:
    """What is in a study file or a recipe. Raises StudyError."""
    try:
        if path.stat().st_size > MAX_SIZE:
            raise StudyError(f"{path.name}: more than {MAX_SIZE >> 20} MB; no study needs that")
        return path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path.name}: cannot read {path}: {error.strerror or error}") from error


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


def _unmarked(data: bytes | str) -> bytes | str:
    """Without the mark that some editors put before UTF-8."""
    return data.removeprefix(codecs.BOM_UTF8) if isinstance(data, bytes) else data


def complaint(error: ValidationError) -> str:
    """The first mistake as one line, and how many more there are."""
    mistakes = error.errors(include_url=False, include_input=False)
    first, more = mistakes[0], len(mistakes) - 1
    where = ".".join(str(step) for step in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    line = f"{where + ': ' if where else ''}{what}{f' (and {more} more)' if more else ''}"
    return " ".join(line.split())  # a name in the file may have broken it


@reported
def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vclip.listening.design.study", description=__doc__
    )
    parser.add_argument("study", metavar="STUDY.json", nargs="?")
    parser.add_argument("--schema", action="store_true")
    options = parser.parse_args(argv)
    if options.schema:
        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    elif options.study:
        study = load(options.study)
        print(f"{study.study}: {len(study.items)} items, {len(cells(study))} cells, all files fine")
    else:
        parser.error("give a STUDY.json or --schema")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
