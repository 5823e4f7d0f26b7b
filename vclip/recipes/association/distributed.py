"""Data-parallel training under torchrun or accelerate launch.

Both set RANK, WORLD_SIZE, LOCAL_RANK and where to meet. Every process holds all data and sees the
same batches, encodes its share of each, and computes the loss of the whole.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed
from torch.distributed.nn.functional import all_gather
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from vclip.errors import DataError

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Group:
    """This process among those that train together; alone, nothing is sent anywhere."""

    rank: int = 0
    world: int = 1
    device: torch.device = CPU

    @property
    def first(self) -> bool:
        """Whether this process evaluates, prints and saves for all."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """This process's equal part (B / world, ...) of rows (B, ...). Raises DataError."""
        if len(rows) % self.world:
            raise DataError(f"a batch of {len(rows)} does not fit {self.world} processes")
        size = len(rows) // self.world
        return rows[self.rank * size : (self.rank + 1) * size]

    def gather(self, emb: Tensor) -> Tensor:
        """The parts (B / world, D) of all processes as one (B, D), in the order of their ranks.

        Every process computes the loss of the whole batch, and each part's gradient is the sum of
        theirs: then the mean over the processes of their parameters' gradients is that of the whole
        batch, also for parameters that act after the gathering, such as the temperature.
        """
        return emb if self.world == 1 else torch.cat(all_gather(emb))  # type: ignore[no-untyped-call]

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its mean over the processes, in one message."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = parameters_to_vector(gradients)
        distributed.all_reduce(flat)
        vector_to_parameters(flat / self.world, gradients)

    def broadcast(self, value: Any) -> Any:
        """The first process's value, on all of them."""
        return self.gather_objects(value)[0]

    def gather_objects(self, value: Any) -> list[Any]:
        """Every process's value in the order of their ranks, on all of them."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        distributed.all_gather_object(values, value)
        return values


ALONE = Group()


@contextlib.contextmanager
def launched() -> Iterator[Group]:
    """The group that the launcher's environment describes, left again at the end."""
    cuda, local = torch.cuda.is_available(), int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if cuda else CPU
    if cuda:
        torch.cuda.set_device(device)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Group(device=device)
        return
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Group(distributed.get_rank(), world, device)
    finally:
        distributed.destroy_process_group()
