"""Records of raters: answer, step, enrolment, progress, and a rating with its trial."""

from dataclasses import dataclass, field
from typing import Any

from vclip.listening.design.trials import Trial

Value = str | dict[str, float]
"""ACR "1" to "5", slot "A" to "H", "tie"; multi: 0 to 100 by slot."""


@dataclass(frozen=True)
class Answer:
    """What a rater answered to one trial, as sent and measured."""

    position: int
    value: Value
    heard: list[list[tuple[float, float]]]  # played ranges of each slot, s
    plays: list[int]  # of each slot
    seconds: float  # from the trial's appearance to the answer, as the page measured it
    request: str  # the page's name for this answer: sent twice, it is one
    share: float = 0.0  # that was heard of the slot heard least; `session` measures it
    created: str = ""  # the store's time, UTC


@dataclass(frozen=True)
class Mark:
    """A step that a rater completed; position: of the trial that follows, or the attempt."""

    kind: str  # agree, volume, headphones, break
    position: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    created: str = ""


@dataclass(frozen=True)
class Enrolment:
    """What a new rater is told once: neither token nor code can be had again."""

    rater: int
    token: str
    withdrawal: str


@dataclass(frozen=True)
class Progress:
    """How far one rater is. done, total: trials of any purpose; seen, created: ISO, UTC."""

    rater: int
    created: str
    seen: str
    done: int
    total: int
    marks: tuple[Mark, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every trial is answered."""
        return self.done == self.total


@dataclass(frozen=True, kw_only=True)
class Rating(Trial):
    """A trial with its answer and all that is known of it without the study's file."""

    study: str
    version: str
    rater: int
    type: str  # of the question
    value: Value
    seconds: float
    heard: float  # share of the slot heard least
    plays: tuple[int, ...]
    created: str  # ISO, UTC

    @classmethod
    def of(cls, trial: Trial, answer: Answer, **about: Any) -> "Rating":
        """A trial and its answer. about: study and version, number of the rater, type."""
        return cls(
            **vars(trial),
            **about,
            value=answer.value,
            seconds=answer.seconds,
            heard=answer.share,
            plays=tuple(answer.plays),
            created=answer.created,
        )
