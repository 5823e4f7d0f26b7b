"""How the association heads are fitted: losses of batches, averaging, stopping."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vclip.association import Association, AssociationConfig, contrastive_loss
from vclip.metrics import auc, same
from vclip.offline.fit_config import FitConfig
from vclip.offline.pair_data import Batches, LabelData, PairData


def new_association(pairs: PairData, config: FitConfig) -> Association:
    """Untrained heads of the config's sizes, standardised on the plain training features."""
    named = {item.name for item in fields(AssociationConfig)} & set(vars(config))
    sizes = AssociationConfig(
        image_dimension=pairs.image.values.shape[1],
        voice_dimension=pairs.voice.values.shape[1],
        **{name: getattr(config, name) for name in named},
    )
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global RNG
        torch.manual_seed(config.seed)
        association = Association(sizes)
    association.image_standard.fit(pairs.image.first())
    association.voice_standard.fit(pairs.voice.first())
    with torch.no_grad():
        association.logit_scale.fill_(config.logit_scale)
    association.logit_scale.requires_grad_(config.learn_temperature)
    return association


def _noisy(features: Tensor, std: Tensor, amount: float, rng: torch.Generator) -> Tensor:
    if not amount:
        return features
    return features + amount * std * torch.randn(features.shape, generator=rng)


def _loss(
    association: Association,
    image: Tensor,
    voice: Tensor,
    negatives: Tensor | None,
    config: FitConfig,
    rng: torch.Generator,
) -> Tensor:
    image = _noisy(image, association.image_standard.std, config.image_noise, rng)
    voice = _noisy(voice, association.voice_standard.std, config.voice_noise, rng)
    image_emb, voice_emb = association.encode_image(image), association.encode_voice(voice)
    return contrastive_loss(image_emb, voice_emb, association.logit_scale, negatives)


def _different(labels: Tensor) -> Tensor:
    """labels (B,) -> (B, B): where two rows have different ones."""
    return labels[:, None] != labels[None, :]


def pair_loss(
    association: Association,
    pairs: PairData,
    index: Tensor,
    config: FitConfig,
    rng: torch.Generator,
) -> Tensor:
    """The loss of one batch of true pairs, those of index (B,)."""
    image = pairs.image.one(index, rng) if config.vary_image else pairs.image.first(index)
    voice = pairs.voice.some(index, rng) if config.vary_voice else pairs.voice.first(index)
    negatives = _different(pairs.person[index]) if config.mask_same_person else None
    return _loss(association, image, voice, negatives, config, rng)


def label_loss(
    association: Association, data: LabelData, config: FitConfig, rng: torch.Generator
) -> Tensor:
    """The loss of one random batch of faces, each with a random voice of its label."""
    faces = torch.randperm(len(data.image_label), generator=rng)[: config.batch]
    fits = data.image_label[faces][:, None] == data.voice_label[None, :]  # (B, M)
    faces, fits = faces[fits.any(dim=1)], fits[fits.any(dim=1)]
    voices = torch.multinomial(fits.float(), 1, generator=rng)[:, 0]
    image, voice = data.image.one(faces, rng), data.voice.some(voices, rng)
    return _loss(association, image, voice, _different(data.image_label[faces]), config, rng)


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
    learned = [p for p in association.parameters() if p.requires_grad]
    matrices, others = [p for p in learned if p.ndim > 1], [p for p in learned if p.ndim <= 1]
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
    batches = Batches(len(pairs.person), config.batch, config.passes, config.seed)
    association = new_association(pairs, config)
    mean = copy.deepcopy(association).eval()
    best, best_auc, stale, history = copy.deepcopy(mean), -1.0, 0, list[Check]()
    optimizer, last = _optimizer(association, config), config.label_steps + config.steps
    with torch.random.fork_rng(devices=[]):  # dropout draws from the global RNG
        torch.manual_seed(config.seed)
        for step in range(1, last + 1):
            loss = _step_loss(association, pairs, batches, labels, step, config, rng)
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
    batches: Batches,
    labels: LabelData | None,
    step: int,
    config: FitConfig,
    rng: torch.Generator,
) -> Tensor:
    association.train()
    if labels is not None and step <= config.label_steps:
        return label_loss(association, labels, config, rng)
    index = batches.at(step - config.label_steps - 1, rng)
    loss = pair_loss(association, pairs, index, config, rng)
    if labels is not None and config.label_weight:
        loss = loss + config.label_weight * label_loss(association, labels, config, rng)
    return loss


def _follow(mean: Association, association: Association, keep: float) -> None:
    """Move the averaged weights a step towards the trained ones."""
    with torch.no_grad():
        for kept, new in zip(mean.parameters(), association.parameters(), strict=True):
            kept.lerp_(new, 1 - keep)
