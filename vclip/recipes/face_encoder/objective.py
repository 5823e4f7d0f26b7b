"""Objectives of the face encoder: age, sex, which picture it is, and its teacher's features."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OLDEST = 100  # years; ages are 0 … OLDEST in the age head


@dataclass(frozen=True)
class FaceEncoderConfig:
    """Settings of the training; the defaults are those of the bundled encoder."""

    image_size: int = 150
    width: int = 32  # channels of the first stage
    deepest: int = 2  # residual blocks of the last stage; the teacher has three and a stage more
    epochs: int = 8
    batch: int = 64  # pictures; each gives two views
    learning_rate: float = 3e-4
    weight_decay: float = 0.05
    warm_up: float = 0.05  # of all steps
    age_sigma: float = 3.0  # years: a neighbouring age is almost right
    age_weight: float = 0.5
    years_weight: float = 0.04  # per year of absolute error
    instance_weight: float = 0.5
    teacher_weight: float = 3.0
    temperature: float = 0.2
    held_out: float = 0.05  # of UTKFace, to watch
    average: float = 0.998  # decay of the weights' running mean, which is what ships
    seed: int = 0


class HeadOutputs(NamedTuple):
    """Predictions of the heads for N faces."""

    age: Tensor
    sex: Tensor
    instance: Tensor
    taught: Tensor


class TrainingHeads(nn.Module):
    """Outputs from features (N, F): age logits (N, 101), sex logit (N,), instance (N, P), and the
    teacher's features (N, T).
    """

    def __init__(self, dimension: int, taught: int, projected: int = 128) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dimension, affine=False)  # channels differ much in size
        self.age = nn.Linear(dimension, OLDEST + 1)
        self.sex = nn.Linear(dimension, 1)
        layers = nn.Linear(dimension, 256), nn.ReLU(), nn.Linear(256, projected)
        self.instance = nn.Sequential(*layers)
        self.taught = nn.Linear(dimension, taught) if taught else None

    def forward(self, features: Tensor) -> HeadOutputs:
        x = self.norm(features)
        taught = self.taught(x) if self.taught else x[:, :0]
        return HeadOutputs(self.age(x), self.sex(x)[:, 0], self.instance(x), taught)


def nt_xent(views: Tensor, temperature: float) -> Tensor:
    """Cross entropy of finding each view's twin; views (2, N, P) of any norm → scalar."""
    n = views.shape[1]
    z = F.normalize(views.flatten(0, 1), dim=1)  # (2N, P)
    similarity = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    twin = torch.arange(2 * n).roll(n)
    return F.cross_entropy(similarity, twin)


def age_loss(logits: Tensor, years: Tensor, config: FaceEncoderConfig) -> Tensor:
    """Soft labels around the true age plus the expected value's absolute error (scalar)."""
    ages = torch.arange(OLDEST + 1, dtype=torch.float32)
    soft = torch.softmax(-((ages - years[:, None]) ** 2) / (2 * config.age_sigma**2), 1)
    expected = torch.softmax(logits, 1) @ ages
    error = (expected - years).abs().mean()
    return config.age_weight * F.cross_entropy(logits, soft) + config.years_weight * error


def total_loss(
    answers: HeadOutputs, age: Tensor, sex: Tensor, taught: Tensor, config: FaceEncoderConfig
) -> Tensor:
    """All objectives for views stacked as (2N, …); faces with unknown labels lack two of them."""
    views = torch.stack(answers.instance.chunk(2))
    loss = config.instance_weight * nt_xent(views, config.temperature)
    if taught.shape[1]:
        agreement = F.cosine_similarity(answers.taught, taught).mean()
        loss = loss + config.teacher_weight * (1 - agreement)
    known = sex >= 0
    if known.any():
        target = sex[known] * 0.95 + 0.025  # some labels are wrong
        loss = loss + F.binary_cross_entropy_with_logits(answers.sex[known], target)
        loss = loss + age_loss(answers.age[known], age[known], config)
    return loss
