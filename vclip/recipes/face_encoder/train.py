"""Training of the face encoder: a small student of dlib's face network that knows age and sex too.

The student starts as the teacher's first layers and learns, from augmented views, the features that
the whole teacher has of the plain picture (distillation, Hinton et al. 2015), age, sex, and to tell
views of one picture from views of all others (NT-Xent, Chen et al. 2020, eq. 1). The teacher saw
three million faces, here are some thousand: without it (`--no-teacher`) voices are found worse.

Needs UTKFace (Zhang et al. 2017, susanqq.github.io/UTKFace) as a CSV with the columns path, age,
sex; `--avspeech` takes a manifest of pairs (person, face, voice, sex, split) of any people.
"""

import hashlib
import json
import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm
from tyro.conf import FlagCreatePairsOff, arg

from vclip.errors import DataError
from vclip.face.detector import FaceDetector
from vclip.face.encoder import SmallFaceEncoder, to_input
from vclip.models.directory import BUNDLED
from vclip.recipes.data.manifest import REPO, file_hash
from vclip.recipes.data.shards import replaced
from vclip.recipes.face_encoder.face_crops import (
    CONTEXT,
    FaceCrops,
    augment,
    centre_crops,
    labelled_pictures,
    load_crops,
    unlabelled_pictures,
)
from vclip.recipes.face_encoder.objective import (
    OLDEST,
    FaceEncoderConfig,
    TrainingHeads,
    total_loss,
)
from vclip.recipes.face_encoder.teacher import CROP_SHARE, Teacher, installed, read_teacher
from vclip.recipes.options import command, command_line

LICENCE = "research only: UTKFace (Zhang et al. 2017) is for non-commercial research"
LICENCE_TEACHER = "; started from and taught by dlib's face network (Davis King, CC0)"
PARTS = ("encoder", "heads", "optimizer", "shipped")  # of a training that a checkpoint holds
LICENCE_AVSPEECH = "; AVSpeech stills (Ephrat et al. 2018) for research"


@dataclass(frozen=True)
class TrainFaceSettings:
    """Options of `python -m vclip.recipes.face_encoder.train`."""

    utk: Path
    """labelled faces (CSV with path, age, sex)"""
    avspeech: Path | None = None
    """manifest of pairs whose training stills are used without labels"""
    teacher: Path | None = field(default_factory=installed)
    """dlib's face network (.dat)"""
    no_teacher: Annotated[bool, FlagCreatePairsOff] = False
    yunet: Path | None = None
    """its ONNX file, three times faster than Haar"""
    work: Path = REPO / "build" / "face"
    """cache, checkpoint"""
    output: Annotated[Path, arg(aliases=["-o"])] = BUNDLED / "face_encoder.safetensors"
    until: int | None = None
    """stop after this epoch of the schedule"""
    fresh: bool = False
    """ignore the checkpoint"""
    config: FaceEncoderConfig = field(default_factory=FaceEncoderConfig)


