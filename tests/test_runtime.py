"""One thread each, in the threads that come later too, unless the environment says otherwise."""

import threading

import pytest
import torch

from vclip.runtime import limit_threads


def counted() -> int:
    """Torch's threads as a new thread sees them."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_the_environment_decides_then_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        limit_threads()
        assert torch.get_num_threads() == counted() == 3
        monkeypatch.delenv("OMP_NUM_THREADS")
        limit_threads()
        assert torch.get_num_threads() == counted() == 1
    finally:
        torch.set_num_threads(before)
