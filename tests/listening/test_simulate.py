"""Simulated raters: their opinions in closed form, and whole panels over real HTTP."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simulated_ratings
import toy_study

from vclip.listening import analyse, simulate
from vclip.listening.design.study import Study
from vclip.listening.design.study_file import load, parse
from vclip.listening.simulation import http_rater
from vclip.listening.simulation.audit import audit
from vclip.listening.simulation.http_rater import SessionLog
from vclip.listening.simulation.raters import GroundTruth, RaterPanel, SimulatedRater, planted
from vclip.listening.simulation.stimulus_index import StimulusIndex
from vclip.listening.stimuli import headphones
from vclip.listening.store.records import Answer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of every type, with a break, gold, attention, headphones and volume, on disk.

    Servers draw orders by lot, so what is asserted of who is excluded must hold by a margin. The
    rule of variance is off: of six ACR ratings it would catch an honest rater now and then.
    """
    gold = {"question": "acr_fit", "item": "i7", "conditions": ["c"], "expected": "1"}
    fields = toy_study.fields(
        8,
        "abc",
        simulated_ratings.ALL,
        trials_per_rater=12,
        break_every=5,
        attention=2,
        training=["i6"],
    )
    fields["design"]["gold"] = [gold | {"tolerance": 1}]
    fields["exclusion"] = {"min_seconds": 2.0, "min_variance": 0.0}
    return toy_study.written(tmp_path_factory.mktemp("study"), fields)


