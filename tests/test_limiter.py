"""The limiter: never above its ceiling, never louder, the same in chunks as in one piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vclip.audio import Limiter, LimiterStream, envelope

RATE = 8000


def noise(n: int, seed: int = 0) -> np.ndarray:
    """Noise whose level goes up and down."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=n) * np.sin(np.arange(n) / 900) ** 2).astype(np.float32)


def test_peaks_stay_under_the_ceiling_and_quiet_parts_as_they_are() -> None:
    wav, limiter = noise(RATE), Limiter(RATE, 0.5)
    limited = limiter(wav)
    assert envelope(limited).max() <= 0.5 * 1.01 and limited.dtype == np.float32
    far = np.convolve(np.abs(wav) > 0.3, np.ones(4 * limiter.reach), "same") == 0
    assert far.sum() > 500
    np.testing.assert_allclose(limited[far], wav[far], rtol=1e-6)


def test_the_gain_is_at_most_what_every_sample_needs() -> None:
    peaks, limiter = envelope(noise(RATE)), Limiter(RATE, 0.5)
    gain = limiter.gain(peaks)
    assert np.all(gain <= np.minimum(1, 0.5 / np.maximum(peaks, 0.1)) + 1e-6) and gain.min() > 0


def test_what_is_soft_enough_passes() -> None:
    wav = 0.01 * noise(RATE)
    assert Limiter(RATE, 0.5)(wav) is wav
    assert len(Limiter(RATE, 0.5)(wav[:0])) == 0


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(0, 1500), max_size=8), st.sampled_from([0.1, 0.5, 9.0]))
def test_chunks_are_limited_as_the_whole(sizes: list[int], ceiling: float) -> None:
    wav, limiter = noise(sum(sizes)), Limiter(RATE, ceiling)
    stream = LimiterStream(limiter)
    parts = [stream.feed(part) for part in np.split(wav, np.cumsum(sizes)[:-1])] if sizes else []
    joined = np.concatenate([*parts, stream.finish()])
    np.testing.assert_allclose(joined, limiter(wav), atol=1e-6)


@pytest.mark.parametrize("chunk", [10, 400])
def test_the_stream_lags_no_more_than_its_reach(chunk: int) -> None:
    stream, limiter = LimiterStream(Limiter(RATE, 0.5)), Limiter(RATE, 0.5)
    given, got = 0, 0
    for _ in range(50):
        got += len(stream.feed(noise(chunk)))
        given += chunk
        assert given - got <= limiter.reach
