"""The bank from recordings: names, pitch, sex of tones whose truth is known."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vclip.recipes.data import features
from vclip.recipes.data.recordings import SpeakerVoices, median_f0, read_speakers
from vclip.recipes.data.voice_sex import THRESHOLD, SexProbe
from vclip.recipes.generation import build_bank

RATE = 16000


def hum(f0: float, seconds: float = 1.2) -> np.ndarray:
    """A voice-like tone: harmonics falling by 6 dB an octave."""
    t = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * f0 * k * t) / k for k in range(1, 12))
    return (0.1 * tone).astype(np.float32)


class Hearing:
    """A voice encoder of coarse spectra."""

    sample_rate, dimension, min_seconds = RATE, 16, 0.1

    def encode(self, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        power = np.abs(np.fft.rfft(wav, 4096))[:1024].reshape(16, 64).mean(1)
        return (power / np.linalg.norm(power)).astype(np.float32)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Labelled speakers of two sources, 12 of either sex, and 3 of unknown sex with 2 files."""
    rows = []
    for source, speaker, sex, f0 in [
        *(("vctk", f"v{i}", "FM"[i % 2], (215, 105)[i % 2] + i) for i in range(12)),
        *(("librispeech", f"l{i}", "FM"[i % 2], (205, 110)[i % 2] + i) for i in range(12)),
        *(("other", f"c{i}", "", f0) for i, f0 in enumerate((110, 220, 125))),
    ]:
        for take in range(2):
            name = f"{speaker}_{take}.wav"
            soundfile.write(tmp_path / name, hum(f0 + take), RATE)
            rows.append([name, source, speaker, sex])
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "source", "speaker", "sex"], *rows])
    return tmp_path / "manifest.csv"


def run(manifest: Path, *more: str) -> int:
    options = ["--manifest", str(manifest), "--store", str(manifest.parent / "store")]
    return build_bank.main(["--directory", str(manifest.parent / "m"), *options, *more])


def test_bank_of_recordings(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (build_bank, features):
        monkeypatch.setattr(module, "open_voice_encoder", lambda spec: (Hearing(), "hash"))
    assert run(manifest, "--recordings", "other", "--rename", "c", "p") == 0
    with np.load(manifest.parent / "m" / "bank.npz", allow_pickle=False) as bank:
        assert bank["speaker_ids"].tolist() == ["p0", "p1", "p2"]
        np.testing.assert_allclose(bank["f0"], [110.5, 220.5, 125.5], rtol=0.01)
        assert bank["sex"].tolist() == ["M", "F", "M"]
        both = [Hearing().encode(hum(110 + take), RATE) for take in range(2)]
        mean = np.mean(both, axis=0)
        expected = mean / np.linalg.norm(mean)
        np.testing.assert_allclose(bank["voice_features"][0], expected, atol=1e-3)
        origin = json.loads(str(bank["provenance"]))
    assert origin["recordings"] == "other" and origin["sex"]["labelled_speakers"] == 24
    assert origin["sex"]["agreement_of_probe_and_pitch"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--recordings", "nobody"], "no source 'nobody'; it has librispeech, other, vctk"),
        (["--recordings", "other", "--rename", "x", "p"], "does not begin with 'x'"),
    ],
)
def test_what_cannot_be_built(
    manifest: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    for module in (build_bank, features):
        monkeypatch.setattr(module, "open_voice_encoder", lambda spec: (Hearing(), "hash"))
    assert run(manifest, *more) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (manifest.parent / "m" / "bank.npz").exists()


def test_recordings_need_their_manifest(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert build_bank.main(["--directory", str(tmp_path), "--recordings", "other"]) == 2
    assert "--manifest" in capsys.readouterr().err


def test_speakers_are_grouped_in_order(manifest: Path) -> None:
    speakers = read_speakers(manifest, "other")
    assert list(speakers) == ["c0", "c1", "c2"]
    assert [path.name for path in speakers["c1"][1]] == ["c1_0.wav", "c1_1.wav"]


def test_median_f0_of_a_known_tone() -> None:
    assert median_f0([(hum(130), RATE), (hum(130, 0.6), RATE)]) == pytest.approx(130, rel=0.005)


def test_the_probe_hears_more_than_pitch() -> None:
    """Voices whose sex lies in a feature, pitch blurred across the threshold: errors of F0 go."""
    rng = np.random.default_rng(0)
    sex = np.array(["F", "M"] * 60)
    features = rng.normal(size=(120, 64)) + 1.5 * (sex == "F")[:, None]
    f0 = THRESHOLD * 2 ** (0.25 * rng.normal(size=120) + np.where(sex == "F", 0.3, -0.3))
    voices = SpeakerVoices(
        [f"s{i}" for i in range(120)],
        features.astype(np.float32),
        f0.astype(np.float32),
        sex.tolist(),
    )
    figures = SexProbe.fit([voices]).figures
    assert figures["pitch_right"] < figures["probe_right_on_unseen"] - 0.02
