"""Figures of utterances whose answer is known, and lines of the table."""

import json
from math import nan

import numpy as np
import pytest

from vclip.recipes.data.acoustics import Sound
from vclip.recipes.metrics.figures import Figure, bootstrapped, share_of
from vclip.recipes.metrics.speaker_generation import generation_distances
from vclip.recipes.tts import figures as tts_figures
from vclip.recipes.tts.figures import MeasuredUtterance

RNG = np.random.default_rng(0)
VOICES = {s: v / np.linalg.norm(v) for s in "abcd" for v in [RNG.normal(size=16)]}
PITCH = {"a": 100.0, "b": 120.0, "c": 200.0, "d": 240.0}


def sound(f0: float = 120.0, **changes: float) -> Sound:
    values = {"periodicity": 0.8, "not_finite": 0, "clipped": 0, "silence": 0.1, "leading": 0.1}
    values |= {"trailing": 0.2, "lufs": -20.0, "seconds": 3.3}
    return Sound(f0=np.full(150, f0), **(values | changes))  # type: ignore[arg-type]


def utterance(
    speaker: str, like: str = "", heard: str = "we go home", **changes: float
) -> MeasuredUtterance:
    """Of 30 phonemes in 3 s, in the voice of a speaker or of another one."""
    f0 = changes.pop("f0", PITCH[like or speaker])
    features = VOICES[like or speaker].astype(np.float32)
    return MeasuredUtterance(speaker, "We go home.", 30, sound(f0, **changes), features, heard)


def named(figures: list[Figure]) -> dict[str, Figure]:
    found = {figure.name: figure for figure in figures}
    assert len(found) == len(figures)
    return found


RECORDED = [utterance(s) for s in "abcd" for _ in range(3)]


def test_right_sentences_are_counted() -> None:
    ours = [utterance("a"), utterance("b"), utterance("c"), utterance("d", heard="we go")]
    figure = tts_figures.sentences_right(ours)
    assert figure.value == 0.75 and figure.low < 0.75 < figure.high and figure.ok is False
    assert figure.note == "3 of 4 utterances"


def test_word_error_ratio_is_that_of_pooled_rates() -> None:
    wrong = {"heard": "we stay home"}
    ours = [utterance("a", **wrong), utterance("a"), utterance("b"), utterance("b", **wrong)]
    shared = [utterance("b", **wrong), utterance("b"), utterance("a"), utterance("a")]
    found = named(tts_figures.word_error_ratio(ours, shared))
    assert found["word_error_rate"].value == pytest.approx(2 / 12)
    assert found["word_error_rate_of_shared"].value == pytest.approx(1 / 12)
    assert found["word_error_ratio"].value == pytest.approx(2)
    assert found["word_error_ratio"].ok is False


def test_without_errors_in_the_shared_audio_there_is_no_ratio() -> None:
    ours = [utterance("a"), utterance("b")]
    found = named(tts_figures.word_error_ratio(ours, ours))
    assert np.isnan(found["word_error_ratio"].value) and found["word_error_ratio"].ok is False


def test_speech_like_its_recordings_is_faithful() -> None:
    found = named(tts_figures.fidelity([utterance(s) for s in "abcd"], RECORDED))
    assert found["speaker_first"].value == found["f0_within_10_percent"].value == 1
    assert found["similarity"].value == pytest.approx(1)
    assert found["ceiling_speaker_first"].value == 1 and found["twins"].value == 0
    assert found["ceiling_f0_within_10_percent"].value == 1
    assert found["f0_deviation"].value == 0 and found["f0_same_side_of_165_hz"].value == 1


def test_known_confusions_are_counted_once_per_speaker() -> None:
    ours = [utterance(s) for s in "abc" for _ in range(5)] + [utterance("d", like="a")]
    found = named(tts_figures.fidelity(ours, RECORDED))
    for name in ("speaker_first", "f0_within_10_percent", "f0_same_side_of_165_hz"):
        assert found[name].value == 0.75, name
        assert found[name].note.startswith("3 of 4")
    assert found["similarity"].value == pytest.approx(0.75 + 0.25 * VOICES["a"] @ VOICES["d"])
    assert found["speaker_first"].ok is False and found["f0_deviation"].ok is True


def test_speech_without_a_voiced_frame_misses_the_pitch() -> None:
    mute = utterance("a")
    mute.sound.__dict__["f0"] = np.zeros(0)
    found = named(tts_figures.fidelity([mute, *(utterance(s) for s in "bcd")], RECORDED))
    assert found["f0_within_10_percent"].value == 0.75


def test_twins_are_nearer_to_each_other_than_to_themselves() -> None:
    alike = {"a": "aa", "b": "bd", "c": "bb"}  # b is unlike itself, c a copy of b
    recorded = [utterance(s, like=like) for s, voices in alike.items() for like in voices]
    found = named(tts_figures.fidelity([utterance(s) for s in "abc"], recorded))
    assert found["twins"].note.startswith("1 of 3")


