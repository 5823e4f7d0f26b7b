"""What a study file may say, and the one line that is said of one that is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import toy_study
from conftest import REPO

from vclip.errors import StudyError
from vclip.listening.design import study_file
from vclip.listening.study import main

ALL = "acr_naturalness acr_fit ab abx afc multi"
Fields = dict[str, Any]


def test_a_study_is_read_with_all_its_files(tmp_path: Path) -> None:
    path = toy_study.written(tmp_path, toy_study.fields(types=ALL))
    found = study_file.load(path)
    assert found.sha256 == toy_study.digest(path.read_bytes())
    assert found.folder == tmp_path
    stimulus = found.item("i2").stimuli["b"]
    assert toy_study.digest(found.file(stimulus.path).read_bytes()) == stimulus.sha256
    assert found.gates.heard == found.exclusion.heard == 0.95
    assert study_file.parse(found.model_dump_json()) == study_file.parse(path.read_bytes())


def test_schema_is_published_and_says_the_same(tmp_path: Path) -> None:
    published = json.loads((REPO / "assets/studies/study.schema.json").read_text())
    assert published == study_file.json_schema(), "run python -m vclip.listening.study --schema"
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(toy_study.fields(types=ALL), published)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(toy_study.fields(types="guess"), published)


def test_a_question_shows_what_it_asks_about() -> None:
    found = toy_study.study(types=ALL)
    shown = {question.type for question in found.questions if question.shows_face}
    assert shown == {"acr_fit", "ab", "afc", "multi"}
    assert next(iter(found.question("acr_naturalness").scale.items())) == ("5", "Excellent")
    assert found.question("acr_fit").values == ["5", "4", "3", "2", "1"]
    assert found.question("afc").values == ["A", "B", "C"]
    assert found.question("ab").values == found.question("abx").values == ["A", "B"]
    assert found.question("multi").values == [] == list(found.question("ab").scale)
    assert found.pairs_of(found.question("ab")) == [("a", "b"), ("a", "c"), ("b", "c")]


def change(*path: str | int, to: Any) -> Callable[[Fields], None]:
    """Set one field; a missing list grows."""

    def edit(fields: Fields) -> None:
        place: Any = fields
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return edit


GOLD = {"question": "acr_fit", "item": "i0", "conditions": ["a"], "expected": "1"}
MISTAKES: list[tuple[Callable[[Fields], None], str]] = [
    (change("study", to="a b"), "study: "),
    (change("sudy", to="a"), "sudy: Extra inputs"),
    (change("items", to=[]), "items: "),
    (change("items", 1, "id", to="i0"), "items: the id i0 is there twice"),
    (change("items", 1, "stimuli", "z", to={"path": "x", "sha256": "0" * 64}), "no 'z'"),
    (change("items", 1, "stimuli", "a", "sha256", to="12"), "items.1.stimuli.a.sha256: "),
    (change("items", 1, "face", to=None), "items.i1.face: question acr_fit shows faces"),
    (change("questions", 0, "type", to="mushra"), "questions.0.type: "),
    (change("questions", 0, "conditions", to=["y"]), "questions.acr_fit.conditions: there is no"),
    (change("questions", 0, "labels", to=["good", "bad"]), "questions.0.labels: "),
    (change("questions", 1, "pairs", to=[["a", "a"]]), "cannot meet itself"),
    (change("questions", 0, "ties", to=True), "questions.acr_fit.ties: means nothing for acr_fit"),
    (change("questions", 1, "k", to=4), "questions.ab.k: means nothing for ab"),
    (change("gates", to={"heard": 0.5}), "exclusion.heard: 0.95 leaves out raters who heard the"),
    (change("questions", 1, "pairs", to=[["a", "q"]]), "questions.ab.pairs: there is no 'q'"),
    (change("questions", 2, "target", to=None), "questions.afc.target: name the condition"),
    (change("questions", 2, "k", to=8), "questions.afc.k: item i0 has fewer than 7"),
    (change("questions", 2, "k", to=9), "questions.2.k: "),
    (change("design", "trials_per_rater", to=500), "there are only 48 cells"),
    (change("design", "attention", to=6), "design.trials_per_rater: 6 attention and gold"),
    (change("design", "training", to=["nobody"]), "design.training.0: there is no 'nobody'"),
    (change("design", "gold", to=[{**GOLD, "expected": None}]), "say which answer is right"),
    (change("design", "gold", to=[{**GOLD, "expected": "6"}]), "must be one of 5, 4, 3, 2, 1"),
    (change("design", "gold", to=[{**GOLD, "question": "ab"}]), "takes 2 different ones"),
    (change("design", "gold", to=[{**GOLD, "conditions": ["z"]}]), "there is no 'z'"),
    (change("design", "gold", to=[{"question": "multi", "item": "i0"}]), "no right answer"),
    (change("gates", to={"headphones": "maybe"}), "gates.headphones: "),
    (change("exclusion", to={"heard": 1.5}), "exclusion.heard: "),
    (change("exclusion", to={"min_seconds": float("nan")}), "finite number"),
    (change("completion", to="<b>"), "completion: "),
    (change("items", 1, "stimuli", "a\nb", to={}), "items.1.stimuli.a b"),
]


@pytest.mark.parametrize(("edit", "complaint"), MISTAKES, ids=[text for _, text in MISTAKES])
def test_mistakes_are_named(edit: Callable[[Fields], None], complaint: str) -> None:
    fields = toy_study.fields(types="acr_fit ab afc multi")
    edit(fields)
    with pytest.raises(StudyError) as caught:
        study_file.parse(json.dumps(fields), "mine.json")
    assert str(caught.value).startswith("mine.json: ") and "\n" not in str(caught.value)
    assert complaint in str(caught.value)


def test_only_multi_cannot_have_attention_trials() -> None:
    with pytest.raises(StudyError, match="multi cannot tell an answer"):
        toy_study.study(types="multi", attention=1)
    with pytest.raises(StudyError, match="no item that is rated"):
        toy_study.study(n_items=1, trials_per_rater=1, training=["i0"])


def test_files_must_be_those_that_were_meant(tmp_path: Path) -> None:
    path = toy_study.written(tmp_path, toy_study.fields())
    (tmp_path / "0a.wav").write_bytes(b"another sound")
    with pytest.raises(StudyError, match=r"items\.i0\.stimuli\.a: 0a\.wav has the SHA-256"):
        study_file.load(path)
    (tmp_path / "0a.wav").unlink()
    with pytest.raises(StudyError, match=r"stimuli\.a: cannot read 0a\.wav"):
        study_file.load(path)


@pytest.mark.parametrize("where", ["../out.wav", "/etc/hostname", "a/../../out.wav", "link.wav"])
def test_no_file_leaves_the_folder(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    fields = toy_study.fields()
    path = toy_study.written(folder, fields)
    (tmp_path / "out.wav").write_bytes((folder / "0a.wav").read_bytes())
    (folder / "link.wav").symlink_to(tmp_path / "out.wav")
    fields["items"][0]["stimuli"]["a"]["path"] = where
    path.write_text(json.dumps(fields))
    with pytest.raises(StudyError, match="not in the study's folder"):
        study_file.load(path)


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"[]", b"{", b"\xff\xfe", b'{"study": 1e999}'):
        (tmp_path / "x.json").write_bytes(data)
        with pytest.raises(StudyError, match=r"^x\.json: "):
            study_file.load(tmp_path / "x.json")
    with pytest.raises(StudyError, match="cannot read"):
        study_file.load(tmp_path / "missing.json")
    with pytest.raises(StudyError, match="cannot read"):
        study_file.load(tmp_path)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = toy_study.written(tmp_path, toy_study.fields())
    assert main([str(path)]) == 0
    assert capsys.readouterr().out == "toy: 6 items, 18 cells, all files fine\n"
    assert main(["--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == study_file.json_schema()
    assert main([str(tmp_path / "no.json")]) == 2
    assert capsys.readouterr().err.startswith("vclip: no.json: cannot read")


def spoilt(folder: Path, **changes: Any) -> str:
    """What is said of a study whose first sound has these fields."""
    path = toy_study.written(folder, toy_study.fields())
    fields = json.loads(path.read_text())
    fields["items"][0]["stimuli"]["a"] |= changes
    path.write_text(json.dumps(fields))
    with pytest.raises(StudyError) as raised:
        study_file.load(path)
    return str(raised.value)


def test_a_length_that_nobody_could_hear_is_told(tmp_path: Path) -> None:
    told = spoilt(tmp_path, seconds=9.0)
    assert told.startswith("items.i0.stimuli.a.seconds: 0a.wav has 0.30 s, the study says 9")


@pytest.mark.parametrize("name", ["noise.wav", "noise.m4a"])
def test_a_sound_that_is_none_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"hello")
    digest = toy_study.digest(b"hello")
    told = spoilt(tmp_path, path=name, sha256=digest, seconds=None)
    assert f"items.i0.stimuli.a: {name} is no sound that can be read" in told


@pytest.mark.parametrize("path", ["a\0b.wav", "/etc/hostname", "../up.wav", "..\\up.wav"])
def test_paths_stay_in_the_folder(tmp_path: Path, path: str) -> None:
    assert "is not in the study's folder" in spoilt(tmp_path, path=path)


def test_the_mark_of_some_editors_is_no_mistake(tmp_path: Path) -> None:
    path = toy_study.written(tmp_path, toy_study.fields())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert study_file.load(path).sha256 == toy_study.digest(path.read_bytes())
