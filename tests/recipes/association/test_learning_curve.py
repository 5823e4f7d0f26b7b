"""Learning curves: known laws are found again, trainings are kept, intervals hold the truth."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vclip.arrays import Float64
from vclip.recipes.association import learning_curve as lc
from vclip.recipes.association.settings import PRESETS
from vclip.recipes.data.feature_store import FeatureStore, PairFeatures, Report
from vclip.recipes.data.manifest import Pair
from vclip.recipes.metrics import cross_modal, verification

SIZES = (50, 100, 200, 400, 750)
CONFIG = replace(PRESETS["bundled"], label_weight=0.0, steps=30, batch=32)


@pytest.mark.parametrize("known", [(0.85, 0.15, 0.5), (0.9, 0.2, 0.2), (0.8, 0.05, 1.0)])
def test_a_law_is_found_again(known: tuple[float, float, float]) -> None:
    found = lc.fit_law(SIZES, lc.law(SIZES, known))
    np.testing.assert_allclose(
        lc.law([50, 750, 5994], found), lc.law([50, 750, 5994], known), atol=2e-3
    )


def test_the_law_is_what_it_says() -> None:
    assert lc.law([100], (0.9, 0.2, 0.7)).item() == pytest.approx(0.7)
    assert lc.law([400], (0.9, 0.2, 0.5)).item() == pytest.approx(0.8)
    assert lc.law([1e12], (0.9, 0.2, 0.5)).item() == pytest.approx(0.9, abs=1e-5)


def test_a_law_stays_within_what_an_auc_can_be() -> None:
    for values in ([0.5, 0.6, 0.7, 0.8, 0.9], [0.9, 0.8, 0.7, 0.6, 0.5], [0.6] * 5):
        a, b, c = lc.fit_law(SIZES, values)
        at = lc.law(np.geomspace(50, 1e6, 20), (a, b, c))
        assert a <= 1 and b >= 0 and (np.diff(at) >= -1e-9).all()


def known_scores(people: int, rng: np.random.Generator, rows: int = 200) -> lc.Point:
    """Normal scores whose AUC is Phi(shift / sqrt 2), of a known law."""
    from scipy.stats import norm

    auc = lc.law([people], (0.85, 0.15, 0.5)).item()
    scores = rng.normal(size=(rows, rows)) + np.eye(rows) * np.sqrt(2) * norm.ppf(auc)
    return lc.Point(people, scores)


def everybody(scores: Float64, counts: Float64) -> float:
    positive = np.eye(len(scores), dtype=bool)
    weight = np.where(positive, counts[:, None], np.outer(counts, counts))
    return verification.auc(scores.ravel(), positive.ravel(), weight.ravel())


def test_the_interval_holds_the_known_extrapolation() -> None:
    """Ten curves; a 95 % interval misses four of them once in six thousand such tests."""
    truth, hits = lc.law([5994], (0.85, 0.15, 0.5)).item(), 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        points = [known_scores(n, rng, 60) for n in (50, 100, 200, 400, 800) for _ in range(3)]
        person = [str(i) for i in range(60)]
        found = lc.curve(points, everybody, person, 5994, 30, rng)
        hits += found.target.low <= truth <= found.target.high
    assert hits >= 7


def test_means_and_extremes_are_those_of_the_draws() -> None:
    rng = np.random.default_rng(0)
    points = [known_scores(n, rng, 40) for n in (50, 100, 200) for _ in range(2)]
    found = lc.curve(points, everybody, [str(i) for i in range(40)], 5994, 3, rng)
    plain = [everybody(point.scores, np.ones(40)) for point in points]
    assert found.people == [50, 100, 200]
    np.testing.assert_allclose(found.mean, np.reshape(plain, (3, 2)).mean(1))
    np.testing.assert_allclose(found.least, np.reshape(plain, (3, 2)).min(1))
    np.testing.assert_allclose(found.largest, np.reshape(plain, (3, 2)).max(1))
    assert "5994 people" in found.lines("title", 5994)[-1]


def toy(people: Sequence[int], seed: int) -> PairFeatures:
    """Faces and voices that share a hidden vector; two rows a person."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(9).normal(size=(2, 3, 8))
    pairs, image, voice = [], [], []
    for p in people:
        hidden = rng.normal(size=3)
        for _ in range(2):
            pairs.append(Pair(str(p), Path("f"), Path("v"), "FM"[p % 2]))
            image.append((hidden @ mix[0] + 0.3 * rng.normal(size=(2, 8))).astype(np.float32))
            voice.append((hidden @ mix[1] + 0.3 * rng.normal(size=(2, 8))).astype(np.float32))
    return PairFeatures(pairs, image, voice, Report())