def report(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    common = ["--study", str(path), "--think", "0.02", "--json"]
    assert simulate.main([*common, *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_panel_over_http_loses_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """16 raters at once; a third of the answers twice, a third of the trials reloaded.

    Two are hasty, which their seconds tell; of four inattentive ones each passes two attention
    trials and the gold one by luck once in ten times, so one at least is found but once in 10,000.
    """
    options = ["--twice", "0.3", "--reload", "0.3", "--inattentive", "0.25", "--hasty", "0.1"]
    found = report(path, capsys, "--raters", "16", *options)
    length = 12 + 2 + 1 + 6  # ratings, attention, gold, training
    assert (found["done"], found["errors"], found["answers"]) == (16, 0, 16 * length)
    for name in ("ratings_lost", "ratings_changed", "ratings_duplicated", "never_acknowledged"):
        assert found[name] == 0
    assert (found["careless"], found["attentive_excluded"]) == (6, 0)
    assert found["careless_excluded"] >= 3
    assert 0 < found["to_trial_p50_s"] <= found["to_trial_p95_s"] <= found["to_sound_p100_s"]
    assert found["intervals"] == 6


def test_a_server_that_runs_is_visited(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its store is read, and two panels do not mix. (That a null stays one: test_analyse.)"""
    store = f"sqlite:///{tmp_path}/ratings.db"
    with simulate.server(path, store) as url:
        where = ["--url", url, "--store", store, "--effect", "0", "--hasty", "0"]
        for _ in range(2):
            found = report(path, capsys, *where, "--raters", "3", "--inattentive", "0")
            assert (found["done"], found["careless"], found["attentive_excluded"]) == (3, 0, 0)
            assert found["answers"] == 3 * 21
            assert 0 <= found["pairs_significant"] <= found["pairs"] > 0
    for source in (store, f"{tmp_path}/ratings.db"):  # the study file is not needed
        assert analyse.main([source, "--draws", "100", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["n_ratings"] == 2 * 3 * 12


def test_mistakes_are_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate.main(["--raters", "0"]) == 2
    assert simulate.main(["--url", "http://127.0.0.1:1"]) == 2
    assert "--store" in capsys.readouterr().err


def test_nobody_answering_is_an_error_not_a_silence(path: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/ratings.db"
    options = ["--study", str(path), "--url", "http://127.0.0.1:1", "--store", store]
    assert simulate.main([*options, "--raters", "2", "--json"]) == 1


class Memory:
    """A store that has what it is given."""

    def __init__(self, kept: dict[int, str], positions: list[int]) -> None:
        self._kept, self._positions = kept, positions

    def rater(self, token: str) -> int:
        return 1

    def answers(self, rater: int) -> dict[int, Answer]:
        return {at: Answer(at, value, [], [], 1.0, "") for at, value in self._kept.items()}

    def ratings(self) -> list[Any]:
        return [type("Row", (), {"rater": 1, "position": at}) for at in self._positions]


@pytest.mark.parametrize(
    ("kept", "positions", "broken"),
    [
        ({0: "1", 1: "2"}, [0, 1], None),
        ({0: "1"}, [0], "ratings_lost"),
        ({0: "1", 1: "3"}, [0, 1], "ratings_changed"),
        ({0: "1", 1: "2"}, [0, 1, 1], "ratings_duplicated"),
        ({0: "1", 1: "2", 2: "4"}, [0, 1, 2], "never_acknowledged"),
    ],
)
def test_the_audit_sees_what_is_wrong(
    kept: dict[int, str], positions: list[int], broken: str | None
) -> None:
    diary = SessionLog("attentive", token="t", answers={0: "1", 1: "2"})
    store: Any = Memory(kept, positions)
    found = audit(store, [diary])
    assert found.pop("answers") == 2
    assert {name for name, n in found.items() if n} == ({broken} if broken else set())


def test_sounds_are_known_by_their_hash(path: Path) -> None:
    study = load(path)
    catalogue = StimulusIndex(study)
    item = study.items[2]
    sounds = [(path.parent / item.stimuli[c].path).read_bytes() for c in "ba"]
    trial = {"type": "ab", "prompt": "Well?", "text": item.text}
    face = (path.parent / str(item.face)).read_bytes()
    assert catalogue.heard(trial, face, sounds) == [("i2", "b"), ("i2", "a")]
    assert list(catalogue.shown(trial, face)) == ["i2"]
    assert len(list(catalogue.shown(trial, None))) == 8
    assert catalogue.question(trial) == "ab"


def test_a_shuffled_voice_is_known_by_its_face_alone() -> None:
    fields = toy_study.fields(3, "abc", "acr_fit acr_naturalness")
    fields["items"][0]["stimuli"]["b"] = fields["items"][1]["stimuli"]["a"]
    catalogue = StimulusIndex(parse(json.dumps(fields)))
    assert catalogue.told_apart("acr_fit") == {"a", "b", "c"}
    assert catalogue.told_apart("acr_naturalness") == {"c"}


def test_instructions_of_both_languages_are_understood() -> None:
    from vclip.listening.server.session import TOLD

    for text in TOLD.values():
        assert http_rater.told_value(text.format("3 – Fair")) == "3"
        assert http_rater.told_value(text.format("tie")) == "tie"
    assert http_rater.told_value(None) is None


@pytest.mark.parametrize("target", range(headphones.INTERVALS))
def test_the_tone_is_heard(target: int) -> None:
    data = headphones.encode(headphones.trial(target, np.random.default_rng(0)))
    assert http_rater.tone(data) == target


def opinions(study: Study, truth: GroundTruth, question: str, n: int) -> list[Any]:
    """Of n raters over as many items as there are."""
    found = []
    for seed in range(n):
        rng = np.random.default_rng(seed)
        panel = RaterPanel(study, truth, rng)
        rater = SimulatedRater("attentive", truth.rater * rng.standard_normal())
        sounds = [("i0", name) for name in ("ab" if question != "acr_fit" else "a")]
        found.append(panel.answer(rater, question, sounds, "i0", None, rng))
    return found


@pytest.mark.parametrize("quality", [1.2, 3.0, 4.6])
def test_planted_means_are_in_closed_form(quality: float) -> None:
    study = simulated_ratings.everything()
    truth = GroundTruth({"a": quality, "b": 3.0, "c": 3.0})
    values = np.array(opinions(study, truth, "acr_fit", 3000), float)
    assert values.mean() == pytest.approx(truth.mean("a"), abs=4 * values.std() / np.sqrt(3000))


def test_better_conditions_are_preferred() -> None:
    study = simulated_ratings.everything()
    answers = opinions(study, planted(study), "ab", 400)
    assert answers.count("A") > 250
    equal = opinions(study, planted(study, effect=0), "ab", 400)
    assert abs(equal.count("A") - 200) < 60


def test_who_is_told_what_to_answer_answers_it() -> None:
    study, rng = simulated_ratings.everything(), np.random.default_rng(0)
    panel = simulated_ratings.panel(study)
    rater = SimulatedRater("attentive", 0.0)
    assert panel.answer(rater, "acr_fit", [("i0", "a")], "i0", "2", rng) == "2"


def test_careless_raters_are_as_many_as_asked_for() -> None:
    panel = simulated_ratings.panel(simulated_ratings.everything(), inattentive=0.1, hasty=0.04)
    kinds = [rater.kind for rater in panel.raters(50, np.random.default_rng(0))]
    assert (kinds.count("inattentive"), kinds.count("hasty"), len(kinds)) == (5, 2, 50)
