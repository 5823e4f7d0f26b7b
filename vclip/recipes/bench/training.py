"""What training on VoxCeleb2 costs: `python -m vclip.recipes.bench.training [--threads N]`.

Takes real steps of the preset "paper" on made-up features of VoxCeleb2's size and of CLIP's and
H/ASP's dimensions; under torchrun, in all processes together. Features are in memory, as when
training from shards. What a pass then costs follows by division:
ms           median milliseconds of one step: draw, embed, compare, go back, update
cpu_ms       median milliseconds of processor time of the same, which other load hardly changes
rows_s       pairs a second, over all processes
clips_s      seconds of a pass over one pair per clip, as in the paper
utterances_s seconds of a pass over one pair per utterance
kept_mb      what the forward pass keeps for the backward one
saved_mb     what gradient checkpointing of both heads would save of it
slower       how many times as long forward and backward then take
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vclip.association.model import Association
from vclip.errors import InputError, reported
from vclip.recipes.association.batches import PairData, Side
from vclip.recipes.association.distributed import Group, launched
from vclip.recipes.association.fitting import Fit
from vclip.recipes.association.losses import contrastive_loss
from vclip.recipes.association.objective import PRECISION
from vclip.recipes.association.settings import PRESETS, FitConfig
from vclip.recipes.bench import timing

CLIPS, UTTERANCES, PEOPLE = 145_569, 1_092_009, 5_994  # VoxCeleb2-dev
DIMENSION = 512  # of CLIP ViT-B/32 and of H/ASP
WARM = 3  # steps that are not counted
Encoders = list[Callable[[Tensor], Tensor]]


@dataclass(frozen=True)
class TrainingFigures:
    """One line of the table."""

    device: str
    processes: int
    precision: str
    loss: str
    batch: int
    ms: float
    cpu_ms: float
    rows_s: float
    clips_s: float
    utterances_s: float
    kept_mb: float
    saved_mb: float
    slower: float


def made_up(rows: int, seed: int) -> PairData:
    """As many pairs of random features, dealt out to as many people as VoxCeleb2 would have."""
    rng = np.random.default_rng(seed)
    people = max(1, rows * PEOPLE // CLIPS)
    sides = (rng.standard_normal((rows, 1, DIMENSION), dtype=np.float32) for _ in range(2))
    image, voice = (Side(list(values)) for values in sides)
    return PairData(image, voice, torch.from_numpy(rng.integers(people, size=rows)))


def step_seconds(
    pairs: PairData, config: FitConfig, group: Group, times: int
) -> tuple[float, float]:
    """Median time of a training step, and of the processor's share in it."""
    run, taken = Fit(pairs, config, None, None, group), []
    for _ in range(WARM + times):
        begun = time.process_time()
        wall = timing.seconds(lambda: float(run.advance()))  # float waits for the device
        taken.append((wall, time.process_time() - begun))
    wall, processor = (statistics.median(values) for values in zip(*taken[WARM:], strict=True))
    return wall, processor


def compared(
    association: Association,
    encode: Encoders,
    features: list[Tensor],
    config: FitConfig,
) -> Tensor:
    """The loss of a batch whose sides are embedded by these two functions."""
    half, kind = PRECISION.get(config.precision), features[0].device.type
    with torch.autocast(kind, half, enabled=half is not None):
        image_emb, voice_emb = (f(x) for f, x in zip(encode, features, strict=True))
    return contrastive_loss(image_emb, voice_emb, association.logit_scale)


def recomputed(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same function, which keeps its input only and runs again on the way back."""

    def run(x: Tensor) -> Tensor:
        out: Tensor = checkpoint(f, x, use_reentrant=False)
        return out

    return run


def kept(loss: Callable[[], Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward one, each storage once."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        held = loss()  # bound, so that no storage is given back and counted twice
    del held
    return sum(storages.values())


def checkpointing(
    pairs: PairData, config: FitConfig, group: Group, times: int
) -> tuple[int, int, float]:
    """Bytes kept without, bytes saved with gradient checkpointing, and its factor of time."""
    association = Fit(pairs, config, None, None, group).association.train()
    index = torch.arange(config.batch // group.world)
    features = [side.to(group.device).first(index) for side in (pairs.image, pairs.voice)]
    plain: Encoders = [association.encode_image, association.encode_voice]
    ways = {"plain": plain, "again": [recomputed(f) for f in plain]}

    def loss(name: str) -> Tensor:
        return compared(association, ways[name], features, config)

    def there_and_back(name: str) -> float:
        value = loss(name)
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    taken = timing.in_turns(
        {name: lambda _, name=name: there_and_back(name) for name in ways},  # type: ignore[misc]
        times,
    )
    whole, less = kept(lambda: loss("plain")), kept(lambda: loss("again"))
    return whole, whole - less, taken["again"] / taken["plain"]


def measure(arguments: argparse.Namespace, group: Group) -> Iterator[TrainingFigures]:
    """One line for each batch size and precision."""
    pairs = made_up(arguments.rows, arguments.seed)
    name = torch.cuda.get_device_name() if group.device.type == "cuda" else "cpu"
    for batch in arguments.batch:
        for precision in arguments.precision:
            config = replace(
                PRESETS["paper"], batch=batch, precision=precision, loss=arguments.loss
            )
            seconds, processor = step_seconds(pairs, config, group, arguments.steps)
            whole, saved, slower = checkpointing(pairs, config, group, arguments.steps)
            yield TrainingFigures(
                device=name,
                processes=group.world,
                precision=precision,
                loss=arguments.loss,
                batch=batch,
                ms=1000 * seconds,
                cpu_ms=1000 * processor,
                rows_s=batch / seconds,
                clips_s=CLIPS * seconds / batch,
                utterances_s=UTTERANCES * seconds / batch,
                kept_mb=whole / 1e6,
                saved_mb=saved / 1e6,
                slower=slower,
            )


def line(values: Any) -> str:
    """One row of the table."""
    return "  ".join(f"{v:>12.4g}" if isinstance(v, float) else f"{v!s:>12}" for v in values)


@reported
def main(argv: list[str] | None = None) -> int:
    """Measure and print, from the first process."""
    options = argparse.ArgumentParser(
        prog="python -m vclip.recipes.bench.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--rows", type=int, default=CLIPS, help=f"pairs (default: {CLIPS})")
    options.add_argument("--batch", type=int, nargs="+", default=[1024, 4096])
    options.add_argument("--precision", nargs="+", choices=["float32", *PRECISION])
    options.add_argument("--loss", choices=["clip", "sge2e"], default="clip")
    options.add_argument("--steps", type=int, default=15, help="counted, of each kind (15)")
    options.add_argument("--threads", type=int, default=1, help="of the CPU (default: 1)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = options.parse_args(argv)
    if arguments.rows < max(arguments.batch):
        raise InputError(f"--rows is {arguments.rows}; a batch has {max(arguments.batch)}")
    torch.set_num_threads(arguments.threads)
    with launched() as group:
        if not arguments.precision:
            cuda = group.device.type == "cuda"
            arguments.precision = ["float32", "bfloat16"] if cuda else ["float32"]
        for i, figures in enumerate(measure(arguments, group)):
            if group.first and arguments.json:
                print(json.dumps(asdict(figures)), flush=True)
            elif group.first:
                head = [line(asdict(figures))] if i == 0 else []
                print(*head, line(asdict(figures).values()), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
