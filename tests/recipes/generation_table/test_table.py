"""The table of generation: its figures against loops, and the command on a model in miniature."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted import plain_heads
from toy_model import make_model

from vclip import audio
from vclip.recipes.association import settings
from vclip.recipes.data import features
from vclip.recipes.generation_table import experiment, table
from vclip.recipes.generation_table.measures import MethodScores, VoiceDensity, VoiceMeasures
from vclip.recipes.metrics import speaker_generation
from vclip.recipes.metrics.intervals import Estimate, bootstrap_means

V = 6


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_a_row_is_what_loops_over_faces_and_voices_give() -> None:
    rng = np.random.default_rng(0)
    voices, faces = (rng.normal(size=(7, V)).astype("f4") for _ in range(2))
    heard = rng.normal(size=(7, 3, V)).astype("f4")
    known = rng.normal(size=(40, V)).astype("f4")
    density = VoiceDensity(known / np.linalg.norm(known, axis=1, keepdims=True))
    row = VoiceMeasures(voices, faces, plain_heads(V), density).score("some", heard)
    for i in range(7):
        mine = [heard[i, j] for j in range(3)]
        assert row.values[i, 0] == pytest.approx(
            np.mean([cosine(h, voices[i]) for h in mine]), abs=1e-5
        )
        assert row.values[i, 1] == pytest.approx(
            np.mean([cosine(h, faces[i]) for h in mine]), abs=1e-5
        )
        likely = density.log_prob(np.stack([h / np.linalg.norm(h) for h in mine]))
        assert row.values[i, 2] == pytest.approx(likely.mean(), abs=1e-2)
    assert row.vendi_k == pytest.approx(
        np.mean([speaker_generation.vendi(few) for few in heard]), rel=1e-5
    )
    assert row.vendi_1 == pytest.approx(speaker_generation.vendi(heard[:, 0]), rel=1e-5)
    assert np.isnan(
        VoiceMeasures(voices, faces, plain_heads(V), density).score("one", heard[:, :1]).vendi_k
    )


def test_a_voice_without_speech_is_counted_and_in_no_figure() -> None:
    rng = np.random.default_rng(0)
    voices, faces = (rng.normal(size=(5, V)).astype("f4") for _ in range(2))
    heard = rng.normal(size=(5, 3, V)).astype("f4")
    judge = VoiceMeasures(voices, faces, plain_heads(V), VoiceDensity(rng.normal(size=(40, V))))
    whole, broken = judge.score("whole", heard), heard.copy()
    broken[1, 2], broken[4] = np.nan, np.nan
    row = judge.score("broken", broken)
    assert (whole.silent, row.silent) == (0, 4) and np.isnan(row.values[4]).all()
    np.testing.assert_allclose(row.values[[0, 2, 3]], whole.values[[0, 2, 3]], rtol=1e-6)
    two = judge.score("two", np.concatenate([heard[:, :2]]))
    np.testing.assert_allclose(row.values[1], two.values[1], rtol=1e-6)
    mean = bootstrap_means(row.values, list("abcde"), 20, np.random.default_rng(0))[0]
    assert mean.value == pytest.approx(row.values[:4, 0].mean()) and mean.low < mean.high


def test_intervals_are_over_people_and_differences_are_paired() -> None:
    rng = np.random.default_rng(0)
    person = [f"p{i // 2}" for i in range(60)]
    hard = np.repeat(rng.normal(size=30), 2)[:, None]  # some faces are hard for every method
    one, other = (
        MethodScores(name, hard + gain + 0.01 * rng.normal(size=(60, 3)), 1, 1)
        for name, gain in (("one", 0.1), ("other", 0.0))
    )
    alone, gap = (
        bootstrap_means(values, person, 200, np.random.default_rng(0))[0]
        for values in (one.values, one.values - other.values)
    )
    assert alone.value == pytest.approx(one.values[:, 0].mean())
    assert gap.high - gap.low < 0.05 * (alone.high - alone.low)
    assert gap.value == pytest.approx((one.values - other.values)[:, 0].mean())
    assert gap.low < 0.1 < gap.high
    of_person = (one.values - other.values)[:, 0].reshape(30, 2).mean(axis=1)
    error = of_person.std() / np.sqrt(30)
    assert gap.high - gap.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_a_figure_that_is_not_defined_is_a_dash() -> None:
    nothing = Estimate(np.nan, np.nan, np.nan)
    assert table.cell(nothing, 3) == "-"
    assert table.cell(Estimate(0.25, 0.1, 0.4), 2, "+") == "+0.25 [+0.10, +0.40]"


class Spectra:
    """A voice encoder of 256 bands of the mean spectrum."""

    sample_rate, dimension, min_seconds = 16000, 256, 0.01

    def encode(self, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        wav = np.concatenate([wav, np.zeros(1024)])
        power = np.abs(np.fft.rfft(wav[: len(wav) // 512 * 512].reshape(-1, 512))).mean(axis=0)
        bands = power[:256] + 1e-6
        return (bands / np.linalg.norm(bands)).astype(np.float32)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A model directory, twelve people of which four are judged, and nothing to hear them with."""
    make_model(tmp_path)
    rng, lines = np.random.default_rng(0), ["person,face,voice,sex,split"]
    for i in range(12):
        Image.fromarray(rng.integers(256, size=(64, 64, 3), dtype="u1")).save(tmp_path / f"{i}.png")
        wav = np.sin(np.arange(24000) * 0.02 * (i + 1)) * 0.3
        audio.save(tmp_path / f"{i}.wav", wav.astype("f4"), 16000)
        lines.append(f"p{i},{i}.png,{i}.wav,{'FM'[i % 2]},{'dev' if i < 4 else 'train'}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    for module in (experiment, features):
        monkeypatch.setattr(module, "open_voice_encoder", lambda spec: (Spectra(), "hash"))
    quick = settings.FitConfig(couplings=2, coupling_hidden=8, steps=3, batch=4, check_every=3)
    monkeypatch.setitem(settings.PRESETS, "bundled", quick)
    text = f"{tmp_path} --pairs {tmp_path}/pairs.csv --store {tmp_path}/store"
    text += f" --cache {tmp_path}/cache --k 2 --n 20 --listened 12 --spoken 6 --draws 20"
    return text.split()


@pytest.mark.slow
def test_the_command_prints_every_method_and_says_what_is_not_defined(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert table.main([*options, "--sentences", "2"]) == 0
    first = capsys.readouterr().out
    for name in (
        "true recordings",
        "draw nearest to the true voice",
        "random draws",
        "direct mapping",
        experiment.OWN,
        "informed, 1 sentence",
        "informed, 2 sentences",
    ):
        assert any(line.startswith(f"{name}  ") for line in first.splitlines()), name
    assert "naive: not defined" in first and "S = 16" in first and "V = 256" in first
    assert "never listened: not computed" in first
    assert "evaluator trained on one half" in first and "4 rows, 4 persons" in first
    assert table.main([*options, "--sentences", "2"]) == 0
    assert capsys.readouterr().out == first  # the same from what was kept


@pytest.mark.slow
def test_json_has_the_measures_of_every_method(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert table.main([*options, "--sentences", "2", "--json", "--halves"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["random draws"]) == {"v2v", "f2v", "log_prob", "vendi_k", "vendi_1"}
    assert -1 <= found["direct mapping"]["v2v"]["value"] <= 1
    assert found["true recordings"]["v2v"]["value"] > 0.99  # a tone's halves sound alike


@pytest.mark.parametrize("fault", [["--split", "none"], ["--k", "0"], ["--k", "7"]])
def test_user_errors_are_one_line(
    options: list[str], fault: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert table.main([*options, *fault]) == 2
    assert capsys.readouterr().err.count("\n") == 1
