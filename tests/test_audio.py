"""Sound files come back as they went in, at the loudness that was asked for; faults in one line."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from vclip import audio
from vclip.arrays import Wav
from vclip.audio import Limiter, LimiterStream, envelope
from vclip.errors import DataError, OutputError


def tone(seconds: float = 0.5, rate: int = 16000, hertz: float = 220.0) -> Wav:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("f4")


def babble(seconds: float = 3.0, rate: int = 22050, seed: int = 0) -> Wav:
    """Syllables of noisy harmonics, with peaks about as high above the loudness as speech has."""
    rng, t = np.random.default_rng(seed), np.arange(int(seconds * rate)) / rate
    phases = rng.uniform(0, 2 * np.pi, 30)
    pulses = sum(np.cos(2 * np.pi * 120 * n * t + phases[n]) / n for n in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 2 * t + rng.uniform(0, 6)), 0, 1)
    return ((0.15 * pulses + 0.03 * rng.normal(size=len(t))) * syllables).astype(np.float32)


def test_a_saved_sound_comes_back_to_sixteen_bits(tmp_path: Path) -> None:
    for name in ("a.wav", "a.FLAC"):
        audio.save(tmp_path / name, tone(), 16000)
        wav, rate = audio.load_wav(tmp_path / name)
        assert rate == 16000 and wav.dtype == np.float32
        np.testing.assert_allclose(wav, tone(), atol=1.0 / 32767)


def test_mp3_keeps_length_sound_and_loudness(tmp_path: Path) -> None:
    given = audio.normalize_loudness(babble(), 22050)
    audio.save(tmp_path / "a.mp3", given, 22050)
    wav, rate = audio.load_wav(tmp_path / "a.mp3")
    assert rate == 22050 and len(wav) == len(given)
    assert np.sum((wav - given) ** 2) < 0.01 * np.sum(given**2)
    assert audio.loudness(wav, rate) == pytest.approx(-16, abs=0.1)
    assert audio.true_peak(wav) < -0.5
    assert (tmp_path / "a.mp3").stat().st_size < 0.5 * 2 * len(given)


@pytest.mark.parametrize("kind", audio.FORMATS)
def test_same_sound_same_bytes(kind: str) -> None:
    assert audio.encode(tone(), 22050, kind) == audio.encode(tone(), 22050, kind)


@pytest.mark.parametrize("kind", audio.FORMATS)
def test_files_say_that_they_are_synthetic_and_sound_the_same(kind: str) -> None:
    wav = babble()
    plain = io.BytesIO()
    if kind == "mp3":
        soundfile.write(plain, wav, 22050, format="MP3", compression_level=0)
    else:
        soundfile.write(plain, audio.to_int16(wav), 22050, format=kind, subtype="PCM_16")
    data = audio.encode(wav, 22050, kind)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert file.comment == "synthetic speech" and file.samplerate == 22050
    ours, theirs = (soundfile.read(io.BytesIO(x))[0] for x in (data, plain.getvalue()))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["a", "a.ogg", "wav", "a.wav.txt"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"\.wav, \.flac, \.mp3"):
        audio.save(tmp_path / name, tone(), 16000)
    assert not list(tmp_path.iterdir())


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.stack([tone(), -tone()], axis=1)
    soundfile.write(tmp_path / "s.wav", stereo, 16000)
    wav, _ = audio.load_wav(tmp_path / "s.wav")
    assert wav.shape == tone().shape and np.abs(wav).max() < 1e-3


@pytest.mark.parametrize(("rate", "target"), [(48000, 16000), (16000, 22050), (22050, 16000)])
def test_resampling_keeps_the_tone(rate: int, target: int) -> None:
    wav = audio.resample(tone(rate=rate), rate, target)
    assert abs(len(wav) - 0.5 * target) <= 1 and wav.dtype == np.float32
    inner = slice(target // 20, -target // 20)  # the filter rings at both ends
    np.testing.assert_allclose(wav[inner], tone(rate=target)[: len(wav)][inner], atol=0.01)


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    np.testing.assert_array_equal(audio.resample(tone(), 16000, 16000), tone())


def test_resampling_needs_real_rates() -> None:
    with pytest.raises(ValueError, match="positive"):
        audio.resample(tone(), 0, 16000)


def test_loudness_of_the_standard_s_tone() -> None:
    """A full-scale sine of 997 Hz in one channel has -3.01 LUFS (ITU-R BS.1770-4)."""
    assert audio.loudness(2 * tone(3, 48000, 997), 48000) == pytest.approx(-3.01, abs=0.1)


@pytest.mark.parametrize("seconds", [0.05, 0.39, 0.4])
def test_short_sounds_have_the_loudness_of_long_ones(seconds: float) -> None:
    long, short = audio.loudness(tone(4), 16000), audio.loudness(tone(seconds), 16000)
    assert short == pytest.approx(long, abs=0.3)


def test_true_peak_sees_between_the_samples() -> None:
    """A sine of a quarter of the rate, sampled at 45 degrees, is 3 dB higher than its samples."""
    wav = np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4).astype(np.float32)
    assert audio.true_peak(wav[100:-100]) == pytest.approx(0, abs=0.3)
    assert 20 * np.log10(np.abs(wav).max()) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("lufs", [-30.0, -23.0, -16.0])
@pytest.mark.parametrize("level", [0.01, 1.0, 3.0])
def test_loudness_is_reached_under_the_peak_guard(lufs: float, level: float) -> None:
    wav = audio.normalize_loudness(level * babble(), 22050, lufs)
    assert audio.loudness(wav, 22050) == pytest.approx(lufs, abs=0.1)
    assert audio.true_peak(wav) <= audio.TRUE_PEAK
    again = audio.normalize_loudness(wav, 22050, lufs)
    np.testing.assert_allclose(again, wav, atol=0.02 * np.abs(wav).max())


def test_a_sound_of_mere_peaks_is_not_crushed() -> None:
    clicks = np.zeros(22050, dtype=np.float32)
    clicks[::2205] = 1.0
    wav = audio.normalize_loudness(clicks, 22050)
    assert audio.true_peak(wav) <= audio.TRUE_PEAK and audio.loudness(wav, 22050) < -18


def test_without_the_limiter_only_the_gain_changes(caplog: pytest.LogCaptureFixture) -> None:
    wav = babble()
    wav[30000] = 1.0  # one click: the peak of all
    with caplog.at_level("INFO"):
        turned = audio.normalize_loudness(wav, 22050, -16, limited=False)
    assert "softer than -16.0 LUFS" in caplog.text
    assert audio.true_peak(turned) == pytest.approx(audio.TRUE_PEAK, abs=0.01)
    np.testing.assert_allclose(turned, wav * (turned[30000] / wav[30000]), atol=1e-6)
    quiet = audio.normalize_loudness(wav, 22050, -40, limited=False)
    assert audio.loudness(quiet, 22050) == pytest.approx(-40, abs=0.01)


def test_silence_stays_silent() -> None:
    for wav in (np.zeros(0, "f4"), np.zeros(100, "f4"), np.zeros(20000, "f4")):
        for limited in (True, False):
            out = audio.normalize_loudness(wav, 16000, limited=limited)
            np.testing.assert_array_equal(out, wav)
        assert audio.loudness(wav, 16000) == audio.true_peak(wav) == -np.inf


def test_full_scale_is_clipped_not_wrapped() -> None:
    np.testing.assert_array_equal(audio.to_int16(np.array([2.0, -2.0], "f4")), [32767, -32767])


def test_unreadable_and_empty_files_are_data_errors(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    for name in ("missing.wav", "text.wav", "empty.wav"):
        with pytest.raises(DataError, match=name):
            audio.load_wav(tmp_path / name)


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        audio.save(tmp_path / "no" / "folder" / "a.wav", tone(), 16000)


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
