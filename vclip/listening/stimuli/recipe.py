"""Recipe of a study as JSON: questions, arms, faces and texts, of which `build` makes it.

    {"study": {…},                            a study file without conditions and items
     "arms": [{"id": "top", "label": "Best voice of the bank", "voice": "bank"},
              {"id": "foil", "label": "Voice for another face", "voice": "shuffled", "of": "top"}],
     "faces": ["../faces/1.jpg"], "texts": ["A text.", "Another one."]}

Paths begin at the recipe. Each face says each text; `items` adds more, or names them one by one.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from vclip.listening.design.study import Id, Part
from vclip.listening.design.study_file import read_file, validated

MADE = ("bank", "generated", "both")


class Arm(Part):
    """A condition, and where its voices come from.

    bank, generated, both: the voice of this rank for the face; random: one of the bank by lot;
    fixed: `speaker`; shuffled: what arm `of` has for another face, each face's voice used once;
    recording: a file of the item; mnru: arm `of` with the noise of ITU-T P.810, `q` dB below it.
    """

    id: Id
    label: str
    kind: Literal["system", "foil", "anchor"] = "system"
    voice: Literal[
        "bank", "generated", "both", "random", "fixed", "shuffled", "recording", "mnru"
    ] = "bank"
    model: str = Field("bundled", description="a model directory")
    rank: int = Field(1, ge=1, le=100)
    speaker: str | None = Field(None, description="fixed: a voice's id")
    of: Id | None = Field(None, description="shuffled, mnru: an arm before this one")
    q: float = Field(5.0, description="mnru: dB of signal over noise")
    items: list[Id] | None = Field(None, description="only these; all, if left out")


class ItemSpec(Part):
    """An item: a face that says a text."""

    id: Id
    face: str
    text: str = Field(min_length=1)
    recordings: dict[Id, str] = Field({}, description="sound file of each recording arm")


class StudyRecipe(Part):
    """Everything that a build needs to know."""

    study: dict[str, Any]
    arms: list[Arm] = Field(min_length=1)
    faces: list[str] = Field([])
    texts: list[str] = Field([])
    items: list[ItemSpec] = Field([])
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of voices by lot and of speech")
    format: Literal["flac", "wav", "mp3"] = "flac"
    sample_rate: int | None = Field(
        None, ge=8000, le=48000, description="Hz; the lowest of all sounds, if left out"
    )
    lufs: float = Field(-23.0, ge=-40, le=-14)

    @model_validator(mode="after")
    def _fits_together(self) -> "StudyRecipe":
        if not self.sources:
            raise ValueError("faces and texts, or items: there is nothing to say")
        seen: set[str] = set()
        for arm in self.arms:
            _check_arm(arm, seen)
            seen.add(arm.id)
        named = {source.id for source in self.sources}
        for arm in self.arms:
            if unknown := set(arm.items or []) - named:
                raise ValueError(f"arms.{arm.id}.items: there is no {min(unknown)!r}")
        return self

    @property
    def sources(self) -> list[ItemSpec]:
        """Each face with each text, then the named items."""
        pairs = [(face, text) for face in self.faces for text in self.texts]
        made = [ItemSpec(id=f"i{n}", face=f, text=t) for n, (f, t) in enumerate(pairs, start=1)]
        return made + self.items

    def has(self, arm: Arm, source: ItemSpec) -> bool:
        """Whether an item has a sound of this arm."""
        if arm.items is not None and source.id not in arm.items:
            return False
        if arm.voice == "mnru":
            return self.has(next(other for other in self.arms if other.id == arm.of), source)
        return arm.voice != "recording" or arm.id in source.recordings


def read(path: str | Path) -> StudyRecipe:
    """A recipe from its file. Raises StudyError naming file and field."""
    path = Path(path)
    return validated(StudyRecipe, read_file(path), path.name)


def _check_arm(arm: Arm, before: set[str]) -> None:
    if arm.id in before:
        raise ValueError(f"arms: the id {arm.id} is there twice")
    if (arm.voice in ("shuffled", "mnru")) != (arm.of is not None):
        raise ValueError(f"arms.{arm.id}.of: shuffled and mnru have one, and only they")
    if arm.of is not None and arm.of not in before:
        raise ValueError(f"arms.{arm.id}.of: name an arm before this one")
    if (arm.voice == "fixed") != (arm.speaker is not None):
        raise ValueError(f"arms.{arm.id}.speaker: a fixed voice has one, and only that")
