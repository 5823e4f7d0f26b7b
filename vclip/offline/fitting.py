"""How the association heads are fitted: batches, regularisation, averaging, stopping.

The data are small (hundreds of people), so everything here fights overfitting: a random view of
the face and a random set of voice windows per visit, noise on both standardised sides, dropout,
weight decay, and an exponential moving average of the weights, which is what is kept.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from vclip.association import Association, AssociationConfig, contrastive_loss
from vclip.metrics import auc, same

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FitConfig:
    """Defaults are those of the bundled heads; chosen by cross-validation (docs/log.md)."""

    image_hidden: int = 128
    image_layers: int = 1
    dropout: float = 0.2
    couplings: int = 2
    coupling_hidden: int = 32
    max_log_scale: float = 0.5
    steps: int = 480
    batch: int = 128
    learning_rate: float = 3e-4
    weight_decay: float = 0.1
    logit_scale: float = 2.0  # where the log temperature starts
    image_noise: float = 1.0  # standard deviations of a standardised feature
    voice_noise: float = 1.0
    label_steps: int = 0  # first on faces and voices matched by sex only
    label_weight: float = 0.03  # or beside the pairs: keeps clean studio voices in their place
    average: float = 0.98  # of the weights' moving average
    check_every: int = 40
    patience: int = 1000  # checks without a better dev AUC before stopping
    seed: int = 0


class Side:
    """Rows of one side, each with several versions: the first is the plain one."""

    def __init__(self, rows: Sequence[Array]) -> None:
        self.count = torch.tensor([len(row) for row in rows])
        dimension, longest = rows[0].shape[1], max(len(row) for row in rows)
        self.values = torch.zeros(len(rows), longest, dimension)  # (N, versions, dimension)
        for i, row in enumerate(rows):
            self.values[i, : len(row)] = torch.from_numpy(row)

    def __len__(self) -> int:
        return len(self.values)

    def first(self) -> Tensor:
        """(N, dimension) as the app computes them."""
        return self.values[:, 0]

    def one(self, index: Tensor, rng: torch.Generator) -> Tensor:
        """A random version of each indexed row, (B, dimension)."""
        chosen = (torch.rand(len(index), generator=rng) * self.count[index]).long()
        rows: Tensor = self.values[index, chosen]
        return rows

    def some(self, index: Tensor, rng: torch.Generator) -> Tensor:
        """The mean of a random set of versions of each indexed row, of the first one's norm."""
        values = self.values[index]  # (B, versions, dimension)
        there = torch.arange(values.shape[1])[None] < self.count[index][:, None]
        share = torch.rand(len(index), 1, generator=rng)
        kept = there & (torch.rand(there.shape, generator=rng) < share)
        kept[~kept.any(dim=1), 0] = True
        mean = (values * kept[..., None]).sum(dim=1) / kept.sum(dim=1, keepdim=True)
        drawn: Tensor = F.normalize(mean, dim=1) * values[:, 0].norm(dim=1, keepdim=True)
        return drawn


@dataclass(frozen=True)
class PairData:
    """Rows with both sides; rows of one person are never each other's negatives."""

    image: Side
    voice: Side
    person: Tensor  # (N,) int


@dataclass(frozen=True)
class LabelData:
    """Faces and voices of different people that share labels; equal labels are no negatives."""

    image: Side
    voice: Side
    image_label: Tensor  # (N,) int
    voice_label: Tensor  # (M,) int


def index_of(names: Sequence[str]) -> Tensor:
    """Names (N,) -> equal integers for equal names, (N,)."""
    return torch.from_numpy(np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64))


def new_association(pairs: PairData, config: FitConfig) -> Association:
    """Untrained heads of the config's sizes, standardised on the plain training features."""
    sizes = AssociationConfig(
        image_dimension=pairs.image.first().shape[1],
        voice_dimension=pairs.voice.first().shape[1],
        image_hidden=config.image_hidden,
        image_layers=config.image_layers,
        dropout=config.dropout,
        couplings=config.couplings,
        coupling_hidden=config.coupling_hidden,
        max_log_scale=config.max_log_scale,
    )
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global RNG
        torch.manual_seed(config.seed)
        association = Association(sizes)
    association.image_standard.fit(pairs.image.first())
    association.voice_standard.fit(pairs.voice.first())
    with torch.no_grad():
        association.logit_scale.fill_(config.logit_scale)
    return association


def _noisy(features: Tensor, std: Tensor, amount: float, rng: torch.Generator) -> Tensor:
    return features + amount * std * torch.randn(features.shape, generator=rng)


