"""A training that was stopped goes on to the same end, to the byte, or says why it cannot."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy_pairs import toy_pairs, toy_sides

from vclip.errors import DataError, OutputError
from vclip.recipes.association import fitting
from vclip.recipes.association.batches import LabelData
from vclip.recipes.association.fitting import DevCheck
from vclip.recipes.association.settings import PRESETS, FitConfig

pytestmark = pytest.mark.slow

SMALL = {"image_hidden": 16, "coupling_hidden": 8, "batch": 16, "steps": 24, "check_every": 4}
CONFIGS = {
    "paper": replace(PRESETS["paper"], **SMALL, patience=100),
    "bundled": replace(PRESETS["bundled"], **SMALL, label_steps=6),
    "robust": replace(PRESETS["paper"], **SMALL, noise_robust=True, precision="float16"),
}
PAIRS, DEV = toy_pairs([i // 2 for i in range(60)]), toy_pairs(list(range(100, 130)), 3)


class Stopped(Exception):
    """As if the process had been killed."""


def stop_at(step: int) -> object:
    def report(check: DevCheck) -> None:
        if check.step >= step:
            raise Stopped

    return report


def labels() -> LabelData:
    image, voice = toy_sides([i % 2 for i in range(20)], 5)
    label = torch.arange(20) % 2
    return LabelData(image, voice, label, label)


def fitted(config: FitConfig, resume: Path | None, report: object = None) -> tuple[object, list]:
    more = {"report": report} if report else {}
    return fitting.fit(PAIRS, config, DEV, labels(), resume=resume, **more)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_stopped_run_goes_on_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    config, path = CONFIGS[name], tmp_path / "new" / "state.pt"
    whole, history = fitted(config, None)
    for step in (8, 16):  # the check in which it dies is lost each time
        with pytest.raises(Stopped):
            fitted(config, path, stop_at(step))
    seen: list[DevCheck] = []
    again, same = fitted(config, path, seen.append)
    assert same == history and len(seen) < len(history)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    path, seen = tmp_path / "state.pt", list[DevCheck]()
    first, history = fitted(CONFIGS["paper"], path)
    again, same = fitted(CONFIGS["paper"], path, seen.append)
    assert not seen and same == history
    assert torch.equal(first.image_head[0].weight, again.image_head[0].weight)


def test_the_state_of_another_training_is_refused(tmp_path: Path) -> None:
    path, config = tmp_path / "state.pt", CONFIGS["paper"]
    fitted(config, path)
    with pytest.raises(DataError, match="other settings, data or processes"):
        fitted(replace(config, seed=1), path)
    other = toy_pairs([i // 2 for i in range(60)], seed=1)
    with pytest.raises(DataError, match="other settings, data or processes"):
        fitting.fit(other, config, DEV, labels(), resume=path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken"])
def test_a_broken_state_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(DataError, match="no state of a training"):
        fitted(CONFIGS["paper"], tmp_path / "state.pt")


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        fitted(CONFIGS["paper"], tmp_path / "file" / "state.pt")
