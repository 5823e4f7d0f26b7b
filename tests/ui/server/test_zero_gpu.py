"""Speaking on ZeroGPU, with a stand-in for the package `spaces`: it could not be tried on a GPU."""

import logging
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from vclip.errors import BusyError
from vclip.pipeline import FaceToVoice
from vclip.speech.narrator import Narrator
from vclip.speech.synthesizer import Speech, join
from vclip.speech.vits import CoquiVits
from vclip.ui.server import zero_gpu

TEXT = "One sentence is said. And one more."


class Spaces(types.ModuleType):
    """Runs a decorated function after `pieces` more pieces fail, as `spaces` does: at next()."""

    def __init__(self) -> None:
        super().__init__("spaces")
        self.durations: list[int] = []
        self.closed, self.started = 0, 0
        self.fails_after: int | None = None
        self.zero = types.ModuleType("spaces.zero")
        self.zero.startup = self.startup  # type: ignore[attr-defined]

    def startup(self) -> None:
        self.started += 1

    def GPU(self, task: Callable[..., Iterator[Any]], duration: Any) -> Callable[..., Any]:
        def handler(*args: Any) -> Iterator[Any]:
            self.durations.append(duration(*args))
            try:
                for i, piece in enumerate(task(*args)):
                    if i == self.fails_after:
                        raise RuntimeError("quota exceeded")
                    yield piece
            finally:
                self.closed += 1

        return handler


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> Spaces:
    fake = Spaces()
    fake.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "spaces", fake)
    monkeypatch.setitem(sys.modules, "spaces.zero", fake.zero)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    # `cuda` is the CPU here: the same way through `on`
    real = CoquiVits.on
    monkeypatch.setattr(CoquiVits, "on", lambda self, device: real(self, "cpu"))
    return fake


@pytest.fixture(scope="module")
def cpu() -> FaceToVoice:
    return FaceToVoice.from_pretrained()


@pytest.fixture
def model(spaces: Spaces) -> FaceToVoice:
    zero_gpu.prepare()
    return FaceToVoice.from_pretrained("bundled", zero_gpu.narrator())


def said(model: FaceToVoice) -> Speech:
    voice = model.candidate("gen-0-7")
    return join([piece for _, piece in model.recite(TEXT, voice, 3)])


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert zero_gpu.narrator() is Narrator
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")  # the sign alone is not enough
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert zero_gpu.narrator() is Narrator
    zero_gpu.prepare()
    zero_gpu.report()


def test_the_gpu_says_the_same(spaces: Spaces, model: FaceToVoice, cpu: FaceToVoice) -> None:
    assert np.array_equal(said(model).wav, said(cpu).wav)
    assert spaces.durations == [10] and spaces.closed == 1
    zero_gpu.report()
    assert spaces.started == 1


def test_without_a_gpu_the_cpu_speaks(
    spaces: Spaces, model: FaceToVoice, cpu: FaceToVoice, caplog: pytest.LogCaptureFixture
) -> None:
    spaces.fails_after = 0
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(said(model).wav, said(cpu).wav)
    (record,) = caplog.records
    assert "quota exceeded" in record.message and TEXT[:5] not in record.message


def test_a_gpu_lost_on_the_way_is_told(spaces: Spaces, model: FaceToVoice) -> None:
    spaces.fails_after = 2
    pieces = model.recite(TEXT, model.candidate("gen-0-7"))
    next(pieces), next(pieces)
    with pytest.raises(BusyError, match="try again"):
        next(pieces)


def test_who_leaves_stops_the_gpu(spaces: Spaces, model: FaceToVoice) -> None:
    pieces = model.recite(TEXT, model.candidate("gen-0-7"))
    next(pieces)
    assert spaces.closed == 0
    pieces.close()  # type: ignore[attr-defined]
    assert spaces.closed == 1


def test_wrong_arguments_never_reach_the_gpu(spaces: Spaces, model: FaceToVoice) -> None:
    with pytest.raises(Exception, match="rate"):
        model.recite(TEXT, model.candidate("gen-0-7"), rate=9)
    assert spaces.durations == []


def test_longer_texts_ask_for_more() -> None:
    assert zero_gpu.seconds_of_gpu(["a" * 100], None, 0) == 10
    assert zero_gpu.seconds_of_gpu(["a" * 1000] * 2, None, 0) == 20
