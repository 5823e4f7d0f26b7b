"""Whatever raters, tabs and restarts come in whatever order: every store does as a dictionary."""

from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from stores import answer, enrol, toy, url

from vclip.errors import ConflictError
from vclip.listening.store import store
from vclip.listening.store.records import Enrolment, Value
from vclip.listening.store.store import Store

__all__ = ["url"]  # a fixture

which = st.integers(0, 3)
positions = st.integers(0, 2)
tabs = st.sampled_from("xy")
requests = st.sampled_from(["one", "other"])
Opener = Callable[[], Store]


class Model(RuleBasedStateMachine):
    """Raters with their answers as (request, value), by position."""

    def __init__(self, opener: Opener, keeps_tabs: bool) -> None:
        super().__init__()
        self.opener, self.keeps_tabs = opener, keeps_tabs
        self.kept = opener()
        self.raters: list[Enrolment] = []
        self.answers: dict[int, dict[int, tuple[str, Value]]] = {}
        self.tabs: dict[int, str | None] = {}
        self.gone: list[Enrolment] = []

    def teardown(self) -> None:
        self.kept.close()

    @rule()
    def somebody_agrees(self) -> None:
        if len(self.raters) < 4:
            found = enrol(self.kept)
            assert found.rater not in self.answers.keys() | {one.rater for one in self.gone}
            self.raters.append(found)
            self.answers[found.rater], self.tabs[found.rater] = {}, None

    @precondition(lambda self: self.raters)
    @rule(n=which, tab=tabs)
    def a_tab_is_opened(self, n: int, tab: str) -> None:
        rater = self.raters[n % len(self.raters)].rater
        self.kept.claim(rater, tab)
        self.tabs[rater] = tab

    @precondition(lambda self: self.raters)
    @rule(n=which, at=positions, request=requests, value=st.sampled_from("12345"), tab=tabs)
    def an_answer_comes(self, n: int, at: int, request: str, value: str, tab: str) -> None:
        rater = self.raters[n % len(self.raters)].rater
        there, allowed = self.answers[rater].get(at), self.tabs[rater] in (None, tab)
        fine = there[0] == request if there else allowed
        try:
            self.kept.record(rater, answer(at, request, value), tab)
            assert fine
        except ConflictError:
            assert not fine
        if fine and not there:
            self.answers[rater][at], self.tabs[rater] = (request, value), tab

    @rule()
    def the_server_restarts(self) -> None:
        self.kept.close()
        self.kept = self.opener()
        if not self.keeps_tabs:
            self.tabs = dict.fromkeys(self.tabs)

    @precondition(lambda self: self.raters)
    @rule(n=which)
    def somebody_withdraws(self, n: int) -> None:
        one = self.raters.pop(n % len(self.raters))
        assert self.kept.withdraw(one.withdrawal) == len(self.answers.pop(one.rater))
        self.gone.append(one)

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        assert [self.kept.rater(one.token) for one in self.raters] == [r.rater for r in self.raters]
        for one in self.gone:
            assert self.kept.rater(one.token) is self.kept.known(one.token) is None
        for rater, expected in self.answers.items():
            found = self.kept.answers(rater)
            assert {at: (a.request, a.value) for at, a in found.items()} == expected
        for one in self.raters:
            known = self.kept.known(one.token)
            assert known and known.rater == one.rater
            assert [*known.trials] == self.kept.trials(one.rater)
            sent = {at: name for at, (name, _) in self.answers[one.rater].items()}
            assert (known.requests, [*known.marks]) == (sent, self.kept.marks(one.rater))
        ratings = [(rating.rater, rating.position) for rating in self.kept.ratings()]
        assert ratings == sorted((r, at) for r, found in self.answers.items() for at in found)
        assert self.kept.counts().raters == len(self.raters) + len(self.gone)


@pytest.mark.slow
def test_any_order_of_things(url: str) -> None:
    numbers, lines = count(1), url.startswith("jsonl:")

    def machine() -> Model:
        """With a study, or a folder, of its own."""
        n = next(numbers)
        place, study = (f"{url}{n}", toy()) if lines else (url, toy(version=str(n)))
        return Model(lambda: store.open_store(place, study), keeps_tabs=not lines)

    few = settings(max_examples=10, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(machine, settings=few)  # type: ignore[arg-type]
