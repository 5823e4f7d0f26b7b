"""Time of training on VoxCeleb2: `python -m vclip.recipes.bench.training`.

Takes real steps of the preset "paper" on made-up features of VoxCeleb2's size and of CLIP's and
H/ASP's dimensions; under torchrun, in all processes together. Features are in memory, as when
training from shards. What a pass then costs follows by division:
ms           median milliseconds of one step: draw, embed, compare, go back, update
cpu_ms       median milliseconds of processor time of the same, which other load hardly changes
rows_s       pairs a second, over all processes
clips_s      seconds of a pass over one pair per clip, as in the paper
utterances_s seconds of a pass over one pair per utterance
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from vclip.errors import InputError, reported
from vclip.recipes.association.batches import PairData, VersionedFeatures
from vclip.recipes.association.distributed import Group, launched
from vclip.recipes.association.fitting import AssociationTrainer
from vclip.recipes.association.settings import PRESETS
from vclip.recipes.bench import timing
from vclip.recipes.options import parse

CLIPS, UTTERANCES, PEOPLE = 145_569, 1_092_009, 5_994  # VoxCeleb2-dev
DIMENSION = 512  # of CLIP ViT-B/32 and of H/ASP
Precision = Literal["float32", "bfloat16", "float16"]
WARM = 3  # steps that are not counted


@dataclass(frozen=True)
class TrainingBenchSettings:
    """Sizes that are measured."""

    rows: int = CLIPS  # pairs
    batch: tuple[int, ...] = (1024, 4096)
    precision: tuple[Precision, ...] = ()  # by device if empty
    loss: Literal["clip", "sge2e"] = "clip"
    steps: int = 15  # counted, of each kind
    threads: int = 1  # of the CPU
    seed: int = 0
    json: bool = False  # one JSON object a line


def made_up(rows: int, seed: int) -> PairData:
    """As many pairs of random features, dealt out to as many people as VoxCeleb2 would have."""
    rng = np.random.default_rng(seed)
    people = max(1, rows * PEOPLE // CLIPS)
    sides = (rng.standard_normal((rows, 1, DIMENSION), dtype=np.float32) for _ in range(2))
    image, voice = (VersionedFeatures(list(values)) for values in sides)
    return PairData(image, voice, torch.from_numpy(rng.integers(people, size=rows)))


def step_seconds(run: AssociationTrainer, times: int) -> tuple[float, float]:
    """Median time of a training step, and of the processor's share in it."""
    processor: list[float] = []

    def step() -> None:  # float waits for the device
        processor.append(timing.seconds(lambda: float(run.advance()), time.process_time))

    wall = [timing.seconds(step) for _ in range(WARM + times)]
    return statistics.median(wall[WARM:]), statistics.median(processor[WARM:])


def measure(settings: TrainingBenchSettings, group: Group) -> Iterator[dict[str, Any]]:
    """One row for each batch size and precision."""
    pairs = made_up(settings.rows, settings.seed)
    cuda = group.device.type == "cuda"
    usual: tuple[Precision, ...] = ("float32", "bfloat16") if cuda else ("float32",)
    for batch in settings.batch:
        for precision in settings.precision or usual:
            config = replace(PRESETS["paper"], batch=batch, precision=precision, loss=settings.loss)
            trainer = AssociationTrainer(pairs, config, None, None, group)
            seconds, processor = step_seconds(trainer, settings.steps)
            yield {
                "device": torch.cuda.get_device_name() if cuda else "cpu",
                "processes": group.world,
                "precision": precision,
                "loss": settings.loss,
                "batch": batch,
                "ms": 1000 * seconds,
                "cpu_ms": 1000 * processor,
                "rows_s": batch / seconds,
                "clips_s": CLIPS * seconds / batch,
                "utterances_s": UTTERANCES * seconds / batch,
            }


@reported
def main(argv: list[str] | None = None) -> int:
    """Measure, and print from the first process."""
    settings = parse(TrainingBenchSettings, argv)
    if settings.rows < max(settings.batch):
        raise InputError(f"--rows is {settings.rows}; a batch has {max(settings.batch)}")
    torch.set_num_threads(settings.threads)
    with launched() as group:
        rows = measure(settings, group)
        if group.first:
            timing.show(rows, settings.json)
        else:
            list(rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
