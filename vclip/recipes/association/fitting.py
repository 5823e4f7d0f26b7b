"""Trainer of the association heads: steps, weight averaging, early stopping, resuming."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vclip.arrays import Float64
from vclip.association.model import Association, AssociationConfig, HeadSizes
from vclip.recipes.association import checkpoint
from vclip.recipes.association.batches import Batches, LabelData, PairData, on_device
from vclip.recipes.association.distributed import ALONE, Group
from vclip.recipes.association.objective import AssociationLoss, RandomStreams
from vclip.recipes.association.robust_weights import pair_weights
from vclip.recipes.association.settings import FitConfig
from vclip.recipes.metrics.verification import auc, same


def new_association(pairs: PairData, config: FitConfig) -> Association:
    """Untrained heads of the config's sizes, standardised on the plain training features."""
    dimensions = pairs.image.values.shape[1], pairs.voice.values.shape[1]
    sizes = AssociationConfig(*dimensions, *(getattr(config, f.name) for f in fields(HeadSizes)))
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global RNG
        torch.manual_seed(config.seed)
        association = Association(sizes)
    association.image_standard.fit(pairs.image.plain())
    association.voice_standard.fit(pairs.voice.plain())
    with torch.no_grad():
        association.logit_scale.fill_(config.logit_scale)
    association.logit_scale.requires_grad_(config.learn_temperature)
    return association


def score(association: Association, pairs: PairData) -> Float64:
    """Cosines (N, N) of every face with every voice, plain features."""
    with torch.no_grad():
        image_emb = association.encode_image(pairs.image.plain())
        voice_emb = association.encode_voice(pairs.voice.plain())
        return (image_emb @ voice_emb.T).double().cpu().numpy()


def pair_auc(association: Association, pairs: PairData) -> float:
    """AUC over all cross pairs; what selection looks at."""
    positive = same(pairs.person.numpy())
    return auc(score(association, pairs).ravel(), positive.ravel())