def test_a_lone_recording_has_no_ceiling() -> None:
    found = named(tts_figures.fidelity([utterance(s) for s in "abcd"], RECORDED[::3]))
    assert "ceiling_similarity" not in found and found["speaker_first"].value == 1


def test_clean_speech_has_no_artefacts() -> None:
    figures = tts_figures.artefacts([utterance(s) for s in "abcd"], RECORDED)
    assert all(figure.ok is not False for figure in figures)
    assert {figure.part for figure in figures} == {"c"}


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"not_finite": 1}, "not_finite"),
        ({"clipped": 2}, "clipped"),
        ({"silence": 0.4}, "silence"),
        ({"leading": 0.6, "seconds": 3.8}, "leading"),
        ({"trailing": 0.7, "seconds": 3.8}, "trailing"),
        ({"lufs": -27.0}, "loudness_off"),
        ({"lufs": float("-inf")}, "loudness_off"),
        ({"lufs": -13.0}, "loudness_off"),
        ({"seconds": 7.0}, "pace_highest"),
        ({"seconds": 1.6}, "pace_lowest"),
    ],
)
def test_one_bad_voice_of_four_is_enough(changes: dict[str, float], missed: str) -> None:
    ours = [*(utterance(s) for s in "abc"), utterance("d", **changes)]
    figures = tts_figures.artefacts(ours, RECORDED)
    assert [figure.name for figure in figures if figure.ok is False] == [missed]


def test_hoarse_voices_fall_short() -> None:
    found = named(tts_figures.artefacts([utterance(s, periodicity=0.5) for s in "ab"], RECORDED))
    assert found["periodicity"].value == 0.5 and found["periodicity"].note.startswith("0.0 dB HNR")
    assert found["periodicity_ratio"].value == pytest.approx(0.5 / 0.8)
    assert found["periodicity_ratio"].ok is False and found["voiced"].value == pytest.approx(0.5)


def test_new_voices_are_held_against_all_recordings() -> None:
    new = MeasuredUtterance(
        "generated 0", "We go home.", 30, sound(lufs=-24), VOICES["a"], "we go home"
    )
    found = named(tts_figures.of_generated(tts_figures.artefacts([new], RECORDED)))
    assert found["generated_loudness_off"].value == -4 and found["generated_clipped"].part == "d"


def test_generation_compares_equally_many() -> None:
    ours, new = [utterance(s) for s in "abcd"], [utterance(s) for s in "ab"]
    tables = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[:2]
    found = named(tts_figures.generation(ours, new, RECORDED, tables))
    assert found["s2s_embedding"].value == found["g2g_embedding"].value == 1
    assert found["g2s_embedding"].value == 0 and abs(found["g2s_heard"].value) < 1e-6
    expected = generation_distances([VOICES["a"], VOICES["b"]], [VOICES["a"], VOICES["b"]])
    assert found["s2s_heard"].value == pytest.approx(expected.s2s, abs=1e-6)
    assert found["s2s_recordings"].value == pytest.approx(found["s2s_heard"].value, abs=1e-6)
    assert found["generated_f0_percentile_50"].value == pytest.approx(110)


def test_targets_hold_at_their_bounds_and_nan_never_does() -> None:
    assert Figure("a", "x", 0.9, least=0.9).ok is True
    assert Figure("a", "x", 0.899, least=0.9).ok is False
    assert Figure("a", "x", nan, most=1.2).ok is False
    assert Figure("a", "x", -7, least=-6, most=6).target == "≥ -6, ≤ 6"
    assert Figure("a", "x", 0.0).ok is None


def test_lines_and_json_say_the_same() -> None:
    figure = share_of("b", "speaker_first", [True] * 30 + [False] * 10, "speakers", least=0.85)
    line = str(figure)
    assert all(part in line for part in ("0.750", "≥ 0.85", "SHORT", "30 of 40 speakers"))
    assert "ok" in str(Figure("c", "clipped", 0, most=0)).split()
    assert figure.as_dict()["ok"] is False and figure.as_dict()["value"] == 0.75
    silent = json.dumps(Figure("c", "loudness", float("-inf")).as_dict(), allow_nan=False)
    assert json.loads(silent)["value"] is None


def test_bootstrap_over_speakers_covers_the_mean() -> None:
    values = np.random.default_rng(0).normal(5, 1, 50)
    found = bootstrapped(lambda counts: float(np.average(values, weights=counts)), 50)
    half = 1.96 * values.std(ddof=1) / np.sqrt(50)
    assert found.value == values.mean()
    assert found.high - found.low == pytest.approx(2 * half, rel=0.15)
