"""The fold of events: the same however it is cut, and blind to what a withdrawal erased."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import toy_study
from hypothesis import given
from hypothesis import strategies as st

from vclip.listening.store.journal import Event
from vclip.listening.store.state import StudyState

RATERS = (1, 2, 3)
AT = "2026-01-01T00:00:0{}.000+00:00"
TRIAL = {"question": "q", "item": "i", "conditions": ["a"], "items": [], "purpose": "rating"}


def enrolled(rater: int) -> Event:
    trials = [{**TRIAL, "position": n, "expected": None, "type": "acr_fit"} for n in range(3)]
    hashes = {"token": f"token {rater}", "withdrawal": f"code {rater}"}
    return Event(
        "enrol", rater, {"study": "s", "version": "1", **hashes, "trials": trials}, AT.format(0)
    )


def answered(position: int, request: str) -> dict[str, Any]:
    heard, plays = [[[0.0, 1.0]]], [1]
    fields = {"value": "4", "seconds": 1.0, "share": 1.0, "heard": heard, "plays": plays}
    return {"position": position, "request": request, **fields}


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Of three raters, mixed, each as long as they are there."""
    kinds = ("claim", "mark", "answer", "event", "withdraw")
    events = [Event("study", None, {"study": "s"}, AT.format(0))]
    came, there = set[int](), set[int]()
    for rater, kind, n in draw(
        st.lists(st.tuples(st.sampled_from(RATERS), st.sampled_from(kinds), st.integers(0, 2)))
    ):
        if rater not in came:
            events.append(enrolled(rater))
            came.add(rater)
            there.add(rater)
        if rater not in there:
            continue
        there -= {rater} if kind == "withdraw" else set()
        data: dict[str, dict[str, Any]] = {
            "claim": {"tab": f"tab {n}"},
            "mark": {"kind_of": "break", "position": n, "result": {"n": len(events)}},
            "answer": answered(n, f"request {len(events)}"),
            "event": {"event": {}},
            "withdraw": {},
        }
        events.append(Event(kind, rater, data[kind], AT.format(n)))
    return events


@given(histories(), st.integers(0, 50))
def test_it_does_not_matter_where_the_fold_is_cut(events: list[Event], at: int) -> None:
    whole = StudyState().after(events)
    assert StudyState().after(events[:at]).after(events[at:]) == whole
    assert whole.n == len(events)


@given(histories(), st.integers(0, 50))
def test_what_is_erased_leaves_no_trace(events: list[Event], at: int) -> None:
    """To who folds the blanked journal from the start, or goes on within it."""
    gone = {event.rater for event in events if event.kind == "withdraw"}
    keeps = [event.kind == "withdraw" or event.rater not in gone for event in events]
    blank = [
        event if keep else Event("erased", None, {}, "")
        for event, keep in zip(events, keeps, strict=True)
    ]
    whole = StudyState().after(events)
    assert StudyState().after(blank) == StudyState().after(events[:at]).after(blank[at:]) == whole
    assert whole.gone == gone and not gone & whole.raters.keys()


@given(histories())
def test_the_first_answer_and_the_first_mark_stay(events: list[Event]) -> None:
    state = StudyState().after(events)
    for number, rater in state.raters.items():
        mine = [event for event in events if event.rater == number]
        for at, answer in rater.answers.items():
            sent = [e.data for e in mine if e.kind == "answer" and e.data["position"] == at]
            assert answer.request == sent[0]["request"]
        made = [(mark.kind, mark.position) for mark in rater.marks]
        assert len(made) == len(set(made))
        assert rater.seen == max(event.created for event in mine)


def test_a_state_is_never_changed() -> None:
    before = StudyState().after([enrolled(1)])
    copy = replace(before, raters=dict(before.raters))
    before.after([Event("answer", 1, answered(0, "r"), AT.format(1)), Event("withdraw", 1)])
    assert before == copy


def test_numbers_of_who_is_gone_are_not_given_again() -> None:
    state = StudyState().after([enrolled(1), Event("withdraw", 5)])
    assert (state.enrolled, state.last) == (2, 5)
    later = StudyState().after([Event("erased", None, {}, ""), Event("withdraw", 5), enrolled(6)])
    assert (later.enrolled, later.last) == (2, 6)


def test_reserved_trials_are_free_after_an_hour() -> None:
    """To the moment, as no clock is asked."""
    asked = toy_study.study(3, "abc", "acr_fit")
    rater = enrolled(1)
    trials = [{**one, "question": "acr_fit", "item": "i0"} for one in rater.data["trials"]]
    state = StudyState().after([replace(rater, data={**rater.data, "trials": trials})])
    for at, n in (((0, 59, 59), 3), ((1, 0, 0), 0)):
        counts = state.counts(asked, datetime(2026, 1, 1, *at, tzinfo=UTC))
        assert sum(counts.cells.values()) == sum(counts.orders.values()) == n
        assert counts.raters == 1
