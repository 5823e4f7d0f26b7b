"""What shaping does to the sound: measures against tones, the table of a toy."""

import numpy as np
import pytest

from vclip.recipes.generation import shapes
from vclip.speakers import gmm
from vclip.speech.synthesizer import Speech

RATE = 16000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype("f4")


@pytest.mark.parametrize("hertz", [500, 1234, 3000])
def test_the_centroid_of_a_tone_is_its_frequency(hertz: float) -> None:
    assert shapes.centroid(tone(hertz), RATE) == pytest.approx(hertz, rel=0.01)


def test_the_centroid_of_two_equal_tones_lies_between_and_silence_does_not_count() -> None:
    both = tone(1000) + tone(2000)
    padded = np.concatenate([np.zeros(RATE // 2, np.float32), both])
    for wav in (both, padded):
        assert shapes.centroid(wav, RATE) == pytest.approx(1500, rel=0.02)


def test_sounds_of_a_hum_with_silence_around_it() -> None:
    t = np.arange(RATE) / RATE
    hum = sum(np.sin(2 * np.pi * 200 * k * t) / k for k in range(1, 8)).astype("f4") * 0.2
    quiet = np.zeros(RATE // 2, np.float32)
    spoken = [Speech(np.concatenate([quiet, hum, quiet]), RATE)] * 2
    semitones, _, pace = shapes.sounds(spoken, 40)
    assert semitones == pytest.approx(12, abs=0.1)  # an octave above 100 Hz
    assert pace == pytest.approx(2 / 40, rel=0.05)


class ToyStudio:
    """Speaker embeddings that are heard as they are."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.bank = rng.normal(size=(60, 6)).astype(np.float32) * np.arange(6, 0, -1)
        self.gmm = gmm.SpeakerGMM.fit(self.bank, 1, 0)

    def heard(self, rows: np.ndarray, sentence: int, seed: int) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def expected(self, rows: np.ndarray) -> np.ndarray:
        return self.heard(rows, 0, 0)


def test_wider_draws_sound_less_like_their_centre(capsys: pytest.CaptureFixture[str]) -> None:
    shapes.near(ToyStudio(), 6, 20, np.random.default_rng(0))  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    table = np.array([[float(x) for x in line.split()] for line in lines[2:]])
    assert table[:, 0].tolist() == list(shapes.SPREADS) and gmm.NEAR in table[:, 0]
    assert (np.diff(table[:, 1]) < 0.02).all() and table[0, 1] > 0.95 > table[-1, 1]
    assert (table[:, 3] == 1).all()  # another sentence changes nothing here
    np.testing.assert_allclose(table[:, 1], table[:, 4], atol=1e-3)
