"""Train the bundled face encoder: age, sex and which picture it is, from one small network.

Age and sex alone would put all faces of one kind on one point. Telling augmented views of one
picture from views of all others (NT-Xent, Chen et al. 2020, eq. 1) keeps what else a face shows.
"""

import argparse
import json
import logging
import math
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from vclip.encoders import SmallFaceEncoder, to_input
from vclip.errors import DataError, reported
from vclip.offline.face_data import (
    CONTEXT,
    Faces,
    augment,
    centre,
    labelled,
    prepare,
    unlabelled,
)
from vclip.offline.options import add_fields, from_arguments
from vclip.offline.pairs import REPO, SHARED
from vclip.weights import BUNDLED

LICENCE = "research only: UTKFace (Zhang et al. 2017) is for non-commercial research"
LICENCE_AVSPEECH = "; AVSpeech stills (Ephrat et al. 2018) for research"
OLDEST = 100  # years; ages are 0 … OLDEST in the age head


@dataclass(frozen=True)
class Config:
    """Settings of the reported run."""

    image_size: int = 80
    dimension: int = 256
    epochs: int = 36
    batch: int = 128  # pictures; each gives two views
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    warm_up: float = 0.05  # of all steps
    age_sigma: float = 3.0  # years: a neighbouring age is almost right
    age_weight: float = 0.5
    years_weight: float = 0.04  # per year of absolute error
    instance_weight: float = 0.5
    temperature: float = 0.2
    held_out: float = 0.05  # of UTKFace, to watch
    average: float = 0.998  # decay of the weights' running mean, which is what ships
    seed: int = 0


