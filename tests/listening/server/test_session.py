"""A rater's way through a study, without a server: steps, what was heard, what is an answer."""

from dataclasses import replace

import numpy as np
import pytest
import toy_study
from hypothesis import given
from hypothesis import strategies as st

from vclip.errors import ConflictError, InputError
from vclip.listening.design.session_plan import plan_session
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Counts
from vclip.listening.server import session
from vclip.listening.server.session import RaterSession, next_marks, share, take, view
from vclip.listening.store.records import Answer, Mark, Value

EVERYTHING = "acr_naturalness acr_fit ab abx afc multi"
times = st.floats(0, 10, allow_nan=False)


def begun(types: str = EVERYTHING, **gates: object) -> RaterSession:
    """A rater who just agreed; a break after every second trial."""
    attention = 0 if types == "multi" else 2  # what to drag where cannot be told
    fields = {"training": ["i0"], "attention": attention, "break_every": 2}
    asked = toy_study.fields(8, types=types, **fields)
    asked["gates"] = {"volume": False, "headphones": "off", **gates}
    study = Study.model_validate(asked)
    trials = plan_session(study, Counts(), np.random.default_rng(3))
    return RaterSession(study, b"secret", 1, trials, {}, [])


def fitting(now: RaterSession) -> Answer:
    """Something that can be answered to what is shown."""
    assert now.trial
    question, n = now.study.question(now.trial.question), len(now.trial.conditions)
    value: Value = {slot: 50.0 for slot in session.slots(question, now.trial)}
    return Answer(
        position=now.trial.position,
        value=question.values[0] if question.values else value,
        heard=[[(0.0, 2.0)]] * n,
        plays=[1] * n,
        seconds=4.0,
        request="once",
    )


def taken(now: RaterSession, answer: Answer) -> Answer:
    return take(now, answer, [2.0] * len(answer.heard))


def walked(now: RaterSession) -> tuple[list[str], RaterSession]:
    """All steps to the end."""
    steps = []
    while now.step != "done":
        steps.append(now.step)
        if now.step in ("training", "trial"):
            now = now.after(taken(now, fitting(now)))
        else:
            result = session.targets(now, now.attempt) if now.step == "headphones" else None
            for mark in next_marks(now, now.step, result, None):
                now = now.with_mark(mark)
    return steps, now


def test_one_step_follows_the_other() -> None:
    steps, end = walked(begun("acr_fit", volume=True, headphones="require"))
    assert steps == [
        *("volume", "headphones", "training"),
        *("trial", "trial", "break", "trial", "trial", "break"),
        *("trial", "trial", "break", "trial", "trial"),
    ]
    assert view(end) == {
        "step": "done",
        "done": 9,
        "total": 9,
        "trial": None,
        "attempt": None,
        "code": view(end)["code"],
    }


def test_every_type_of_question_has_its_screen() -> None:
    now, seen = begun(), {}
    while now.step != "done":
        told = view(now)["trial"]
        if told:
            seen[told["type"]] = told
        step = fitting(now) if told else None
        now = (
            now.after(taken(now, step))
            if step
            else now.with_mark(next_marks(now, "break", 0, 0)[0])
        )
    assert set(seen) == set(EVERYTHING.split())
    assert {kind: "".join(told["slots"]) for kind, told in seen.items()} == {
        "acr_naturalness": "A",
        "acr_fit": "A",
        "ab": "AB",
        "abx": "ABX",
        "afc": "ABC",
        "multi": "ABC",
    }
    assert seen["acr_naturalness"]["labels"] == ["Excellent", "Good", "Fair", "Poor", "Bad"]
    assert seen["ab"]["labels"] is None
    assert seen["acr_naturalness"]["face"] is None and seen["acr_fit"]["face"] is not None


def test_the_page_is_told_nothing_that_gives_away_the_design() -> None:
    now = begun()
    for trial in now.trials:
        told = session.show(now.study, trial)
        assert told["purpose"] in (None, "training")
        assert not {"conditions", "item", "items", "expected", "question"} & set(told)
        assert set("".join(told["audio"]).replace("/study/api/audio/", "")) <= set("0123456789/")
        assert (told["instruction"] is not None) == (trial.purpose == "attention")
        if trial.purpose == "attention":
            told_value = f"“{trial.expected}"
            assert told_value in told["instruction"]


