"""Exact search against a naive sort; FAISS against exact search, and what it must not change."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO
from hypothesis import given
from hypothesis import strategies as st

from vclip.errors import ModelError, SpeakerError
from vclip.speakers import bank
from vclip.speakers.bank import ExactIndex, FaissIndex, SpeakerBank, build_index, top_k

N, D, K = 3000, 16, 10
RECIPES = ["IVF{lists},Flat", bank.RECIPE]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, D))
    return unit(centres[rng.integers(30, size=N)] + 0.5 * rng.normal(size=(N, D)))


@pytest.fixture(scope="module")
def queries() -> np.ndarray:
    return unit(np.random.default_rng(1).normal(size=(50, D)))


@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(0, 40))
def test_top_is_a_stable_sort(values: list[int], k: int) -> None:
    scores = np.array(values, dtype=np.float32)
    assert top_k(scores, k).tolist() == sorted(range(len(values)), key=lambda i: -values[i])[:k]


def test_exact_search_tells_cosines_of_the_best(table: np.ndarray, queries: np.ndarray) -> None:
    rows, scores = ExactIndex(table).search(queries[0], K)
    naive = [float(np.dot(row, queries[0])) for row in table]
    assert rows.tolist() == sorted(range(N), key=lambda i: -naive[i])[:K]
    np.testing.assert_allclose(scores, [naive[i] for i in rows], atol=1e-6)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_search_of_everything_is_exact(
    table: np.ndarray, queries: np.ndarray, recipe: str
) -> None:
    """With every list probed, or every node of a graph visited, nothing can be missed."""
    one, other = ExactIndex(table), FaissIndex.build(table, recipe, breadth=N)
    for query in queries:
        (rows, scores), (found, told) = one.search(query, K), other.search(query, K)
        assert rows.tolist() == found.tolist()
        np.testing.assert_allclose(told, scores, atol=1e-6)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_narrow_search_misses_little_and_tells_no_wrong_score(
    table: np.ndarray, queries: np.ndarray, recipe: str
) -> None:
    exact, tried = ExactIndex(table), FaissIndex.build(table, recipe, breadth=32)
    shared = 0
    for query in unit(table[:50] + 0.1 * queries):
        rows, scores = tried.search(query, K)
        np.testing.assert_allclose(scores, table[rows] @ query, atol=1e-6)
        assert (np.diff(scores) <= 0).all() and len(set(rows)) == K
        shared += len(set(rows) & set(exact.search(query, K)[0]))
    assert shared / (K * len(queries)) > 0.95  # 1 was seen


def test_more_is_asked_than_the_lists_hold(table: np.ndarray, queries: np.ndarray) -> None:
    narrow = FaissIndex.build(table, "IVF{lists},Flat", breadth=1)
    for k in (500, N, 2 * N):
        rows, _ = narrow.search(queries[0], k)
        assert rows.tolist() == ExactIndex(table).search(queries[0], k)[0].tolist()


def test_equal_rows_keep_their_order(table: np.ndarray) -> None:
    twice = np.concatenate([table[:1000], table[:1000]])
    rows, scores = FaissIndex.build(twice).search(table[7], 4)
    assert rows[:2].tolist() == [7, 1007] and scores[0] == scores[1]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_same_rows_give_the_same_index(table: np.ndarray, recipe: str, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "again")]
    for path in paths:
        FaissIndex.build(table, recipe).save(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_saved_and_loaded(table: np.ndarray, queries: np.ndarray, tmp_path: Path) -> None:
    built = FaissIndex.build(table)
    built.save(tmp_path / "index")
    loaded = FaissIndex.load(tmp_path / "index", table)
    for query in queries:
        assert built.search(query, K)[0].tolist() == loaded.search(query, K)[0].tolist()
    with pytest.raises(ModelError, match="other rows"):
        FaissIndex.load(tmp_path / "index", table[1:])
    (tmp_path / "index").write_bytes(b"no index")
    with pytest.raises(ModelError, match="no index of FAISS"):
        FaissIndex.load(tmp_path / "index", table)


def test_threads_share_an_index(table: np.ndarray, queries: np.ndarray) -> None:
    tried = FaissIndex.build(table)
    alone = [tried.search(query, K)[0].tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: tried.search(query, K)[0].tolist(), queries))
    assert together == alone


def test_the_size_decides(table: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank, "EXACT_UP_TO", len(table))
    assert isinstance(build_index(table), ExactIndex)
    monkeypatch.setattr(bank, "EXACT_UP_TO", len(table) - 1)
    assert isinstance(build_index(table), FaissIndex)
    speakers = SpeakerBank([f"s{i}" for i in range(N)], table)  # every speaker finds itself
    assert [speakers.search(table[i], 1)[0].speaker_id for i in (0, 5, N - 1)] == [
        "s0",
        "s5",
        "s2999",
    ]


def test_small_banks_do_not_load_faiss() -> None:
    code = (
        "import sys, numpy as np\nfrom vclip.speakers.bank import SpeakerBank\n"
        "SpeakerBank(['a'], np.ones((1, 1), np.float32)).search(np.ones(1, np.float32), 1)\n"
        "assert 'faiss' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPO, timeout=60)


def unit_rows(n: int, d: int, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32))


def test_search_equals_a_naive_loop() -> None:
    emb, query = unit_rows(50, 8), unit_rows(1, 8, 1)[0]
    bank = SpeakerBank([f"s{i}" for i in range(50)], emb)
    naive = sorted(range(50), key=lambda i: -sum(a * b for a, b in zip(emb[i], query, strict=True)))
    hits = bank.search(query, 7)
    assert [hit.index for hit in hits] == naive[:7]
    assert [hit.speaker_id for hit in hits] == [f"s{i}" for i in naive[:7]]
    assert hits[0].score == pytest.approx(float(emb[naive[0]] @ query), abs=1e-6)


def test_a_speaker_finds_itself_and_k_is_capped() -> None:
    emb = unit_rows(5, 8)
    bank = SpeakerBank(list("abcde"), emb)
    assert [bank.search(row, 1)[0].speaker_id for row in emb] == list("abcde")
    assert len(bank.search(emb[0], 99)) == len(bank) == 5


def test_order_of_the_bank_does_not_matter() -> None:
    emb, order = unit_rows(9, 4), np.random.default_rng(2).permutation(9)
    ids = [f"s{i}" for i in range(9)]
    one = SpeakerBank(ids, emb).search(emb[0], 9)
    other = SpeakerBank([ids[i] for i in order], emb[order]).search(emb[0], 9)
    assert [hit.speaker_id for hit in one] == [hit.speaker_id for hit in other]


def test_refuses_what_is_no_bank() -> None:
    with pytest.raises(ValueError, match="unit norm"):
        SpeakerBank(["a"], 2 * unit_rows(1, 4))
    with pytest.raises(ValueError, match="ids"):
        SpeakerBank(["a", "a"], unit_rows(2, 4))
    with pytest.raises(SpeakerError, match="'z'"):
        SpeakerBank(["a"], unit_rows(1, 4)).index("z")