def batches(
    faces: FaceCrops, config: FaceEncoderConfig, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """One epoch of images (2N, 3, size, size), age (2N,), sex (2N,), taught (2N, T).

    The short rest is left out.
    """
    order = rng.permutation(len(faces.images))
    for start in range(0, len(order) - config.batch + 1, config.batch):
        index = np.tile(order[start : start + config.batch], 2)
        views = np.stack([augment(faces.images[i], config.image_size, rng) for i in index])
        age, sex = torch.tensor(faces.age[index]), torch.tensor(faces.sex[index])
        yield to_input(views), age, sex, torch.tensor(faces.taught[index])


def rate(progress: float, config: FaceEncoderConfig) -> float:
    """Learning rate after a fraction of all steps: linear warm-up, then half a cosine."""
    if progress < config.warm_up:
        return config.learning_rate * progress / config.warm_up
    fall = (progress - config.warm_up) / (1 - config.warm_up)
    return config.learning_rate * (1 + math.cos(math.pi * fall)) / 2


@dataclass
class FaceEncoderTraining:
    """All that a run needs to go on; `shipped` is the running mean of `encoder`."""

    encoder: SmallFaceEncoder
    heads: TrainingHeads
    optimizer: torch.optim.Optimizer
    shipped: SmallFaceEncoder
    config: FaceEncoderConfig
    epoch: int = 0

    @classmethod
    def start(
        cls, config: FaceEncoderConfig, teacher: Teacher | None = None
    ) -> "FaceEncoderTraining":
        """The teacher's first layers; without one, fresh weights from the configuration's seed."""
        widths = tuple(config.width * n for n in (1, 1, 2, 4, 8))
        sizes = config.image_size, widths, (3, 4, 3, config.deepest)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            encoder, shipped = SmallFaceEncoder(*sizes), SmallFaceEncoder(*sizes)
            heads = TrainingHeads(encoder.dimension, teacher.net.dimension if teacher else 0)
        if teacher:
            known = teacher.net.state_dict()
            encoder.load_state_dict({name: known[name] for name in encoder.state_dict()})
            encoder.stem.requires_grad_(False)  # edges and colours are what they are; and a quarter
            encoder.stages[0].requires_grad_(False)  # of the time
        shipped.load_state_dict(encoder.state_dict())
        weights = [p for p in (*encoder.parameters(), *heads.parameters()) if p.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=0.0, weight_decay=config.weight_decay)
        return cls(encoder, heads, optimizer, shipped.eval(), config)

    def save(self, path: Path) -> None:
        """Write atomically, so that a kill leaves the previous epoch's file."""
        states = {name: getattr(self, name).state_dict() for name in PARTS}
        with replaced(path) as file:
            torch.save({**states, "config": asdict(self.config), "epoch": self.epoch}, file)

    def restore(self, path: Path) -> None:
        """Go on from `save`; DataError if that run had other settings."""
        kept = torch.load(path, weights_only=True)
        if kept["config"] != asdict(self.config):
            raise DataError(f"{path} is of a run with other settings; add --fresh or --work.")
        for name in PARTS:
            getattr(self, name).load_state_dict(kept[name])
        self.epoch = kept["epoch"]

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move `shipped` towards `encoder`: weights and batch statistics alike."""
        for mine, new in zip(
            self.shipped.state_dict().values(), self.encoder.state_dict().values(), strict=True
        ):
            mine.lerp_(new, 1 - decay) if mine.is_floating_point() else mine.copy_(new)


def train_epoch(state: FaceEncoderTraining, faces: FaceCrops) -> float:
    """One pass over the faces; returns the mean loss. The epoch's number seeds its randomness."""
    config = state.config
    rng = np.random.default_rng((config.seed, state.epoch))
    steps = len(faces.images) // config.batch
    losses = []
    state.heads.train()
    bar = tqdm(batches(faces, config, rng), total=steps, desc=f"epoch {state.epoch + 1}")
    for step, (images, age, sex, taught) in enumerate(bar):
        done = state.epoch + (step + 1) / steps
        for group in state.optimizer.param_groups:
            group["lr"] = rate(done / config.epochs, config)
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast on recent CPUs
            features = state.encoder(images.to(memory_format=torch.channels_last))
        loss = total_loss(state.heads(features), age, sex, taught, config)
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
def validate(state: FaceEncoderTraining, faces: FaceCrops) -> dict[str, float]:
    """On held-out UTKFace: sex accuracy, mean error of age in years, cosine with the teacher."""
    features = state.shipped.encode(centre_crops(faces.images, state.config.image_size))
    answers = state.heads.eval()(torch.from_numpy(features).clone())
    expected = (torch.softmax(answers.age, 1) @ torch.arange(OLDEST + 1.0)).numpy()
    scores = {
        "sex": float(((answers.sex > 0).numpy() == (faces.sex > 0.5)).mean()),
        "years": float(np.abs(expected - faces.age).mean()),
    }
    if faces.taught.shape[1]:
        agreement = F.cosine_similarity(answers.taught, torch.from_numpy(faces.taught))
        scores["teacher"] = float(agreement.mean())
    return scores


def export(state: FaceEncoderTraining, path: Path, provenance: dict[str, object]) -> None:
    """Write the encoder as fp16 safetensors with its architecture and provenance as JSON."""
    weights = {k: v.half().contiguous() for k, v in state.shipped.state_dict().items()}
    about = {"architecture": state.shipped.architecture, **provenance}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, metadata={"vclip": json.dumps(about)})


def teacher_features(teacher: Teacher, faces: FaceCrops, digest: str, work: Path) -> np.ndarray:
    """The teacher's features of the plain pictures (N, T), standardised; computed once.

    digest: SHA-256 of the teacher's file; work: the folder that keeps them.
    """
    about = hashlib.sha256(faces.images.tobytes() + digest.encode())
    path = work / f"taught-{about.hexdigest()[:16]}.npy"
    if not path.is_file():
        plain = centre_crops(faces.images, teacher.net.image_size, CROP_SHARE)
        np.save(path, teacher.net.encode(plain))
    features = np.load(path)
    return np.asarray((features - features.mean(0)) / (features.std(0) + 1e-6), np.float32)


def run(settings: TrainFaceSettings, command: str) -> dict[str, object]:
    """Prepare, train or resume, export; returns what is written beside the weights."""
    config, work = settings.config, settings.work
    items = labelled_pictures(settings.utk)
    items += unlabelled_pictures(settings.avspeech) if settings.avspeech else []
    side = round(config.image_size * CONTEXT)
    faces = load_crops(items, side, work, FaceDetector(settings.yunet))
    teacher, digest = None, ""
    if settings.teacher and not settings.no_teacher:
        teacher, digest = read_teacher(settings.teacher), file_hash(settings.teacher)
        faces = replace(faces, taught=teacher_features(teacher, faces, digest, work))
    held_out = (faces.fold < config.held_out) & (faces.sex >= 0) & (faces.age >= 0)
    state = FaceEncoderTraining.start(config, teacher)
    checkpoint = work / "checkpoint.pt"
    if checkpoint.is_file() and not settings.fresh:
        state.restore(checkpoint)
    while state.epoch < min(settings.until or config.epochs, config.epochs):
        loss = train_epoch(state, faces.part(~held_out))
        state.save(checkpoint)
        scores = validate(state, faces.part(held_out))
        print(json.dumps({"epoch": state.epoch, "loss": round(loss, 4), **scores}), flush=True)
    provenance: dict[str, object] = {
        "command": command,
        "config": asdict(config),
        "data": [str(p.name) for p in (settings.utk, settings.avspeech) if p],
        "epochs_done": state.epoch,
        "faces": len(faces.images),
        "held_out": validate(state, faces.part(held_out)),
        "teacher_sha256": digest,
        "licence": LICENCE
        + (LICENCE_AVSPEECH if settings.avspeech else "")
        + (LICENCE_TEACHER if teacher else ""),
    }
    export(state, settings.output, provenance)
    return provenance


@command(TrainFaceSettings, threads=1)
def main(settings: TrainFaceSettings) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(json.dumps(run(settings, command_line())))


if __name__ == "__main__":
    raise SystemExit(main())
