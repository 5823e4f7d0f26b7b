"""Precision is full on the CPU, and mixed on a GPU only."""

import torch

from vclip.runtime import mixed_precision, pick_device


def test_the_gpu_is_taken_where_there_is_one() -> None:
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_device("cpu").type == "cpu"


def test_nothing_is_mixed_on_the_cpu() -> None:
    with mixed_precision(torch.device("cpu")):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu") and not torch.is_autocast_enabled("cuda")
