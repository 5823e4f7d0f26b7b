"""The whole analysis of simulated panels: nominal coverage, nulls, speed; and its command line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import simulated_ratings
import toy_study
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from scipy import stats
from threadpoolctl import threadpool_info, threadpool_limits

from vclip.errors import StudyError
from vclip.listening import analyse
from vclip.listening.analysis import (
    charts,
    exclusion,
    rating_table,
    report,
    scores,
)
from vclip.listening.analysis import (
    results as analysis,
)
from vclip.listening.analysis.bootstrap import TwoWayBootstrap
from vclip.listening.analysis.scores import ConditionMean, PairComparison
from vclip.listening.design.study import Study
from vclip.listening.design.study_file import load
from vclip.listening.simulation.raters import RaterPanel


@pytest.fixture(scope="module")
def results() -> analysis.StudyResults:
    study = simulated_ratings.everything(attention=2)
    return analysis.analyse(study, simulated_ratings.table(study, 24, inattentive=0.25), 300)


def small(types: str = "acr_fit") -> Study:
    return toy_study.study(10, "abc", types, trials_per_rater=12)


def test_every_type_has_its_part(results: analysis.StudyResults) -> None:
    by_type = {q.type: q for q in results.questions}
    assert list(by_type) == simulated_ratings.ALL.split()
    for kind, question in by_type.items():
        numbers = kind in ("acr_naturalness", "acr_fit", "multi")
        assert bool(question.means) == bool(question.comparisons) == numbers
        assert (question.agreement is not None) == numbers
        assert (question.ordinal is not None) == kind.startswith("acr")
        assert (question.preferences is not None) == (kind == "ab")
        assert bool(question.accuracies) == (kind in ("abx", "afc"))


def test_planted_order_is_found(results: analysis.StudyResults) -> None:
    for question in results.questions:
        for mean in question.means:
            assert mean.n == sum(mean.histogram.values())
        assert [m.condition for m in question.means] in ([], ["a", "b", "c"])
        assert all(one.difference.value > 0 for one in question.comparisons)
        if question.preferences:
            values = [s.strength.value for s in question.preferences.strengths]
            assert values == sorted(values, reverse=True)


def test_excluded_raters_do_not_count(results: analysis.StudyResults) -> None:
    assert results.n_raters + results.n_excluded == 24
    assert 4 <= results.n_excluded <= 6
    assert sum(results.excluded_by.values()) >= results.n_excluded


def test_raw_counts_everyone() -> None:
    study = simulated_ratings.everything(attention=2)
    table = simulated_ratings.table(study, 24, inattentive=0.25)
    raw = analysis.analyse(study, table, 100, raw=True)
    assert (raw.n_raters, raw.n_excluded, raw.n_ratings) == (24, 0, 24 * 24)
    assert "nobody was excluded, although rules were broken" in report.text(raw)


def judged(
    study: Study, panel: RaterPanel, seed: int
) -> tuple[list[ConditionMean], list[PairComparison]]:
    """16 raters through plan, panel, exclusion and bootstrap."""
    found = simulated_ratings.rated_by(panel, 16, np.random.default_rng(1000 + seed))
    rows = exclusion.clean(rating_table.frame(found, study))
    two_way = TwoWayBootstrap(rows["rater"], rows["item"], 200, np.random.default_rng(seed))
    return scores.means(rows, "abc", two_way), scores.comparisons(rows, "abc", two_way)


@pytest.mark.slow
def test_intervals_of_small_studies_cover_at_the_nominal_rate() -> None:
    """Means and differences of 60 studies of 16 raters × 12 trials.

    What is estimated in one study shares its raters, so its hits are correlated: the count of
    studies, not of intervals, makes the error of the rate.
    """
    study, n, of_means, of_pairs = small(), 60, [], []
    for seed in range(n):
        panel = simulated_ratings.panel(study, seed)
        means, pairs = judged(study, panel, seed)
        truth = {name: panel.truth.mean(name) for name in "abc"}
        of_means += [m.mean.low <= truth[m.condition] <= m.mean.high for m in means]
        for pair in pairs:
            difference = truth[pair.one] - truth[pair.other]
            of_pairs.append(pair.difference.low <= difference <= pair.difference.high)
    error = np.sqrt(0.95 * 0.05 / n)
    assert abs(np.mean(of_means) - 0.95) <= 3 * error
    assert abs(np.mean(of_pairs) - 0.95) <= 3 * error


@pytest.mark.slow
def test_a_null_effect_stays_null() -> None:
    """Families of three pairs with no effect: at most 5 % say anything, within chance."""
    study, loud, n = small(), 0, 60
    for seed in range(n):
        _, pairs = judged(study, simulated_ratings.panel(study, seed, effect=0), seed)
        loud += any(pair.significant for pair in pairs)
    assert loud <= stats.binom.ppf(0.998, n, 0.05)


@pytest.mark.slow
def test_100_raters_and_60_trials_with_2000_draws_take_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As work rather than time: Newton's steps solve 62 systems of 458 unknowns or fewer."""
    study = toy_study.study(20, "abc", simulated_ratings.ALL, trials_per_rater=60, attention=2)
    found = simulated_ratings.ratings(study, 100, inattentive=0.1)
    unknowns, solve = list[int](), np.linalg.solve

    def counted(matrix: Any, right: Any) -> Any:
        unknowns.append(len(matrix))
        return solve(matrix, right)

    monkeypatch.setattr(np.linalg, "solve", counted)
    table = rating_table.frame(found, study)
    assert analysis.analyse(study, table, 2000).n_ratings >= 5400
    assert len(unknowns) < 150 and max(unknowns) < 600


