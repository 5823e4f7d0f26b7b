"""Exact search against a naive loop, and its border."""

import numpy as np
import pytest

from vclip.errors import SpeakerError
from vclip.speakers.bank import SpeakerBank


def unit(n: int, d: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_search_equals_a_naive_loop() -> None:
    emb, query = unit(50, 8), unit(1, 8, 1)[0]
    bank = SpeakerBank([f"s{i}" for i in range(50)], emb)
    naive = sorted(range(50), key=lambda i: -sum(a * b for a, b in zip(emb[i], query, strict=True)))
    hits = bank.search(query, 7)
    assert [hit.index for hit in hits] == naive[:7]
    assert [hit.speaker_id for hit in hits] == [f"s{i}" for i in naive[:7]]
    assert hits[0].score == pytest.approx(float(emb[naive[0]] @ query), abs=1e-6)


def test_a_speaker_finds_itself_and_k_is_capped() -> None:
    emb = unit(5, 8)
    bank = SpeakerBank(list("abcde"), emb)
    assert [bank.search(row, 1)[0].speaker_id for row in emb] == list("abcde")
    assert len(bank.search(emb[0], 99)) == len(bank) == 5


def test_order_of_the_bank_does_not_matter() -> None:
    emb, order = unit(9, 4), np.random.default_rng(2).permutation(9)
    ids = [f"s{i}" for i in range(9)]
    one = SpeakerBank(ids, emb).search(emb[0], 9)
    other = SpeakerBank([ids[i] for i in order], emb[order]).search(emb[0], 9)
    assert [hit.speaker_id for hit in one] == [hit.speaker_id for hit in other]


def test_refuses_what_is_no_bank() -> None:
    with pytest.raises(ValueError, match="unit norm"):
        SpeakerBank(["a"], 2 * unit(1, 4))
    with pytest.raises(ValueError, match="ids"):
        SpeakerBank(["a", "a"], unit(2, 4))
    with pytest.raises(SpeakerError, match="'z'"):
        SpeakerBank(["a"], unit(1, 4)).index("z")