class Heads(nn.Module):
    """Answers from features (N, F): age logits (N, 101), sex logit (N,), instance (N, P)."""

    def __init__(self, dimension: int, projected: int = 128) -> None:
        super().__init__()
        self.age = nn.Linear(dimension, OLDEST + 1)
        self.sex = nn.Linear(dimension, 1)
        self.instance = nn.Sequential(
            nn.Linear(dimension, dimension), nn.ReLU(), nn.Linear(dimension, projected)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.age(features), self.sex(features)[:, 0], self.instance(features)


def nt_xent(views: Tensor, temperature: float) -> Tensor:
    """Cross entropy of finding each view's twin; views (2, N, P) of any norm → scalar."""
    n = views.shape[1]
    z = F.normalize(views.flatten(0, 1), dim=1)  # (2N, P)
    similarity = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    twin = torch.arange(2 * n).roll(n)
    return F.cross_entropy(similarity, twin)


def age_loss(logits: Tensor, years: Tensor, config: Config) -> Tensor:
    """Soft labels around the true age plus the expected value's absolute error (scalar)."""
    ages = torch.arange(OLDEST + 1, dtype=torch.float32)
    soft = torch.softmax(-((ages - years[:, None]) ** 2) / (2 * config.age_sigma**2), 1)
    expected = torch.softmax(logits, 1) @ ages
    error = (expected - years).abs().mean()
    return config.age_weight * F.cross_entropy(logits, soft) + config.years_weight * error


def total_loss(
    outputs: tuple[Tensor, Tensor, Tensor], age: Tensor, sex: Tensor, config: Config
) -> Tensor:
    """All objectives for views stacked as (2N, …); faces with unknown labels count as instances."""
    age_logits, sex_logits, instance = outputs
    loss = config.instance_weight * nt_xent(torch.stack(instance.chunk(2)), config.temperature)
    known = sex >= 0
    if known.any():
        target = sex[known] * 0.95 + 0.025  # some labels are wrong
        loss = loss + F.binary_cross_entropy_with_logits(sex_logits[known], target)
        loss = loss + age_loss(age_logits[known], age[known], config)
    return loss


def batches(
    faces: Faces, config: Config, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """One epoch of (images (2N, 3, size, size), age (2N,), sex (2N,)) without the short rest."""
    order = rng.permutation(len(faces.images))
    for start in range(0, len(order) - config.batch + 1, config.batch):
        index = np.tile(order[start : start + config.batch], 2)
        views = np.stack([augment(faces.images[i], config.image_size, rng) for i in index])
        yield to_input(views), torch.tensor(faces.age[index]), torch.tensor(faces.sex[index])


def rate(progress: float, config: Config) -> float:
    """Learning rate after a fraction of all steps: linear warm-up, then half a cosine."""
    if progress < config.warm_up:
        return config.learning_rate * progress / config.warm_up
    fall = (progress - config.warm_up) / (1 - config.warm_up)
    return config.learning_rate * (1 + math.cos(math.pi * fall)) / 2


@dataclass
class State:
    """All that a run needs to go on; `shipped` is the running mean of `encoder`."""

    encoder: SmallFaceEncoder
    heads: Heads
    optimizer: torch.optim.Optimizer
    shipped: SmallFaceEncoder
    config: Config
    epoch: int = 0

    @classmethod
    def start(cls, config: Config) -> "State":
        """Fresh weights from the configuration's seed."""
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            encoder = SmallFaceEncoder(config.image_size, config.dimension)
            heads = Heads(config.dimension)
        shipped = SmallFaceEncoder(config.image_size, config.dimension)
        shipped.load_state_dict(encoder.state_dict())
        weights = [*encoder.parameters(), *heads.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=0.0, weight_decay=config.weight_decay)
        return cls(encoder, heads, optimizer, shipped.eval(), config)

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        names = ("encoder", "heads", "optimizer", "shipped")
        return {name: getattr(self, name) for name in names}

    def save(self, path: Path) -> None:
        """Write atomically, so that a kill leaves the previous epoch's file."""
        states = {name: part.state_dict() for name, part in self._parts().items()}
        torch.save(
            {**states, "config": asdict(self.config), "epoch": self.epoch}, path.with_suffix(".new")
        )
        path.with_suffix(".new").replace(path)

    def restore(self, path: Path) -> None:
        """Go on from `save`; DataError if that run had other settings."""
        kept = torch.load(path, weights_only=True)
        if kept["config"] != asdict(self.config):
            raise DataError(f"{path} is of a run with other settings; add --fresh or --work.")
        for name, part in self._parts().items():
            part.load_state_dict(kept[name])
        self.epoch = kept["epoch"]

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move `shipped` towards `encoder`: weights and batch statistics alike."""
        for mine, new in zip(
            self.shipped.state_dict().values(), self.encoder.state_dict().values(), strict=True
        ):
            mine.lerp_(new, 1 - decay) if mine.is_floating_point() else mine.copy_(new)


def train_epoch(state: State, faces: Faces, config: Config) -> float:
    """One pass over the faces; returns the mean loss. The epoch's number seeds its randomness."""
    rng = np.random.default_rng((config.seed, state.epoch))
    steps = len(faces.images) // config.batch
    losses = []
    state.encoder.train()
    bar = tqdm(batches(faces, config, rng), total=steps, desc=f"epoch {state.epoch + 1}")
    for step, (images, age, sex) in enumerate(bar):
        done = state.epoch + (step + 1) / steps
        for group in state.optimizer.param_groups:
            group["lr"] = rate(done / config.epochs, config)
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast on recent CPUs
            features = state.encoder(images.to(memory_format=torch.channels_last))
        loss = total_loss(state.heads(features.float()), age, sex, config)
        state.optimizer.zero_grad()
        torch.autograd.backward(loss)
        state.optimizer.step()
        seen = state.epoch * steps + step + 1
        state.follow(min(config.average, seen / (seen + 10)))
        losses.append(loss.item())
        bar.set_postfix(loss=f"{np.mean(losses):.3f}")
    state.epoch += 1
    return float(np.mean(losses))


@torch.no_grad()
def validate(state: State, faces: Faces, config: Config) -> dict[str, float]:
    """Sex accuracy and mean absolute error of age in years on held-out UTKFace."""
    features = state.shipped.encode(centre(faces.images, config.image_size))
    age_logits, sex_logits, _ = state.heads(torch.from_numpy(features).clone())
    expected = (torch.softmax(age_logits, 1) @ torch.arange(OLDEST + 1.0)).numpy()
    correct = (sex_logits > 0).numpy() == (faces.sex > 0.5)
    return {"sex": float(correct.mean()), "years": float(np.abs(expected - faces.age).mean())}


def export(state: State, path: Path, provenance: dict[str, object]) -> None:
    """Write the encoder as fp16 safetensors with its architecture and provenance as JSON."""
    weights = {k: v.half().contiguous() for k, v in state.shipped.state_dict().items()}
    weights = {k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}
    about = {"architecture": state.shipped.architecture, **provenance}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, metadata={"vclip": json.dumps(about)})


def run(options: argparse.Namespace, config: Config, command: str) -> dict[str, object]:
    """Prepare, train or resume, export; returns what is written beside the weights."""
    size = round(config.image_size * CONTEXT)
    items = labelled(options.utk) + (unlabelled(options.avspeech) if options.avspeech else [])
    faces = prepare(items, size, options.work)
    held_out = (faces.fold < config.held_out) & (faces.sex >= 0) & (faces.age >= 0)
    state = State.start(config)
    checkpoint = options.work / "checkpoint.pt"
    if checkpoint.is_file() and not options.fresh:
        state.restore(checkpoint)
    while state.epoch < min(options.until or config.epochs, config.epochs):
        loss = train_epoch(state, faces.part(~held_out), config)
        state.save(checkpoint)
        scores = validate(state, faces.part(held_out), config)
        print(json.dumps({"epoch": state.epoch, "loss": round(loss, 4), **scores}), flush=True)
    provenance: dict[str, object] = {
        "command": command,
        "config": asdict(config),
        "data": [str(p.name) for p in (options.utk, options.avspeech) if p],
        "epochs_done": state.epoch,
        "faces": len(faces.images),
        "held_out": validate(state, faces.part(held_out), config),
        "licence": LICENCE + (LICENCE_AVSPEECH if options.avspeech else ""),
    }
    export(state, options.output, provenance)
    return provenance


@reported
def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m vclip.offline.train_face", description=__doc__)
    parser.add_argument("--utk", type=Path, default=SHARED / "faces/utk.csv")
    parser.add_argument(
        "--avspeech", type=Path, help="pairs CSV whose training stills are used without labels"
    )
    parser.add_argument("--work", type=Path, default=REPO / "build/face", help="cache, checkpoint")
    parser.add_argument("-o", "--output", type=Path, default=BUNDLED / "face_encoder.safetensors")
    parser.add_argument("--until", type=int, help="stop after this epoch of the schedule")
    parser.add_argument("--fresh", action="store_true", help="ignore the checkpoint")
    add_fields(parser, Config())
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    arguments = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "vclip.offline.train_face", *arguments])
    print(json.dumps(run(options, from_arguments(Config, options), command)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