def test_trainings_are_kept_and_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, held, store = toy(range(40), 0), toy(range(40, 60), 1), FeatureStore(tmp_path / "s")
    first = lc.measure(known, held, CONFIG, (10, 20, 999), 2, store)
    assert [point.people for point in first] == [10, 10, 20, 20, 40, 40]
    assert not np.array_equal(first[0].scores, first[1].scores)
    monkeypatch.setattr(lc, "fit", None)
    again = lc.measure(known, held, CONFIG, (10, 20, 999), 2, store)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
    with pytest.raises(TypeError):  # other settings are another training
        lc.measure(known, held, replace(CONFIG, steps=31), (10,), 1, store)
    with pytest.raises(TypeError):  # and so are other features
        lc.measure(toy(range(40), 2), held, CONFIG, (10,), 1, store)


def test_a_draw_is_whole_people_of_the_manifest() -> None:
    known = toy(range(30), 0)
    drawn = lc.draw(known, 12, np.random.default_rng(0))
    names = [pair.person for pair in drawn.pairs]
    assert len(set(names)) == 12 and len(names) == 24
    where = [known.pairs.index(pair) for pair in drawn.pairs]
    assert all(drawn.image[i].shape == known.image[j].shape for i, j in enumerate(where))
    assert lc.draw(known, 12, np.random.default_rng(1)).pairs != drawn.pairs


def test_weighted_figures_are_those_of_verify() -> None:
    held = toy(range(20), 3)
    scores = np.random.default_rng(0).normal(size=(40, 40))
    report = cross_modal.evaluate(
        scores, [p.person for p in held.pairs], [p.sex for p in held.pairs], 2
    )
    found = {name: auc(scores, np.ones(40)) for name, auc in lc.figures(held).items()}
    assert found["auc"] == pytest.approx(report.auc.value)
    assert found["auc_within_sex"] == pytest.approx(report.auc_within_sex.value)


def test_more_people_help_on_toy_pairs(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "s")
    points = lc.measure(toy(range(200), 0), toy(range(200, 260), 1), CONFIG, (4, 200), 2, store)
    auc = lc.figures(toy(range(200, 260), 1))["auc"]
    few, many = (
        np.mean([auc(p.scores, np.ones(120)) for p in points if p.people == n]) for n in (4, 200)
    )
    assert many > few + 0.02


def test_the_command_prints_both_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything but the media: features come from here."""
    sides = iter([toy(range(30), 0), toy(range(30, 50), 1)] * 2)
    monkeypatch.setattr(lc, "extractors", lambda *a, **k: (None, None))
    monkeypatch.setattr(lc, "read_pairs", lambda path: [])
    monkeypatch.setattr(lc, "split_pairs", lambda pairs, seed: ([], []))
    monkeypatch.setattr(lc, "pair_features", lambda *a: next(sides))
    options = ["--store", str(tmp_path / "s"), "--people", "5", "10", "30", "--draws", "2"]
    options += ["--bootstrap", "3", "--steps", "5", "--batch", "16", "--yunet", ""]
    assert lc.main(options) == 0
    assert "5994 people" in capsys.readouterr().out
    assert lc.main([*options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(lc.NAMES) and found["auc"]["people"] == [5, 10, 30]
    assert found["auc"]["target"]["low"] <= found["auc"]["target"]["high"]


@pytest.mark.parametrize(
    "options", [["--people", "50"], ["--people", "1", "2", "3"], ["--draws", "0"]]
)
def test_unusable_options_are_one_line(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert lc.main(options) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