def _optimizer(association: Association, config: FitConfig) -> torch.optim.Optimizer:
    """AdamW that decays the matrices, not the biases or the temperature."""
    learned = [p for p in association.parameters() if p.requires_grad]
    matrices, others = [p for p in learned if p.ndim > 1], [p for p in learned if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


@dataclass(frozen=True)
class DevCheck:
    """Loss and dev AUC after a number of steps."""

    step: int
    loss: float
    dev_auc: float

    def __str__(self) -> str:
        return f"step {self.step:5d}  loss {self.loss:.3f}  dev AUC {self.dev_auc:.4f}"


class AssociationTrainer:
    """Training as it stands; all of it but the data is in state()."""

    def __init__(
        self,
        pairs: PairData,
        config: FitConfig,
        dev: PairData | None,
        labels: LabelData | None,
        group: Group,
    ) -> None:
        self.config, self.group = config, group
        self.pairs = on_device(pairs, group.device)
        self.labels = labels and on_device(labels, group.device)
        self.dev = dev and on_device(dev, group.device)
        self.association = new_association(pairs, config).to(group.device)
        self.mean = copy.deepcopy(self.association).eval()  # of the weights; this is what is kept
        self.best, self.best_auc, self.stale = copy.deepcopy(self.mean), -1.0, 0
        self.step, self.last, self.history = 0, config.label_steps + config.steps, list[DevCheck]()
        self.optimizer = _optimizer(self.association, config)
        self.scaler = torch.amp.GradScaler(group.device.type, enabled=config.precision == "float16")
        self.streams = RandomStreams.seeded(config.seed, group.rank)
        self.objective = AssociationLoss(self.association, config, self.streams, group)
        self.batches = Batches(pairs.person, config, group.world)
        self.weights = torch.ones(len(pairs.person)) if config.noise_robust else None

    @property
    def over(self) -> bool:
        """Whether all steps are done, or dev has not got better for too long."""
        return self.step >= self.last or self.stale >= self.config.patience

    def loss(self) -> Tensor:
        """Loss of the next batch: of labels only at first, then of pairs and labels."""
        labels, config = self.labels, self.config
        if labels is not None and self.step < config.label_steps:
            return self.objective.labels(labels)
        index = self.batches.at(self.step - config.label_steps, self.streams.shared)
        loss = self.objective.pairs(self.pairs, index, self.weights)
        if labels is not None and config.label_weight:
            loss = loss + config.label_weight * self.objective.labels(labels)
        return loss

    def advance(self) -> Tensor:
        """Take one step; the loss before it."""
        self.association.train()
        loss = self.loss()
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.group.average_gradients(self.association.parameters())
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.association.clamp_scale()
        self.step += 1
        keep = min(self.config.average, self.step / (self.step + 10))
        with torch.no_grad():
            sides = self.mean.parameters(), self.association.parameters()
            for kept, new in zip(*sides, strict=True):
                kept.lerp_(new, 1 - keep)
        return loss.detach()

    def due(self) -> bool:
        """Whether dev is to be looked at now."""
        regular = self.step % self.config.check_every == 0 and self.step > self.config.label_steps
        return regular or self.step == self.last

    def check(self, loss: Tensor) -> DevCheck:
        """Look at dev, in the first process for all; keep the mean if it is the best so far."""
        reached = float(self.step)  # without dev the last check is the best
        if self.dev is not None:
            own = pair_auc(self.mean, self.dev) if self.group.first else 0.0
            reached = self.group.broadcast(own)
        self.history.append(DevCheck(self.step, float(loss), reached))
        self.stale = 0 if reached > self.best_auc else self.stale + 1
        if reached > self.best_auc:
            self.best, self.best_auc = copy.deepcopy(self.mean), reached
        if self.weights is not None:
            seen = pair_weights(self.mean, self.pairs, self.config.seed) if self.group.first else 0
            self.weights = self.group.broadcast(seen)
        return self.history[-1]

    def state(self) -> dict[str, Any]:
        """Everything that another process needs to go on; gathered from all, so called by all."""
        random = checkpoint.generators(self.streams, self.group.device)
        return {
            "random": self.group.gather_objects([one.get_state() for one in random]),
            "models": {name: getattr(self, name).state_dict() for name in MODELS},
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "plain": {name: getattr(self, name) for name in PLAIN},
            "weights": self.weights,
            "history": [[check.step, check.loss, check.dev_auc] for check in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what state() gave."""
        for name in MODELS:
            getattr(self, name).load_state_dict(state["models"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        vars(self).update(state["plain"], weights=state["weights"])
        self.history = [DevCheck(*values) for values in state["history"]]
        random = checkpoint.generators(self.streams, self.group.device)
        for one, kept in zip(random, state["random"][self.group.rank], strict=True):
            one.set_state(kept)


MODELS, PLAIN = ("association", "mean", "best"), ("step", "stale", "best_auc")


def fit(
    pairs: PairData,
    config: FitConfig,
    dev: PairData | None = None,
    labels: LabelData | None = None,
    report: Callable[[DevCheck], None] = lambda check: None,
    resume: Path | None = None,
    group: Group = ALONE,
) -> tuple[Association, list[DevCheck]]:
    """Train; the moving average at its best check on dev, or at the end without dev, on the CPU.

    With resume, every check leaves a file there from which the same call goes on to the same end,
    to the byte. Raises DataError if that file is of another training.
    """
    run = AssociationTrainer(pairs, config, dev, labels, group)
    name = checkpoint.name_of(config, group.world, pairs, dev, labels) if resume else ""
    cuda = [group.device] if group.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):  # dropout draws from the global RNG
        torch.manual_seed(config.seed + group.rank)
        if resume and resume.exists():
            run.restore(checkpoint.load(resume, name))
        while not run.over:
            loss = run.advance()
            if run.due():
                report(run.check(loss))
                if resume:
                    checkpoint.save(resume, name, run.state(), group)
    return run.best.cpu().requires_grad_(False), run.history
