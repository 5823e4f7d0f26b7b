"""The data model of a listening test: what is compared, what is asked, who rates how much.

A study file is this model as JSON; `study_file` reads it, `validation` checks how its parts fit.
"""

import hashlib
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from vclip.errors import StudyError

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
QuestionType = Literal["acr_naturalness", "acr_fit", "ab", "abx", "afc", "multi"]
ACR = ("acr_naturalness", "acr_fit")
SLOTS = "ABCDEFGH"  # what voices of one trial are called
LABELS = {  # best first; ITU-T P.800, annex B, and the same five steps for fit
    "acr_naturalness": ["Excellent", "Good", "Fair", "Poor", "Bad"],
    "acr_fit": ["Fits very well", "Fits well", "Fits partly", "Fits poorly", "Does not fit"],
}


class Part(BaseModel):
    """Base of all parts: unknown names are mistakes, nothing changes once it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Stimulus(Part):
    """A sound file beside the study file, and where it came from."""

    path: str = Field(min_length=1, description="relative to the study file")
    sha256: Digest
    lufs: float | None = Field(None, description="measured loudness (ITU-R BS.1770)")
    seconds: float | None = Field(None, gt=0)
    voice: str | None = Field(None, description="id of the voice")
    model: str | None = None
    seed: int | None = None
    weights: dict[str, str] | None = Field(None, description="SHA-256 of the model's components")


class Condition(Part):
    """One of the arms that are compared."""

    id: Id
    label: str = Field(min_length=1, description="for the researcher; raters never see it")
    kind: Literal["system", "foil", "anchor"] = "system"


class Item(Part):
    """A face and a text, with one sound for each condition that it has."""

    id: Id
    text: str = Field(min_length=1)
    face: str | None = Field(None, min_length=1, description="picture, relative to the study file")
    face_sha256: Digest | None = None
    stimuli: dict[Id, Stimulus] = Field(min_length=1)


class Question(Part):
    """What is asked about one or several sounds."""

    id: Id
    type: QuestionType
    prompt: str = Field(min_length=1)
    conditions: list[Id] | None = Field(None, min_length=1, description="all, if left out")
    pairs: list[tuple[Id, Id]] | None = Field(
        None, min_length=1, description="ab, abx: which conditions meet; all pairs, if left out"
    )
    ties: bool = Field(False, description="ab: may be answered by 'no preference'")
    target: Id | None = Field(None, description="afc: the condition that belongs to the face")
    k: int = Field(2, ge=2, le=len(SLOTS), description="afc: voices to choose from")
    labels: list[str] | None = Field(
        None, min_length=5, max_length=5, description="acr: of the five values, best first"
    )
    face: bool | None = Field(
        None, description="whether the face is shown; by default not for acr_naturalness and abx"
    )

    @property
    def shows_face(self) -> bool:
        """Whether raters see the item's face beside the sounds."""
        return self.type not in ("acr_naturalness", "abx") if self.face is None else self.face

    @property
    def scale(self) -> dict[str, str]:
        """ACR: label of each value, "5" first; empty for other types."""
        labels = (self.labels or LABELS[self.type]) if self.type in ACR else []
        return {str(5 - i): label for i, label in enumerate(labels)}

    @property
    def values(self) -> list[str]:
        """All that can be answered; empty for multi, whose answers are numbers from 0 to 100."""
        if self.type in ACR:
            return list(self.scale)
        if self.type == "afc":
            return list(SLOTS[: self.k])
        if self.type == "multi":
            return []
        return ["A", "B", "tie"] if self.type == "ab" and self.ties else ["A", "B"]


class Probe(Part):
    """A trial that is not rated: training, or gold if its answer is known.

    expected: acr a value, ab a condition or "tie"; of abx and afc it is known by itself.
    """

    question: Id
    item: Id
    conditions: list[Id] = Field([], max_length=2, description="acr: one; ab, abx: the pair")
    expected: str | None = None
    tolerance: float = Field(0, ge=0, description="acr: how far off is still right")


class Design(Part):
    """Who rates how much, and what comes between."""

    trials_per_rater: int = Field(ge=1, le=500, description="ratings, without the trials below")
    ratings_per_cell: int | None = Field(None, ge=1, description="quota; none, if left out")
    training: list[Probe | Id] = Field(
        [], description="first trials; an item's id stands for one trial of each question"
    )
    attention: int = Field(0, ge=0, le=20, description="trials that say which answer to give")
    gold: list[Probe] = []
    break_every: int | None = Field(None, ge=1, description="trials between breaks")
    seed: int | None = Field(None, ge=0, description="for rehearsals: makes the orders guessable")


class Gates(Part):
    """What must be passed before and during the ratings."""

    volume: bool = True
    headphones: Literal["off", "warn", "require"] = "warn"
    heard: Share = Field(0.95, description="of every sound, before it can be rated")


class Exclusion(Part):
    """Rules that are fixed before the first rating; a rater who breaks one is left out."""

    attention_min: Share = Field(1.0, description="share of attention trials answered as told")
    gold_min: Share = Field(0.7, description="share of gold trials answered right")
    min_variance: float = Field(
        0.1, ge=0, description="of a rater's ACR values (P.808 toolkit), if 10 or more"
    )
    max_side: Share = Field(
        0.95, description="largest share of one slot among ab, abx, afc, if 10 or more"
    )
    min_seconds: float = Field(0.0, ge=0, description="median time of a rater's answers")
    heard: Share = Field(0.95, description="least share of a sound, of each rating")


Named = TypeVar("Named", Question, Item)


class Study(Part):
    """Everything that is fixed before the first rater comes."""

    study: Id = Field(description="id; ratings are kept under it")
    version: str = Field("1", min_length=1, max_length=40)
    title: str = Field(min_length=1)
    language: str = Field("en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    consent: str = Field(min_length=1, description="raters agree to it before anything else")
    instructions: str = ""
    contact: str = Field(min_length=1, description="whom raters may ask")
    conditions: list[Condition] = Field(min_length=1)
    items: list[Item] = Field(min_length=1)
    questions: list[Question] = Field(min_length=1)
    design: Design
    gates: Gates = Gates()
    exclusion: Exclusion = Exclusion()
    completion: str = Field("VCLIP", pattern=r"^[A-Z0-9]{1,12}$", description="prefix of codes")

    _folder: Path = PrivateAttr(default=Path())
    _sha256: str = PrivateAttr(default="")

    def located(self, folder: Path, sha256: str) -> "Study":
        """This study as read from a file in the folder, with the file's hash."""
        self._folder, self._sha256 = folder, sha256
        return self

    @property
    def folder(self) -> Path:
        """The study file's folder; all paths are relative to it."""
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
        """Conditions that a question compares, in the order of the file."""
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


def _by_id(found: list[Named], name: str, kind: str) -> Named:
    for one in found:
        if one.id == name:
            return one
    raise StudyError(f"the study has no {kind} {name!r}")
