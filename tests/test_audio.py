"""Sound files come back as they went in, and faults are said in one line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vclip import audio
from vclip.errors import DataError, OutputError


def tone(seconds: float = 0.5, rate: int = 16000, hertz: float = 220.0) -> audio.Wav:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("f4")


def test_a_saved_sound_comes_back_to_sixteen_bits(tmp_path: Path) -> None:
    audio.save_wav(tmp_path / "a.wav", tone(), 16000)
    wav, rate = audio.load_wav(tmp_path / "a.wav")
    assert rate == 16000 and wav.dtype == np.float32
    np.testing.assert_allclose(wav, tone(), atol=1.0 / 32767)


def test_same_sound_same_bytes() -> None:
    assert audio.wav_bytes(tone(), 22050) == audio.wav_bytes(tone(), 22050)


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


def test_peak_guard_turns_down_and_never_up() -> None:
    assert np.abs(audio.guard_peak(tone() * 10)).max() == pytest.approx(audio.PEAK, abs=1e-6)
    np.testing.assert_array_equal(audio.guard_peak(tone()), tone())


def test_loudness_is_matched_and_silence_left() -> None:
    loud = audio.match_loudness(tone() * 0.1, level=0.05)
    assert np.sqrt(np.mean(loud**2)) == pytest.approx(0.05, rel=1e-3)
    np.testing.assert_array_equal(audio.match_loudness(np.zeros(9, "f4")), np.zeros(9))


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
        audio.save_wav(tmp_path / "no" / "folder" / "a.wav", tone(), 16000)
