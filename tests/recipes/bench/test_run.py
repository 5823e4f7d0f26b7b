"""The bench measures what it says; how fast this machine is, no test knows."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from toy_model import MODEL_ARGS

from vclip.recipes.bench import run, speech, timing
from vclip.speech.vits import build_vits

FIGURES = {"bundled_real_time_factor": 0.02, "full_size_time_of_coqui": 0.9, "threads": 2.0}


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=22050).astype(np.float32) * 0.1


def test_half_as_loud_is_six_db_away(noise: np.ndarray) -> None:
    distance = speech.log_spectral_distance
    assert distance(noise, noise) == 0
    assert distance(noise, noise / 2) == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert distance(noise, -noise) == pytest.approx(0, abs=1e-4)


def test_what_nobody_hears_does_not_count(noise: np.ndarray) -> None:
    """A tone with hiss 100 dB below it is the tone."""
    tone = np.sin(np.arange(22050) * 0.3).astype(np.float32)
    hiss = tone + noise * 1e-5
    near, far = (speech.log_spectral_distance(tone, hiss, f) for f in (-60.0, -200.0))
    assert near < 0.1 < far


def test_actions_take_turns_and_are_warm() -> None:
    order: list[tuple[str, int]] = []
    actions = {name: (lambda i, name=name: order.append((name, i))) for name in "ab"}
    taken = timing.in_turns(actions, 2)
    assert order == [(name, i) for i in (0, 0, 1) for name in "ab"]
    assert set(taken) == {"a", "b"} and min(taken.values()) >= 0


def test_targets_are_said_with_the_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "measure", lambda times, app: FIGURES)
    assert run.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == FIGURES
    assert run.main([]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "at most 0.05: yes" in shown[0] and "at most 0.8: NO" in shown[1]
    assert "at most" not in shown[2]
    assert run.main(["--times", "0"]) == 2 and "at least 1 run" in capsys.readouterr().err
    assert set(run.TARGETS) > set(FIGURES) - {"threads"}


@pytest.mark.slow
def test_all_figures_of_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small stand-in for the full-size model; coqui's inference is the adapter's oracle."""

    def small() -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_vits(MODEL_ARGS, speech.SPEAKERS, 16).eval()

    monkeypatch.setattr(speech, "make_full_size", small)
    monkeypatch.setattr(speech, "PARAGRAPH", "Good morning. Come in.")
    monkeypatch.setattr(speech, "SENTENCE", "Good morning.")
    figures = run.measure(1, app=False)
    assert {name for name in run.TARGETS if not name.startswith("page_")} <= set(figures)
    assert all(np.isfinite(value) and value >= 0 for value in figures.values())
    for name in ("bundled", "full_size"):
        assert figures[f"{name}_log_spectral_distance_db"] < 3
    assert figures["full_size_float32_log_spectral_distance_db"] < 0.01
    assert figures["bundled_paragraph_seconds"] > 0.5
