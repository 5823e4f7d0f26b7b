"""Cells, what they count, and which answers are right."""

import json

import pytest
import toy_study
from simulated_ratings import counted

from vclip.listening.design.study import Study
from vclip.listening.design.study_file import parse
from vclip.listening.design.trials import (
    Cell,
    Trial,
    cell_of,
    cells,
    correct,
    possible_foils,
)

ALL = "acr_naturalness acr_fit ab abx afc multi"


def test_cells_of_every_type() -> None:
    study = toy_study.study(4, "abc", ALL)
    found = [cell for cell in cells(study) if cell.item == "i1"]
    assert [cell.conditions for cell in found if cell.question == "acr_fit"] == [
        ("a",),
        ("b",),
        ("c",),
    ]
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    for name in ("ab", "abx"):
        assert [cell.conditions for cell in found if cell.question == name] == pairs
    for name in ("afc", "multi"):
        assert [cell.conditions for cell in found if cell.question == name] == [()]
    assert len(cells(study)) == len(set(cells(study))) == 4 * (3 + 3 + 3 + 3 + 1 + 1)


def test_pairs_that_are_named_twice_are_one_cell() -> None:
    fields = toy_study.fields(types="ab", trials_per_rater=1)
    fields["questions"][0]["pairs"] = [["b", "a"], ["a", "b"]]
    assert [c.conditions for c in cells(parse(json.dumps(fields)))] == 6 * [("a", "b")]


def test_an_item_without_a_sound_has_no_such_cell() -> None:
    fields = toy_study.fields(4, "abc", "acr_fit ab multi afc")
    del fields["items"][1]["stimuli"]["c"], fields["items"][2]["stimuli"]["b"]
    study = parse(json.dumps(fields))
    assert Cell("acr_fit", "i1", ("c",)) not in cells(study)
    assert {c.item for c in cells(study) if c.question == "multi"} == {"i0", "i3"}
    assert {c.item for c in cells(study) if c.conditions == ("a", "b")} == {"i0", "i1", "i3"}
    assert len([c for c in cells(study) if c.question == "afc"]) == 4


def trial(question: str, *conditions: str, **more: object) -> Trial:
    return Trial(0, question, "i1", conditions, **more)  # type: ignore[arg-type]


def test_a_trial_belongs_to_a_cell_whatever_its_order() -> None:
    study = toy_study.study(types=ALL)
    assert cell_of(study, trial("acr_fit", "b")) == Cell("acr_fit", "i1", ("b",))
    assert cell_of(study, trial("ab", "c", "a")) == Cell("ab", "i1", ("a", "c"))
    assert cell_of(study, trial("abx", "c", "a", "c")) == Cell("abx", "i1", ("a", "c"))
    assert cell_of(study, trial("afc", "a", "a", "a")) == Cell("afc", "i1")
    assert cell_of(study, trial("multi", "b", "a", "c")) == Cell("multi", "i1")


def test_counts_are_of_ratings_only() -> None:
    study = toy_study.study(types="acr_fit ab")
    plans = [
        [trial("ab", "a", "b"), trial("acr_fit", "a", purpose="attention", expected="2")],
        [trial("ab", "b", "a"), trial("acr_fit", "a"), trial("ab", "a", "c", purpose="gold")],
    ]
    counts = counted(study, plans)
    assert counts.cells == {Cell("ab", "i1", ("a", "b")): 2, Cell("acr_fit", "i1", ("a",)): 1}
    assert counts.orders[("ab", "i1", ("b", "a"))] == 1
    assert counts.raters == 2


@pytest.mark.parametrize(
    ("expected", "value", "tolerance", "right"),
    [("1", "1", 0, True), ("1", "2", 0, False), ("1", "2", 1, True), ("4", "2", 1, False)],
)
def test_gold_has_a_tolerance(expected: str, value: str, tolerance: float, right: bool) -> None:
    gold = {"question": "acr_fit", "item": "i1", "conditions": ["c"], "expected": expected}
    study = toy_study.study(gold=[{**gold, "tolerance": tolerance}])
    asked = trial("acr_fit", "c", purpose="gold", expected=expected)
    assert correct(study, asked, value) is right
    told = trial("acr_fit", "c", purpose="attention", expected=expected)
    assert correct(study, told, value) is (expected == value)


def test_most_answers_are_neither_right_nor_wrong() -> None:
    study = toy_study.study(types=ALL)
    assert correct(study, trial("acr_fit", "a"), "3") is None
    assert correct(study, trial("abx", "a", "b", "b", expected="B"), "A") is False
    assert correct(study, trial("abx", "a", "b", "b", expected="B"), "B") is True


def afc(faces: str, texts: str, voices: str) -> Study:
    """An item per letter; equal letters are the same face, text, voice."""
    fields = toy_study.fields(len(faces), "a", "afc", trials_per_rater=1)
    fields["questions"][0]["k"] = 2
    for one, face, text, voice in zip(fields["items"], faces, texts, voices, strict=True):
        one |= {"face": f"{face}.png", "text": text}
        one["stimuli"]["a"]["voice"] = voice
    return parse(json.dumps(fields))


def found(study: Study) -> list[str]:
    return [item.id for item in possible_foils(study, study.questions[0], study.item("i0"))]


def test_foils_have_another_face_and_voice_and_the_same_text_if_they_can() -> None:
    assert found(afc("vwxy", "tttu", "1234")) == ["i1", "i2"]
    assert found(afc("vwxy", "tuuu", "1234")) == ["i1", "i2", "i3"]
    assert found(afc("vvxy", "tttt", "1234")) == ["i2", "i3"]
    assert found(afc("vwxx", "tttt", "1134")) == ["i2"]
    assert found(afc("vwxy", "tttt", "1233")) == ["i1", "i2"]
