"""Precision is full on the CPU, and mixed on a GPU only."""

import torch

from vclip.runtime import device_of, mixed


def test_the_gpu_is_taken_where_there_is_one() -> None:
    assert device_of().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert device_of("cpu").type == "cpu"


def test_nothing_is_mixed_on_the_cpu() -> None:
    with mixed(torch.device("cpu")):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu") and not torch.is_autocast_enabled("cuda")
