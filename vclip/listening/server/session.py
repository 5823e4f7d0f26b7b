"""The session of one rater: which step is next, which answers can be taken; no HTTP, no disk.

volume, headphones, then trial after trial (training, trial) with breaks between them, done. Where a
study requires headphones and two attempts fail, refused. Everything follows from what the store
has, so a reload or a restart changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from vclip.errors import ConflictError, InputError
from vclip.listening.design.study import SLOTS, Question, Stimulus, Study
from vclip.listening.design.trials import Trial
from vclip.listening.stimuli import headphones
from vclip.listening.store import codes
from vclip.listening.store.records import Answer, Mark
from vclip.listening.store.store import Store

ATTEMPTS = 2  # at the headphone check: Milne et al. (2021) let people try again
EDGE = 0.03  # s; ranges this close were played as one
SLACK = 0.1  # s; that browsers cut off or decoders add at the ends (MP3: two frames), at most …
SLACK_SHARE = 0.03  # … of the sound
TOLD = {
    "en": "This one checks your attention: whatever you hear, please answer “{}”.",
    "de": "Hier prüfen wir die Aufmerksamkeit: Was Sie auch hören, antworten Sie bitte „{}“.",
}

Ranges = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class RaterSession:
    """One rater and how far they are; requests: name of each answer by position."""

    study: Study
    secret: bytes
    rater: int
    trials: Sequence[Trial]
    requests: Mapping[int, str]
    marks: Sequence[Mark]

    @classmethod
    def of(cls, store: Store, token: str) -> "RaterSession | None":
        """The session with this token as it is now; None if nobody has it."""
        if (known := store.known(token)) is None:
            return None
        so_far = (known.trials, known.requests, known.marks)
        return cls(store.study, store.secret, known.rater, *so_far)

    def after(self, answer: Answer) -> "RaterSession":
        """The session with one more answer."""
        return replace(self, requests={**self.requests, answer.position: answer.request})

    def with_mark(self, mark: Mark) -> "RaterSession":
        """The session with one more step done."""
        return replace(self, marks=[*self.marks, mark])

    @cached_property
    def trial(self) -> Trial | None:
        """The first trial that is not answered."""
        return next((t for t in self.trials if t.position not in self.requests), None)

    @cached_property
    def step(self) -> str:
        """Name of what the rater has to do now."""
        if self.trial is None:
            return "done"
        if self.study.gates.volume and not self._has("volume"):
            return "volume"
        if self._has("refused"):
            return "refused"
        if not self._headphones_settled():
            return "headphones"
        if self.trial.purpose == "training":
            return "training"
        return "break" if self._break_is_due(self.trial) else "trial"

    @property
    def attempts(self) -> list[Mark]:
        """Attempts at the headphone screening so far."""
        return [mark for mark in self.marks if mark.kind == "headphones"]

    @property
    def attempt(self) -> int:
        """Number of the attempt that is next, from 0."""
        return len(self.attempts)

    def _has(self, kind: str, position: int = 0) -> bool:
        return any((mark.kind, mark.position) == (kind, position) for mark in self.marks)

    def _headphones_settled(self) -> bool:
        """Passed, or tried often enough where that is no condition."""
        passed = any(mark.result["passed"] for mark in self.attempts)
        return self.study.gates.headphones == "off" or passed or self.attempt >= ATTEMPTS

    def _break_is_due(self, trial: Trial) -> bool:
        every = self.study.design.break_every
        done = sum(t.purpose != "training" for t in self.trials[: trial.position])
        due = every is not None and done > 0 and done % every == 0
        return due and not self._has("break", trial.position)


def view(session: RaterSession) -> dict[str, Any]:
    """State sent to the page; discloses no conditions or items, of purposes training only."""
    step = session.step
    shown = session.trial if step in ("training", "trial") else None
    code = codes.completion(session.secret, session.study.completion, session.rater)
    return {
        "step": step,
        "done": len(session.requests),
        "total": len(session.trials),
        "trial": show(session.study, shown) if shown else None,
        "attempt": session.attempt if step == "headphones" else None,
        "code": code if step == "done" else None,
    }


def show(study: Study, trial: Trial) -> dict[str, Any]:
    """A trial as the page shows it."""
    question, item, at = study.question(trial.question), study.item(trial.item), trial.position
    return {
        "position": at,
        "type": question.type,
        "prompt": question.prompt,
        "labels": list(question.scale.values()) or None,
        "text": item.text,
        "face": f"/study/api/face/{at}" if question.shows_face and item.face else None,
        "slots": slots(question, trial),
        "audio": [f"/study/api/audio/{at}/{i}" for i in range(len(trial.conditions))],
        "ties": question.ties,
        "purpose": "training" if trial.purpose == "training" else None,
        "instruction": _told(study, question, trial) if trial.purpose == "attention" else None,
    }


def slots(question: Question, trial: Trial) -> list[str]:
    """Labels of the sounds of a trial."""
    names = list(SLOTS[: len(trial.conditions)])
    return [*names[:2], "X"] if question.type == "abx" else names


def _told(study: Study, question: Question, trial: Trial) -> str:
    value = trial.expected or ""
    label = question.scale.get(value)
    return TOLD.get(study.language[:2], TOLD["en"]).format(f"{value} – {label}" if label else value)


def stimuli(study: Study, trial: Trial) -> list[Stimulus]:
    """The sound of each slot of a trial."""
    return [study.item(item).stimuli[condition] for item, condition in trial.sounds]


def take(session: RaterSession, answer: Answer, lengths: Sequence[float]) -> Answer:
    """The answer to the trial that is shown, with the share that was heard; lengths of slots in s.

    Raises ConflictError if another trial or step is next, InputError if it cannot be an answer.
    """
    trial = session.trial
    if session.step not in ("training", "trial") or trial is None:
        raise ConflictError("no answer is asked for now; reload the page to go on")
    if trial.position != answer.position:
        raise ConflictError("another question is next; reload the page to go on")
    if not len(answer.heard) == len(answer.plays) == len(trial.conditions):
        raise InputError(f"there are {len(trial.conditions)} sounds; tell of each what was heard")
    check_value(session.study.question(trial.question), trial, answer)
    shares = [share(ranges, s) for ranges, s in zip(answer.heard, lengths, strict=True)]
    if min(shares) < session.study.gates.heard:
        raise InputError("please hear every sound to its end before you answer")
    return replace(answer, share=min(shares))


def check_value(question: Question, trial: Trial, answer: Answer) -> None:
    """Raise InputError unless the question can be answered so."""
    value = answer.value
    if question.type == "multi":
        named = isinstance(value, dict) and sorted(value) == sorted(slots(question, trial))
        if not (named and isinstance(value, dict) and all(0 <= n <= 100 for n in value.values())):
            raise InputError("answer with a number from 0 to 100 for every sound")
    elif not isinstance(value, str) or value not in question.values:
        raise InputError(f"answer with one of {', '.join(question.values)}")


def share(ranges: Ranges, seconds: float) -> float:
    """Share of a sound covered by played ranges, 0 to 1. A jump leaves a gap."""
    covered, end = 0.0, 0.0
    for start, stop in sorted(ranges):
        start = max(start, 0.0) if start > end + EDGE else end
        stop = min(stop, seconds)
        covered += max(0.0, stop - start)
        end = max(end, stop)
    slack = min(SLACK, SLACK_SHARE * seconds)
    return min(1.0, (covered + slack) / seconds) if covered else 0.0


def is_repeated(session: RaterSession, answer: Answer) -> bool:
    """Whether this very answer was taken before."""
    return session.requests.get(answer.position) == answer.request


def targets(session: RaterSession, attempt: int) -> list[int]:
    """Right answers of an attempt at the headphone check."""
    seed = codes.seed(session.secret, f"headphones {attempt}", session.rater)
    return headphones.targets(np.random.default_rng(seed))


def next_marks(session: RaterSession, step: str, result: Any, attempt: int | None) -> list[Mark]:
    """Marks to record once a step is done; none if it was done before.

    result: of headphones the six intervals, 0 to 2. Raises InputError.
    """
    if step == "headphones":
        return _screened(session, result, attempt)
    if step not in ("volume", "break"):
        raise InputError(f"there is no step {step!r}")
    if step != session.step:
        return []
    assert session.trial
    return [Mark(step, session.trial.position if step == "break" else 0)]


def _screened(session: RaterSession, result: Any, attempt: int | None) -> list[Mark]:
    if session.step != "headphones" or attempt not in (None, session.attempt):
        return []
    if attempt is None and session.attempts and session.attempts[-1].result["answers"] == result:
        return []  # sent twice
    fine = isinstance(result, list) and all(type(n) is int and 0 <= n < 3 for n in result)
    if not fine or len(result) != headphones.TRIALS:
        raise InputError(
            f"answer with {headphones.TRIALS} numbers from 0 to {headphones.INTERVALS - 1}"
        )
    passed = headphones.passed(targets(session, session.attempt), result)
    found = [Mark("headphones", session.attempt, {"answers": result, "passed": passed})]
    is_last = session.attempt + 1 >= ATTEMPTS
    if is_last and not passed and session.study.gates.headphones == "require":
        found.append(Mark("refused"))
    return found
