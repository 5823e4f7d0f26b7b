"""The gate: so many places, the rest is told at once, and every place comes back."""

import contextlib
from collections.abc import Iterator

import pytest

from vclip.errors import BusyError
from vclip.speech.narrator import AdmissionGate


def test_one_too_many_is_told_and_a_place_comes_back() -> None:
    gate = AdmissionGate(2)
    with gate.place():
        with gate.place(), pytest.raises(BusyError, match="try again"), gate.place():
            pass
        with gate.place():
            pass


def test_an_error_inside_gives_the_place_back() -> None:
    gate = AdmissionGate(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.place():
            _ = 1 / 0


@pytest.mark.parametrize("leave", ["close", "forget", "finish"])
def test_a_generator_that_is_left_gives_its_place_back(leave: str) -> None:
    gate = AdmissionGate(1)

    def work() -> Iterator[int]:
        with gate.place():
            yield from range(3)

    generator = work()
    with gate.place():  # nothing is taken before the first piece is asked for
        pass
    assert next(generator) == 0
    with pytest.raises(BusyError), gate.place():
        pass
    if leave == "close":
        generator.close()  # type: ignore[attr-defined]
    elif leave == "finish":
        assert list(generator) == [1, 2]
    with contextlib.suppress(NameError):
        del generator
    with gate.place():
        pass