def test_an_analysis_takes_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two the ordinal model took ten times the processor's time, on a busy machine."""
    seen: list[int] = []

    def fit(*_: object) -> None:
        seen.extend(i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas")

    monkeypatch.setattr(analysis.ordinal, "fit", fit)
    with threadpool_limits(2, user_api="blas"):
        analysis.analyse(small(), simulated_ratings.table(small(), 2), 100, raw=True)
    assert seen and set(seen) == {1}


def test_same_seed_same_results_and_json_knows_no_nan(results: analysis.StudyResults) -> None:
    study = simulated_ratings.everything(attention=2)
    again = analysis.analyse(study, simulated_ratings.table(study, 24, inattentive=0.25), 300)
    assert again.as_dict() == results.as_dict()
    json.dumps(again.as_dict(), allow_nan=False)


def test_nothing_to_analyse_is_told() -> None:
    study = simulated_ratings.everything()
    with pytest.raises(StudyError, match="no ratings"):
        analysis.analyse(study, rating_table.frame([], study))
    table = simulated_ratings.table(study, 2)
    with pytest.raises(StudyError, match="every rater is excluded"):
        analysis.analyse(study, table.assign(excluded=True, reason="speed: too fast"))


@pytest.mark.slow
def test_figures_are_svg_and_pdf_and_the_same_again(results: analysis.StudyResults) -> None:
    figures, again = charts.figures(results), charts.figures(results)
    assert {"acr_fit_means", "acr_fit_histogram", "ab_preferences", "afc_accuracy"} <= set(figures)
    for name, figure in figures.items():
        drawn = charts.saved(figure, "svg")
        assert ET.fromstring(drawn).tag.endswith("svg")
        assert charts.saved(again[name], "svg") == drawn
        assert charts.saved(figure, "pdf").startswith(b"%PDF")


def boxes(figure: Figure) -> list[Bbox]:
    """Of all texts with something in them, in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    least, most = axes.get_xlim()
    ticks = [t for t in axes.get_xticklabels() if least <= t.get_position()[0] <= most]
    shown = [*axes.get_yticklabels(), *ticks, axes.xaxis.label]
    shown += [text for legend in figure.legends for text in legend.get_texts()]
    return [text.get_window_extent() for text in shown if text.get_text()]


@pytest.mark.slow
@pytest.mark.parametrize("long", ["x" * 60, "the voice that was found for another face " * 3, "Z"])
def test_texts_of_figures_are_whole_and_apart(results: analysis.StudyResults, long: str) -> None:
    """Within the figure, none over another, however long conditions are called."""
    named = replace(results, labels={"a": long, "b": f"{long}!", "c": "C"})
    for name, figure in charts.figures(named).items():
        found = boxes(figure)
        for box in found:
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 + 1, name
            assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1 + 1, name
        for i, one in enumerate(found):
            assert not any(one.overlaps(other) for other in found[:i]), name


def test_labels_are_no_formulas(results: analysis.StudyResults) -> None:
    question = results.questions[0]
    figure = charts.means(question, {"a": "costs $5 and $6", "b": "<b>", "c": "c_1^2"})
    assert b"costs $5 and $6" in charts.saved(figure, "svg")


@pytest.mark.slow
def test_command_line_reads_what_was_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = toy_study.fields(6, "abc", simulated_ratings.ALL, trials_per_rater=24, attention=2)
    path = toy_study.written(tmp_path, fields)
    study = load(path)
    table = simulated_ratings.table(study, 8, inattentive=0.25)
    csv = tmp_path / "ratings.csv"
    csv.write_text(rating_table.csv(table))
    out = tmp_path / "out"
    options = [str(csv), "--study", str(path), "--draws", "200", "--json", "--out", str(out)]
    assert analyse.main(options) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((out / "results.json").read_text())
    assert found == json.loads(json.dumps(analysis.analyse(study, table, 200).as_dict()))
    assert (out / "acr_fit_means.pdf").exists() and (out / "report.txt").exists()
    assert analyse.main([str(csv), "--draws", "200"]) == 0
    assert "raters gave" in capsys.readouterr().out


def test_command_line_tells_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyse.main([str(tmp_path / "none.csv")]) == 2
    assert "there is no" in capsys.readouterr().err
    assert analyse.main(["x.csv", "--draws", "3"]) == 2
    assert "--draws" in capsys.readouterr().err