def _loss(
    association: Association,
    image: Tensor,
    voice: Tensor,
    labels: Tensor,
    config: FitConfig,
    rng: torch.Generator,
) -> Tensor:
    image = _noisy(image, association.image_standard.std, config.image_noise, rng)
    voice = _noisy(voice, association.voice_standard.std, config.voice_noise, rng)
    image_emb, voice_emb = association.encode_image(image), association.encode_voice(voice)
    different = labels[:, None] != labels[None, :]  # (B, B)
    return contrastive_loss(image_emb, voice_emb, association.logit_scale, different)


def pair_loss(
    association: Association, pairs: PairData, config: FitConfig, rng: torch.Generator
) -> Tensor:
    """The loss of one random batch of true pairs."""
    index = torch.randperm(len(pairs.person), generator=rng)[: config.batch]
    image, voice = pairs.image.one(index, rng), pairs.voice.some(index, rng)
    return _loss(association, image, voice, pairs.person[index], config, rng)


def label_loss(
    association: Association, data: LabelData, config: FitConfig, rng: torch.Generator
) -> Tensor:
    """The loss of one random batch of faces, each with a random voice of its label."""
    faces = torch.randperm(len(data.image_label), generator=rng)[: config.batch]
    fits = data.image_label[faces][:, None] == data.voice_label[None, :]  # (B, M)
    faces, fits = faces[fits.any(dim=1)], fits[fits.any(dim=1)]
    voices = torch.multinomial(fits.float(), 1, generator=rng)[:, 0]
    image, voice = data.image.one(faces, rng), data.voice.some(voices, rng)
    return _loss(association, image, voice, data.image_label[faces], config, rng)


def score(association: Association, pairs: PairData) -> npt.NDArray[np.float64]:
    """Cosines (N, N) of every face with every voice, plain features."""
    with torch.no_grad():
        image_emb = association.encode_image(pairs.image.first())
        voice_emb = association.encode_voice(pairs.voice.first())
        return (image_emb @ voice_emb.T).double().numpy()


def pair_auc(association: Association, pairs: PairData) -> float:
    """AUC over all cross pairs; what selection looks at."""
    positive = same(pairs.person.numpy())
    return auc(score(association, pairs).ravel(), positive.ravel())


def _optimizer(association: Association, config: FitConfig) -> torch.optim.Optimizer:
    """AdamW that decays the matrices, not the biases or the temperature."""
    matrices = [p for p in association.parameters() if p.ndim > 1]
    others = [p for p in association.parameters() if p.ndim <= 1]
    groups: list[dict[str, object]] = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


@dataclass(frozen=True)
class Check:
    """How training stood after a step."""

    step: int
    loss: float
    dev_auc: float


def fit(
    pairs: PairData,
    config: FitConfig,
    dev: PairData | None = None,
    labels: LabelData | None = None,
    report: Callable[[Check], None] = lambda check: None,
) -> tuple[Association, list[Check]]:
    """Train; the moving average at its best check on dev, or at the end without dev."""
    rng = torch.Generator().manual_seed(config.seed)
    association = new_association(pairs, config)
    mean = copy.deepcopy(association).eval()
    best, best_auc, stale, history = copy.deepcopy(mean), -1.0, 0, list[Check]()
    optimizer, last = _optimizer(association, config), config.label_steps + config.steps
    with torch.random.fork_rng(devices=[]):  # dropout draws from the global RNG
        torch.manual_seed(config.seed)
        for step in range(1, last + 1):
            loss = _step_loss(association, pairs, labels, step, config, rng)
            _update(association, optimizer, loss)
            _follow(mean, association, min(config.average, step / (step + 10)))
            due = step % config.check_every == 0 and step > config.label_steps
            if not due and step != last:
                continue
            reached = pair_auc(mean, dev) if dev else float(step)
            history.append(Check(step, float(loss.detach()), reached))
            report(history[-1])
            stale = 0 if reached > best_auc else stale + 1
            if reached > best_auc:
                best, best_auc = copy.deepcopy(mean), reached
            if stale >= config.patience:
                break
    return best.requires_grad_(False), history


def _update(association: Association, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    association.clamp_scale()


def _step_loss(
    association: Association,
    pairs: PairData,
    labels: LabelData | None,
    step: int,
    config: FitConfig,
    rng: torch.Generator,
) -> Tensor:
    association.train()
    if labels is not None and step <= config.label_steps:
        return label_loss(association, labels, config, rng)
    loss = pair_loss(association, pairs, config, rng)
    if labels is not None and config.label_weight:
        loss = loss + config.label_weight * label_loss(association, labels, config, rng)
    return loss


def _follow(mean: Association, association: Association, keep: float) -> None:
    """Move the averaged weights a step towards the trained ones."""
    with torch.no_grad():
        for kept, new in zip(mean.parameters(), association.parameters(), strict=True):
            kept.lerp_(new, 1 - keep)
