"""One rater as a file of JSON lines, and what of it is kept in memory."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from vclip.errors import ConflictError, DataError
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Order, Trial, order_of
from vclip.listening.store import lines
from vclip.listening.store.lines import Line
from vclip.listening.store.store import Answer, Mark, Progress, Rating, judgement, lately, now


@dataclass
class SessionFile:
    """A rater. token, withdrawal: SHA-256; kinds: type of each trial's question."""

    path: Path
    rater: int
    study: str
    version: str
    token: str
    withdrawal: str
    created: str
    seen: str
    trials: tuple[Trial, ...]
    kinds: tuple[str, ...]
    tab: str | None = None
    answers: dict[int, Answer] = field(default_factory=dict)
    marks: dict[tuple[str, int], Mark] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def new(
        cls, path: Path, study: Study, trials: Sequence[Trial], *, token: str, withdrawal: str
    ) -> "SessionFile":
        """Written at once."""
        at = now()
        kinds = tuple(study.question(trial.question).type for trial in trials)
        agreed = Mark("agree", result={"study_sha256": study.sha256}, created=at)
        first = {
            "kind": "enrol",
            "rater": int(path.stem),
            "study": study.study,
            "version": study.version,
            "token": token,
            "withdrawal": withdrawal,
            "created": at,
            "trials": [
                {**asdict(trial), "type": kind} for trial, kind in zip(trials, kinds, strict=True)
            ],
        }
        path.unlink(missing_ok=True)  # of a crash within this line
        lines.append(path, first, mark_line(agreed))
        found = cls._first(path, first)
        found.marks["agree", 0] = agreed
        return found

    @classmethod
    def _first(cls, path: Path, line: Line) -> "SessionFile":
        plain = {n: line[n] for n in ("rater", "study", "version", "token", "withdrawal")}
        return cls(
            path=path,
            created=line["created"],
            seen=line["created"],
            trials=tuple(_trial(one) for one in line["trials"]),
            kinds=tuple(one["type"] for one in line["trials"]),
            **plain,
        )

    @classmethod
    def replayed(cls, path: Path) -> "SessionFile | None":
        """From its file, mended; None if the rater never got as far as being enrolled."""
        return cls._from(path, lines.replay(path))

    @classmethod
    def read(cls, path: Path) -> "SessionFile | None":
        """The same without touching the file, which may be in use."""
        return cls._from(path, lines.replay(path, mend=False))

    @classmethod
    def _from(cls, path: Path, found: list[Line]) -> "SessionFile | None":
        try:
            return cls._of(path, found) if found else None
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path.name} is not what a rater's file looks like; restore it from a copy"
            ) from error

    @classmethod
    def _of(cls, path: Path, found: list[Line]) -> "SessionFile":
        session = cls._first(path, found[0])
        for line in found[1:]:
            kind = line.pop("kind")
            session.seen = max(session.seen, line["created"])
            if kind == "answer":
                session.trials[line["position"]]  # there is one
                session.answers[line["position"]] = _answer(line)
            elif kind == "mark":
                session.marks[line["kind_of"], line["position"]] = _mark(line)
        return session

    def record(self, answer: Answer, tab: str) -> None:
        """See store.Store; under the lock, as all that follows."""
        there = self.answers.get(answer.position)
        if there:
            if there.request == answer.request:
                return
            raise ConflictError("this was answered before; reload the page to go on")
        if self.tab not in (None, tab):
            raise ConflictError("the test goes on in another window; answer there")
        answer = replace(answer, created=now())
        lines.append(self.path, {"kind": "answer", **asdict(answer)})
        self.answers[answer.position] = answer
        self.tab, self.seen = tab, answer.created

    def mark(self, mark: Mark) -> None:
        """The first of each kind and position stays."""
        if (mark.kind, mark.position) in self.marks:
            return
        mark = replace(mark, created=now())
        lines.append(self.path, mark_line(mark))
        self.marks[mark.kind, mark.position] = mark
        self.seen = mark.created

    def log(self, events: Sequence[Mapping[str, Any]]) -> None:
        """One line each, one write."""
        at = now()
        found = [{"kind": "event", "event": dict(event), "created": at} for event in events]
        lines.append(self.path, *found)
        self.seen = at

    def delete(self) -> None:
        """The file is gone, durably."""
        self.path.unlink()
        lines.sync(self.path.parent)

    def events(self) -> list[dict[str, Any]]:
        """From the file: nobody needs them while the test runs."""
        found = lines.replay(self.path, mend=False)
        return [line["event"] for line in found if line["kind"] == "event"]

    def counted(self) -> Iterator[Order]:
        """Orders of rating trials that are answered, or may be soon."""
        holds = lately(self.seen) and ("refused", 0) not in self.marks
        for trial in self.trials:
            if trial.purpose == "rating" and (holds or trial.position in self.answers):
                yield order_of(trial)

    def ratings(self) -> list[Rating]:
        """By position."""
        found = sorted(self.answers.copy().items())
        return [self._rating(self.trials[position], answer) for position, answer in found]

    def _rating(self, trial: Trial, answer: Answer) -> Rating:
        return judgement(
            trial,
            answer,
            study=self.study,
            version=self.version,
            rater=self.rater,
            type=self.kinds[trial.position],
        )

    def progress(self) -> Progress:
        """How far the rater is."""
        marks = tuple(self.marks.copy().values())
        done, total = len(self.answers), len(self.trials)
        return Progress(self.rater, self.created, self.seen, done, total, marks)


def mark_line(mark: Mark) -> Line:
    """As it is written; "kind" is of the line."""
    made = {"position": mark.position, "result": mark.result, "created": mark.created}
    return {"kind": "mark", "kind_of": mark.kind, **made}


def _mark(line: Line) -> Mark:
    return Mark(line["kind_of"], line["position"], line["result"], line["created"])


def _answer(line: Line) -> Answer:
    heard = [[(start, end) for start, end in slot] for slot in line["heard"]]
    return Answer(**{**line, "heard": heard})


def _trial(line: Line) -> Trial:
    fields = {name: value for name, value in line.items() if name != "type"}
    names = {name: tuple(fields[name]) for name in ("conditions", "items")}
    return Trial(**{**fields, **names})
