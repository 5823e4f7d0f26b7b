"""Feature tensors of faces and voices; random augmentations and batches are drawn from them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vclip.arrays import Float32
from vclip.errors import DataError
from vclip.recipes.association.settings import FitConfig


class VersionedFeatures:
    """Rows of one side, each with several versions: the first is the plain one."""

    def __init__(self, rows: Sequence[Float32]) -> None:
        self.count = torch.tensor([len(row) for row in rows])
        self.start, self.longest = self.count.cumsum(0) - self.count, int(self.count.max())
        self.values = torch.from_numpy(np.concatenate(rows))  # (versions of all rows, dimension)

    def to(self, device: torch.device) -> "VersionedFeatures":
        """The same with its values on a device; random streams stay on the CPU."""
        moved = copy.copy(self)
        moved.values = self.values.to(device)
        return moved

    def __len__(self) -> int:
        return len(self.count)

    def plain(self, index: Tensor | None = None) -> Tensor:
        """(N, dimension) as the app computes them, of all rows or of the indexed ones."""
        return self.values[self.start if index is None else self.start[index]]

    def draw(self, index: Tensor, rng: torch.Generator) -> Tensor:
        """A random version of each indexed row, (B, dimension)."""
        count = self.count[index]
        chosen = (torch.rand(len(index), generator=rng) * count).long()
        rows: Tensor = self.values[self.start[index] + chosen]
        return rows

    def draw_mean(self, index: Tensor, rng: torch.Generator) -> Tensor:
        """The mean of a random set of versions of each indexed row, of the first one's norm."""
        count, versions = self.count[index], torch.arange(self.longest)
        there = versions[None] < count[:, None]  # (B, versions)
        place = self.start[index][:, None] + torch.minimum(versions[None], count[:, None] - 1)
        share = torch.rand(len(index), 1, generator=rng)
        kept = there & (torch.rand(there.shape, generator=rng) < share)
        kept[~kept.any(dim=1), 0] = True
        values, kept = self.values[place], kept.to(self.values.device)
        mean = (values * kept[..., None]).sum(dim=1) / kept.sum(dim=1, keepdim=True)
        drawn: Tensor = F.normalize(mean, dim=1) * values[:, 0].norm(dim=1, keepdim=True)
        return drawn


@dataclass(frozen=True)
class PairData:
    """Rows with both sides, and whose they are."""

    image: VersionedFeatures
    voice: VersionedFeatures
    person: Tensor  # (N,) int


@dataclass(frozen=True)
class LabelData:
    """Faces and voices of different people that share labels; equal labels are no negatives."""

    image: VersionedFeatures
    voice: VersionedFeatures
    image_label: Tensor  # (N,) int
    voice_label: Tensor  # (M,) int


Data = TypeVar("Data", PairData, LabelData)


def on_device(data: Data, device: torch.device) -> Data:
    """The same with its features on a device."""
    return replace(data, image=data.image.to(device), voice=data.voice.to(device))


def index_of(names: Sequence[str]) -> Tensor:
    """Names (N,) -> equal integers for equal names, (N,)."""
    return torch.from_numpy(np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64))


class Batches:
    """Which rows (B,) make the batch of a step; with fewer rows than a batch, all of them.

    In passes every row comes at most once before any comes again, in an order that follows from
    the seed and the pass alone; what does not fill a batch waits for another pass. With
    rows_per_person, so many rows of a person come together, as GE2E has it. Without passes each
    batch is drawn from rng without regard to the others. B is a multiple of share.
    """

    def __init__(self, person: Tensor, config: FitConfig, share: int = 1) -> None:
        self.person, self.seed = person, config.seed
        self.size = min(config.batch, len(person)) // share * share
        if self.size < 2:
            raise DataError(
                f"{len(person)} rows in batches of {config.batch} are too few for {share} "
                "processes; a batch needs two rows, and one for each process"
            )
        self.together, self.passes = config.rows_per_person, config.passes
        self._epoch, self._order = -1, person

    def at(self, step: int, rng: torch.Generator) -> Tensor:
        """The batch of a step, which counts from 0."""
        if not (self.passes or self.together):
            return torch.randperm(len(self.person), generator=rng)[: self.size]
        epoch, place = divmod(step, len(self.person) // self.size)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        return self._order[place * self.size : (place + 1) * self.size]

    def _shuffled(self, epoch: int) -> Tensor:
        """All rows (N,) in the order of a pass."""
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.person), generator=rng)
        if not self.together:
            return order
        order = order[self.person[order].argsort(stable=True)]  # persons in turn, rows as drawn
        counts = torch.unique_consecutive(self.person[order], return_counts=True)[1]
        nth = torch.arange(len(order)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        group = ((nth % self.together == 0).cumsum(0)) - 1  # runs of rows that stay together
        place = torch.randperm(int(group[-1]) + 1, generator=rng)
        return order[place[group].argsort(stable=True)]
