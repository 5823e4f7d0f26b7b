"""The bench of training takes real steps and its divisions are right."""

import json

import pytest

from vclip.recipes.bench import training

SMALL = ["--rows", "64", "--batch", "16", "32"]


def test_figures_of_a_small_set_follow_from_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main([*SMALL, "--steps", "2", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["batch"] for line in lines] == [16, 32]
    for line in lines:
        assert line["rows_s"] == pytest.approx(1000 * line["batch"] / line["ms"])
        assert line["clips_s"] * line["rows_s"] == pytest.approx(145_569)
        assert line["utterances_s"] * line["rows_s"] == pytest.approx(1_092_009)
        assert line["processes"] == 1 and line["ms"] > 0 and line["cpu_ms"] > 0


def test_the_table_has_one_head(capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main([*SMALL, "--steps", "1", "--precision", "bfloat16"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:5] == ["device", "processes", "precision", "loss", "batch"]
    assert len(rows) == 2 and all("bfloat16" in row for row in rows)
