"""The bench of searches: its data, its truth, and figures of what it says it measures."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from vclip.recipes.bench import search, timing
from vclip.recipes.bench.search import Data, K, SearchBenchSettings, VectorFiles
from vclip.recipes.options import parse
from vclip.speakers.bank import FaissIndex


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = {name: (recipe, breadths[:1]) for name, (recipe, breadths) in METHODS.items()}
    monkeypatch.setattr(search, "METHODS", one)


METHODS = dict(search.METHODS)


def bank(folder: Path, data: Data, n: int = 300, n_queries: int = 7) -> VectorFiles:
    return search.make(folder, SearchBenchSettings(sizes=(5, n), queries=n_queries), data)


@pytest.mark.parametrize("data", ["clustered", "uniform"])
def test_data_are_unit_vectors_and_those_of_the_seed(tmp_path: Path, data: str) -> None:
    folders = [tmp_path / name for name in ("one", "again")]
    for folder in folders:
        folder.mkdir()
    one, again = (bank(folder, data) for folder in folders)
    table, queries = one.table(300), one.queries()
    assert queries.shape == (7, one.dimension) and table.shape == (300, one.dimension)
    for rows in (table, queries):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(table, again.table(300))
    np.testing.assert_array_equal(one.table(5), table[:5])


def test_voices_are_the_app_s(tmp_path: Path) -> None:
    """The first seed's cloud, searched with reference faces, in the heads' space."""
    from vclip.pipeline import FaceToVoice

    model = FaceToVoice.from_pretrained("bundled")
    made = bank(tmp_path, "voices")
    np.testing.assert_array_equal(made.table(300), model.sampled_voice_emb(0)[:300])
    np.testing.assert_array_equal(made.queries(), model.reference_faces[:7])


def test_truth_is_a_naive_sort(tmp_path: Path) -> None:
    made = bank(tmp_path, "clustered")
    scores = made.queries() @ made.table(300).T
    for _ in range(2):  # computed, then read
        np.testing.assert_array_equal(made.truth(300), np.argsort(-scores, axis=1)[:, :K])


def test_recall_and_size_are_those_of_the_index(tmp_path: Path) -> None:
    made, path = bank(tmp_path, "uniform"), tmp_path / "index"
    recipe, breadth = search.METHODS["ivf-sq8"][0], 2
    seconds, size = search.build(made, 300, recipe, path)
    told = search.search(made, 300, path, breadth)
    tried = FaissIndex.build(made.table(300), recipe, breadth)
    found = [set(tried.search(query, K)[0].tolist()) for query in made.queries()]
    hits = [len(f & set(t.tolist())) for f, t in zip(found, made.truth(300), strict=True)]
    assert told["recall"] == pytest.approx(sum(hits) / (7 * K)) and 0.1 < told["recall"] < 1
    assert seconds > 0 and size == path.stat().st_size / 1e6 and told["ms"] > 0
    assert search.search(made, 300, None, 0)["recall"] == 1


def test_the_command_measures_each_in_a_process_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = "--sizes 40 400 --data clustered --methods exact ivf-sq8 --queries 5 --json --folder"
    assert search.main([*options.split(), str(tmp_path)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(f["n"], f["method"]) for f in found] == [
        (n, method) for n in (40, 400) for method in ("exact", "ivf-sq8")
    ]
    for f in found:
        assert f["data"] == "clustered" and f["ms"] > 0 and f["rss_mb"] > 10
        assert (f["recall"] == 1) >= (f["method"] == "exact")
        assert (f["index_mb"] > 0) == (f["build_s"] > 0) == (f["method"] != "exact")
    assert not list(tmp_path.iterdir())
    timing.show(found, as_json=False)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == list(found[0])
    assert {row.split()[2] for row in rows} == {"exact", "ivf-sq8"}


@pytest.mark.parametrize("wrong", ["--sizes 0", "--queries 0", "--data voices --model nowhere"])
def test_what_cannot_be_measured(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert search.main(wrong.split()) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_every_kind_of_data_and_method_is_offered() -> None:
    asked = parse(SearchBenchSettings, ["--data", *get_args(Data), "--methods", *METHODS])
    assert asked.data == get_args(Data) and asked.methods == tuple(METHODS)