def test_attention_is_asked_for_in_the_language_of_the_study() -> None:
    now = begun("acr_fit")
    german = now.study.model_copy(update={"language": "de-CH"})
    trial = next(trial for trial in now.trials if trial.purpose == "attention")
    assert "Aufmerksamkeit" in session.show(german, trial)["instruction"]
    other = now.study.model_copy(update={"language": "fr"})
    assert "attention" in session.show(other, trial)["instruction"]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], 0),
        ([(0, 10)], 1),
        ([(0, 5), (5, 10)], 1),
        ([(0, 5), (5.02, 10)], 1),  # a player's rounding
        ([(5, 10), (0, 5)], 1),
        ([(0, 6), (4, 10)], 1),
        ([(0, 1), (0, 1), (0, 1)], 0.11),
        ([(9.9, 10)], 0.02),  # a jump to the end
        ([(0, 2), (8, 10)], 0.41),
        ([(0, 90)], 1),
        ([(20, 90)], 0),
        ([(7, 3)], 0),
    ],
)
def test_heard_is_what_the_played_ranges_cover(
    ranges: list[tuple[float, float]], expected: float
) -> None:
    assert share(ranges, 10) == pytest.approx(expected)


@given(st.lists(st.tuples(times, times).map(lambda pair: (min(pair), max(pair))), max_size=8))
def test_heard_is_what_a_grid_of_samples_counts(ranges: list[tuple[float, float]]) -> None:
    grid = (np.arange(20000) + 0.5) / 2000
    covered = np.zeros(len(grid), bool)
    for start, stop in ranges:
        covered |= (grid >= start) & (grid < stop)
    # bridged edges and the slack come on top
    most = covered.mean() + (len(ranges) * session.EDGE + session.SLACK) / 10 + 1e-3
    assert min(1, covered.mean()) - 1e-3 <= share(ranges, 10) <= most


def test_what_was_not_heard_cannot_be_answered() -> None:
    now = begun("ab")
    answer = fitting(now)
    for heard in ([[(0.0, 2.0)], []], [[(0.0, 2.0)], [(1.9, 2.0)]], [[(0.0, 1.7)], [(0.0, 2.0)]]):
        with pytest.raises(InputError, match="hear every sound"):
            taken(now, replace(answer, heard=heard))
    close = replace(answer, heard=[[(0.0, 2.0)], [(0.0, 1.5), (1.5, 1.9)]])
    assert taken(now, close).share == pytest.approx(0.98)
    for sent in (replace(answer, heard=[]), replace(answer, plays=[1])):
        with pytest.raises(InputError, match="2 sounds"):
            take(now, sent, [2.0, 2.0])


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("acr_fit", ["0", "6", "", "A", "5.0", {"A": 5.0}]),
        ("ab", ["tie", "C", "a", {}]),
        ("abx", ["X", "tie"]),
        ("afc", ["D", "1"]),
        ("multi", ["A", {}, {"A": 1.0, "B": 1.0}, {"A": 1.0, "B": 1.0, "C": 101.0}]),
    ],
)
def test_other_values_are_no_answers(kind: str, values: list[Value]) -> None:
    now = begun(kind)
    for value in values:
        with pytest.raises(InputError, match="answer with"):
            taken(now, replace(fitting(now), value=value))
    taken(now, fitting(now))


def test_ties_are_answers_where_the_study_says_so() -> None:
    asked = toy_study.fields(types="ab")
    asked["questions"][0]["ties"] = True
    study = Study.model_validate(asked | {"gates": {"volume": False, "headphones": "off"}})
    trials = plan_session(study, Counts(), np.random.default_rng(0))
    now = RaterSession(study, b"secret", 1, trials, {}, [])
    assert view(now)["trial"]["ties"] is True
    taken(now, replace(fitting(now), value="tie"))


