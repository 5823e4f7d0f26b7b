"""Tables of ratings say what was answered to what, and nothing of who answered."""

import csv
import dataclasses
import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import simulated_ratings
import toy_study

from vclip.errors import StudyError
from vclip.listening.analysis import rating_table
from vclip.listening.store.records import Rating

FORBIDDEN = ("ip", "address", "token", "code", "agent", "request", "tab")


def rating(**changes: object) -> Rating:
    base = Rating(
        3,
        "q",
        "i0",
        ("a",),
        study="toy",
        version="1",
        rater=7,
        type="acr_fit",
        value="4",
        seconds=5.0,
        heard=1.0,
        plays=(2,),
        created="t",
    )
    return dataclasses.replace(base, **changes)


def one(**changes: object) -> dict[str, object]:
    (row,) = rating_table.frame([rating(**changes)]).to_dict("records")
    return {str(k): v for k, v in row.items()}


def test_acr() -> None:
    row = one()
    assert (row["condition"], row["value"], row["answer"]) == ("a", 4.0, "4")
    assert pd.isna(row["correct"]) and pd.isna(row["chance"])


def test_preference_names_the_condition_chosen() -> None:
    row = one(type="ab", conditions=("b", "a"), value="B")
    assert (row["first"], row["chosen"], row["condition"]) == ("b", "a", "")
    assert pd.isna(row["value"])
    assert one(type="ab", conditions=("b", "a"), value="tie")["chosen"] == "tie"


def test_right_answers() -> None:
    row = one(type="abx", conditions=("b", "a", "a"), value="B", expected="B")
    assert (row["correct"], row["chance"], row["chosen"]) == (True, 0.5, "a")
    items = ("i1", "i0", "i2", "i3")
    row = one(type="afc", conditions=("a",) * 4, items=items, value="C", expected="B")
    assert (row["correct"], row["chance"], row["chosen"]) == (False, 0.25, "i2")


def test_multi_has_a_row_for_each_sound() -> None:
    value = {"A": 10.0, "B": 99.5}
    table = rating_table.frame([rating(type="multi", conditions=("c", "a"), value=value)])
    assert list(zip(table["condition"], table["value"], strict=True)) == [("c", 10), ("a", 99.5)]


def test_gold_of_the_study_has_a_tolerance() -> None:
    gold = {"question": "acr_fit", "item": "i5", "conditions": ["a"], "expected": "5"}
    study = toy_study.study(gold=[gold | {"tolerance": 1}])
    answers = [
        rating(question="acr_fit", item="i5", purpose="gold", expected="5", value=v, position=i)
        for i, v in enumerate(["3", "4", "5"])
    ]
    assert list(rating_table.frame(answers, study)["correct"]) == [False, True, True]
    assert list(rating_table.frame(answers)["correct"]) == [False, False, True]


def test_sounds_are_those_of_the_study() -> None:
    study = simulated_ratings.everything()
    table = simulated_ratings.table(study, 2)
    row = table[table["type"] == "ab"].iloc[0]
    stimuli = study.item(row["item"]).stimuli
    assert row["stimuli"].split() == [stimuli[c].sha256 for c in row["conditions"].split()]


def test_csv_comes_back_as_it_was(tmp_path: Path) -> None:
    table = simulated_ratings.table(simulated_ratings.everything(attention=4), 6, inattentive=0.5)
    assert table["excluded"].any()
    path = tmp_path / "ratings.csv"
    path.write_text(rating_table.csv(table))
    again = rating_table.read_csv(path)
    assert rating_table.csv(again) == rating_table.csv(table)
    pd.testing.assert_frame_equal(again, table, check_dtype=False)


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "'=1", 'é,"ü']
)
def test_no_spreadsheet_finds_a_formula(tmp_path: Path, text: str) -> None:
    """Every text comes back as it was; none begins as a formula does."""
    table = rating_table.frame([rating(version=text, study=text)])
    path = tmp_path / "ratings.csv"
    path.write_text(rating_table.csv(table))
    fields = next(iter(csv.DictReader(io.StringIO(rating_table.csv(table)))))
    assert not any(field.startswith(("=", "+", "-", "@", "\t", "\r")) for field in fields.values())
    assert list(rating_table.read_csv(path)["version"]) == [text]
    assert rating_table.csv(rating_table.read_csv(path)) == rating_table.csv(table)


@pytest.mark.parametrize("name", ["NA", "nan", "null", "None", "007", "1e5", "True"])
def test_names_that_look_like_something_else(tmp_path: Path, name: str) -> None:
    """Items and conditions may be called so; none is an empty cell or a number."""
    table = rating_table.frame([rating(item=name, conditions=(name,))])
    path = tmp_path / "ratings.csv"
    path.write_text(rating_table.csv(table))
    pd.testing.assert_frame_equal(rating_table.read_csv(path), table, check_dtype=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "guess"},
        {"answer": "6"},
        {"answer": "5"},
        {"value": 700.0},
        {"value": float("nan")},
        {"seconds": float("nan")},
        {"type": "ab", "answer": "C"},
        {"type": "abx", "answer": "A"},
    ],
)
def test_rows_that_nobody_can_have_given_are_told(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    path = tmp_path / "other.csv"
    table = pd.concat(
        [rating_table.frame([rating()]), rating_table.frame([rating()]).assign(**changes)]
    )
    path.write_text(rating_table.csv(table))
    with pytest.raises(StudyError, match=r"other\.csv, line 3: .* is no rating"):
        rating_table.read_csv(path)


def test_every_column_is_in_the_dictionary_and_none_tells_who() -> None:
    table = simulated_ratings.table(simulated_ratings.everything(), 2)
    assert list(table) == [entry["column"] for entry in rating_table.dictionary()]
    assert not set(FORBIDDEN) & {word for name in table for word in name.split("_")}
    assert not {field.name for field in dataclasses.fields(Rating)} & set(FORBIDDEN)


def test_json_and_archive() -> None:
    study = simulated_ratings.everything()
    table = simulated_ratings.table(study, 2)
    found = json.loads(rating_table.as_json(table, study))
    assert (found["study"], found["sha256"]) == ("toy", study.sha256)
    assert len(found["ratings"]) == len(table)
    assert set(found["ratings"][0]) == set(rating_table.COLUMNS)
    with zipfile.ZipFile(io.BytesIO(rating_table.archive(table, study))) as file:
        assert file.read("ratings.csv").decode() == rating_table.csv(table)
        assert json.loads(file.read("study.json"))["study"] == "toy"
        assert len(file.namelist()) == 4


def test_no_ratings_make_an_empty_table() -> None:
    table = rating_table.frame([], simulated_ratings.everything())
    assert (len(table), list(table)) == (0, list(rating_table.COLUMNS))
    assert json.loads(rating_table.as_json(table))["ratings"] == []


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00\x01", 'rater\n"x'])
def test_what_is_no_table_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(StudyError, match=r"other\.csv"):
        rating_table.read_csv(path)
