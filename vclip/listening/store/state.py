"""The state of a study's raters as a pure fold of its events: no disk, no clock, no lock.

States never change, a later one is another object; so a snapshot can be read by any thread.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from vclip.listening.design.study import Study
from vclip.listening.design.trials import Cell, Counts, Order, Trial, cell_of, presentation_order
from vclip.listening.store.journal import Event
from vclip.listening.store.records import Answer, Mark, Progress, Rating

RESERVED = timedelta(hours=1)  # unanswered trials of a rater not seen for longer are free again


@dataclass(frozen=True)
class RaterState:
    """One rater. token, withdrawal: SHA-256; types: of each trial's question; seen: last event."""

    rater: int
    study: str
    version: str
    token: str
    withdrawal: str
    created: str
    seen: str
    trials: tuple[Trial, ...]
    types: tuple[str, ...]
    tab: str | None = None  # the one that may answer
    answers: Mapping[int, Answer] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()

    @classmethod
    def enrolled(cls, event: Event) -> "RaterState":
        """State right after enrolment."""
        assert event.rater is not None
        names = ("study", "version", "token", "withdrawal")
        trials = event.data["trials"]
        return cls(
            rater=event.rater,
            created=event.created,
            seen=event.created,
            trials=tuple(_trial(one) for one in trials),
            types=tuple(one["type"] for one in trials),
            **{name: event.data[name] for name in names},
        )

    def after(self, event: Event) -> "RaterState":
        """State after one more event. The first answer to a position stays, and the first mark."""
        seen = max(self.seen, event.created)
        if event.kind == "claim":
            return replace(self, seen=seen, tab=event.data["tab"])
        if event.kind == "mark":
            mark = _mark(event)
            there = self.has(mark.kind, mark.position)
            return self if there else replace(self, seen=seen, marks=(*self.marks, mark))
        if event.kind == "answer":
            answer = _answer(event)
            self.trials[answer.position]  # there is one
            return replace(self, seen=seen, answers={answer.position: answer, **self.answers})
        return replace(self, seen=seen)

    @property
    def requests(self) -> dict[int, str]:
        """Names of the answers by position."""
        return {at: answer.request for at, answer in self.answers.items()}

    def has(self, kind: str, position: int = 0) -> bool:
        """Whether this mark is made."""
        return any((mark.kind, mark.position) == (kind, position) for mark in self.marks)

    def counted(self, at: datetime) -> Iterator[Order]:
        """Orders of rating trials that are answered, or may be soon."""
        lately = at - datetime.fromisoformat(self.seen) < RESERVED
        holds = lately and not self.has("refused")
        for trial in self.trials:
            if trial.purpose == "rating" and (holds or trial.position in self.answers):
                yield presentation_order(trial)

    def ratings(self) -> Iterator[Rating]:
        """Ratings of this rater, by position."""
        about = {"study": self.study, "version": self.version, "rater": self.rater}
        for at, answer in sorted(self.answers.items()):
            yield Rating.of(self.trials[at], answer, **about, type=self.types[at])

    def progress(self) -> Progress:
        """How far the rater is."""
        done, total = len(self.answers), len(self.trials)
        return Progress(self.rater, self.created, self.seen, done, total, self.marks)


@dataclass(frozen=True)
class StudyState:
    """All raters after the first n events. header: data of the study's event; gone: withdrew."""

    n: int = 0
    header: Mapping[str, str] = field(default_factory=dict)
    raters: Mapping[int, RaterState] = field(default_factory=dict)  # by number
    gone: frozenset[int] = frozenset()

    def after(self, events: Iterable[Event]) -> "StudyState":
        """The state that follows. Of who withdrew there may be no more than that."""
        n, header, raters, gone = self.n, self.header, dict(self.raters), set(self.gone)
        for n, event in enumerate(events, start=self.n + 1):  # noqa: B007
            if event.kind == "study":
                header = {name: str(value) for name, value in event.data.items()}
            elif event.rater is None:
                continue  # erased
            elif event.kind == "enrol":
                raters[event.rater] = RaterState.enrolled(event)
            elif event.kind == "withdraw":
                raters.pop(event.rater, None)
                gone.add(event.rater)
            else:
                raters[event.rater] = raters[event.rater].after(event)
        return StudyState(n, header, raters, frozenset(gone))

    @property
    def enrolled(self) -> int:
        """Raters who ever came."""
        return len(self.raters) + len(self.gone)

    @property
    def last(self) -> int:
        """The highest number that was given; none is given twice."""
        return max([0, *self.raters, *self.gone])

    def counts(self, study: Study, at: datetime) -> Counts:
        """Ratings that are made or reserved at this time."""
        orders = Counter(order for rater in self.raters.values() for order in rater.counted(at))
        cells = Counter[Cell]()
        for (question, item, conditions), n in orders.items():
            cells[cell_of(study, Trial(0, question, item, conditions))] += n
        return Counts(cells, orders, self.enrolled)

    def ratings(self) -> list[Rating]:
        """Ratings of all raters, by rater and position."""
        return [rating for _, one in sorted(self.raters.items()) for rating in one.ratings()]

    def progress(self) -> list[Progress]:
        """Progress of all raters, by number."""
        return [one.progress() for _, one in sorted(self.raters.items())]


def _mark(event: Event) -> Mark:
    data = event.data
    return Mark(data["kind_of"], data["position"], data["result"], event.created)


def _answer(event: Event) -> Answer:
    heard = [[(start, end) for start, end in slot] for slot in event.data["heard"]]
    return Answer(**{**event.data, "heard": heard, "created": event.created})


def _trial(data: Mapping[str, Any]) -> Trial:
    fields = {name: value for name, value in data.items() if name != "type"}
    names = {name: tuple(fields[name]) for name in ("conditions", "items")}
    return Trial(**{**fields, **names})