def test_trials_are_answered_in_their_order() -> None:
    now = begun("acr_fit")
    answer = fitting(now)
    later = now.after(taken(now, answer))
    for position in (0, 2, 99, -1):
        with pytest.raises(ConflictError, match="another question"):
            taken(later, replace(answer, position=position))
    assert session.is_repeated(later, answer) and not session.is_repeated(now, answer)
    assert not session.is_repeated(later, replace(answer, request="other"))


def test_no_answer_is_taken_before_its_step() -> None:
    now = begun("acr_fit", volume=True)
    with pytest.raises(ConflictError, match="no answer is asked for"):
        taken(now, fitting(now))
    _, end = walked(now)
    with pytest.raises(ConflictError, match="no answer is asked for"):
        taken(end, replace(fitting(now), position=8))


def test_steps_sent_twice_or_out_of_turn_change_nothing() -> None:
    now = begun("acr_fit", volume=True)
    assert next_marks(now, "break", None, None) == []
    assert next_marks(now, "headphones", [0] * 6, 0) == []
    (mark,) = next_marks(now, "volume", None, None)
    assert next_marks(now.with_mark(mark), "volume", None, None) == []
    with pytest.raises(InputError, match="no step"):
        next_marks(now, "agree", None, None)


def wrong(now: RaterSession) -> list[int]:
    return [(right + 1) % 3 for right in session.targets(now, now.attempt)]


def test_headphones_are_judged_here_and_may_be_tried_twice() -> None:
    now = begun("acr_fit", headphones="require")
    assert view(now)["attempt"] == 0
    (mark,) = next_marks(now, "headphones", wrong(now), 0)
    assert mark.result == {"answers": wrong(now), "passed": False}
    again = now.with_mark(mark)
    assert view(again)["step"] == "headphones" and view(again)["attempt"] == 1
    assert next_marks(again, "headphones", wrong(now), None) == []  # sent twice
    assert next_marks(again, "headphones", [0] * 6, 0) == []
    passed = again.with_mark(next_marks(again, "headphones", session.targets(again, 1), 1)[0])
    assert passed.step == "training"


@pytest.mark.parametrize(("gate", "then"), [("require", "refused"), ("warn", "training")])
def test_two_failures_are_enough(gate: str, then: str) -> None:
    now = begun("acr_fit", headphones=gate)
    for attempt in range(2):
        for mark in next_marks(now, "headphones", wrong(now), attempt):
            now = now.with_mark(mark)
    assert view(now)["step"] == then and view(now)["code"] is None
    assert now._has("refused") == (then == "refused")
    if then == "refused":
        with pytest.raises(ConflictError):
            taken(now, fitting(now))


@pytest.mark.parametrize(
    "result", [None, [], [0] * 5, [0] * 7, [3] * 6, [-1] * 6, ["0"] * 6, [True] * 6]
)
def test_headphones_need_six_numbers(result: object) -> None:
    with pytest.raises(InputError, match="6 numbers from 0 to 2"):
        next_marks(begun("acr_fit", headphones="warn"), "headphones", result, 0)


def test_right_intervals_cannot_be_guessed_from_other_raters() -> None:
    now = begun("acr_fit", headphones="warn")
    seen = {tuple(session.targets(replace(now, rater=rater), 0)) for rater in range(60)}
    assert len(seen) > 25  # of 90
    assert session.targets(now, 0) == session.targets(now, 0)
    assert session.targets(replace(now, secret=b"other"), 0) != session.targets(now, 0)


def test_completion_codes_are_of_the_rater_and_the_secret() -> None:
    _, end = walked(begun("acr_fit"))
    code = view(end)["code"]
    assert code.startswith("VCLIP-") and len(code) == 22
    assert view(replace(end, rater=2))["code"] != code != view(replace(end, secret=b""))["code"]


def test_marks_of_breaks_are_of_their_place() -> None:
    now = begun("acr_fit")
    while now.step != "break":
        now = now.after(taken(now, fitting(now)))
    assert now.with_mark(Mark("break", 0)).step == "break"
    assert next_marks(now, "break", None, None) == [Mark("break", 3)]
