"""Where ratings are read from: every store, its export, other versions, files of other kinds."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import simulated_ratings
import stores
import toy_study
from stores import url as url

from vclip.errors import StudyError
from vclip.listening import analyse
from vclip.listening.analysis import rating_table
from vclip.listening.design.study import SLOTS, Study
from vclip.listening.design.study_file import load
from vclip.listening.store.records import Enrolment
from vclip.listening.store.store import Store, open_store

GOLD = [{"question": "acr_fit", "item": "i5", "conditions": ["a"], "expected": "4"}]


def small() -> Study:
    return toy_study.study(10, "abc", trials_per_rater=12)


def test_one_version_of_one_study_is_analysed(tmp_path: Path) -> None:
    """Ratings of another version were given to other sounds; they are never mixed in."""
    study = small()
    table = simulated_ratings.table(study, 4)
    other = table.assign(version="2", rater=table["rater"] + 100)
    csv = tmp_path / "ratings.csv"
    csv.write_text(rating_table.csv(pd.concat([table, other])))
    assert set(analyse.read(str(csv), study)["rater"]) == {1, 2, 3, 4}
    with pytest.raises(StudyError, match=r"toy, version 1; toy, version 2; say which by --study"):
        analyse.read(str(csv), None)
    csv.write_text(rating_table.csv(other))
    with pytest.raises(StudyError, match=r"are of toy, version 2; the study file is of toy, ver"):
        analyse.read(str(csv), study)


@pytest.mark.parametrize("column", ["question", "item", "conditions"])
def test_a_study_file_without_what_was_rated_is_told(tmp_path: Path, column: str) -> None:
    study, csv = small(), tmp_path / "ratings.csv"
    csv.write_text(rating_table.csv(simulated_ratings.table(study, 2).assign(**{column: "gone"})))
    with pytest.raises(StudyError, match=f"gone of the ratings' column {column}"):
        analyse.read(str(csv), study)


@pytest.mark.slow
@pytest.mark.parametrize("raw", [[], ["--raw"]])
def test_a_store_and_its_export_give_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, raw: list[str]
) -> None:
    """Byte for byte; a rater who withdrew is in neither."""
    fields = toy_study.fields(6, "abc", "acr_fit ab multi", gold=GOLD)
    study = load(path := toy_study.written(tmp_path, fields | {"exclusion": {"heard": 0.5}}))
    with closing(open_store(url, study)) as kept:
        gone, *others = [rated_by(kept, seed) for seed in range(6)]
        assert kept.withdraw(gone.withdrawal)
        csv = tmp_path / "ratings.csv"
        csv.write_text(rating_table.csv(rating_table.frame(kept.ratings(), study)))
    told = []
    for source in (url, str(csv)):
        assert analyse.main([source, "--study", str(path), "--draws", "100", "--json", *raw]) == 0
        told.append(capsys.readouterr().out)
    found = json.loads(told[0])
    assert told[0] == told[1]
    assert found["n_raters"] + found["n_excluded"] == len(others)
    assert (found["n_excluded"] == 0) == bool(raw)
    assert gone.rater not in set(rating_table.read_csv(csv)["rater"])


def rated_by(kept: Store, seed: int) -> Enrolment:
    """A whole session; every other rater misses the gold trial."""
    one, tab = stores.enrol(kept, seed), f"tab {seed}"
    kept.claim(one.rater, tab)
    for trial in kept.trials(one.rater):
        value: Any = {"acr_fit": "4" if seed % 2 else "2", "ab": "AB"[trial.position % 2]}
        value |= {"multi": {slot: 10.5 * seed for slot in SLOTS[: len(trial.conditions)]}}
        kept.record(
            one.rater,
            stores.answer(trial.position, f"{seed} {trial.position}", value[trial.question]),
            tab,
        )
    return one


def test_files_that_hold_no_ratings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database of another program, an empty one, a random table: one clear line each."""
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("create table songs (title text)")
    with closing(sqlite3.connect(tmp_path / "empty.db")) as empty:
        empty.execute("vacuum")
    (tmp_path / "nothing.db").touch()
    (tmp_path / "songs.csv").write_text("title,year\nYesterday,1965\n")
    (tmp_path / "sound.wav").write_bytes(b"RIFF\x00\xff\xfe" * 50)
    for name in ("other.db", "empty.db", "nothing.db", "songs.csv", "sound.wav"):
        assert analyse.main([str(tmp_path / name)]) == 2, name
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and "Traceback" not in told and len(told) < 250, told
