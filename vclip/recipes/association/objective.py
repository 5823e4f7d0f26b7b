"""The loss of one step: rows drawn and made noisy, embedded, gathered, compared."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vclip.association.model import Association
from vclip.recipes.association.batches import LabelData, PairData
from vclip.recipes.association.distributed import ALONE, Group
from vclip.recipes.association.losses import contrastive_loss, sge2e_loss
from vclip.recipes.association.settings import FitConfig

PRECISION = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class RandomStreams:
    """Random numbers: shared ones say which rows make a batch, own ones what becomes of them."""

    shared: torch.Generator  # the same in every process
    own: torch.Generator

    @classmethod
    def seeded(cls, seed: int, rank: int = 0) -> "RandomStreams":
        """Streams of one process; the first has one generator for both."""
        shared = torch.Generator().manual_seed(seed)
        return cls(shared, torch.Generator().manual_seed(seed + rank) if rank else shared)


def _different(labels: Tensor) -> Tensor:
    """labels (B,) -> (B, B): where two rows have different ones."""
    return labels[:, None] != labels[None, :]


@dataclass(frozen=True)
class AssociationLoss:
    """The loss that training minimises, for the association as it is now."""

    association: Association
    config: FitConfig
    streams: RandomStreams
    group: Group = ALONE

    def pairs(self, data: PairData, index: Tensor, weights: Tensor | None = None) -> Tensor:
        """The loss of a batch of true pairs: those of index (B,), over all processes.

        weights (N,) say how much each pair of the data counts (all alike, if None).
        """
        mine, own = self.group.share(index), self.streams.own
        image = data.image.draw(mine, own) if self.config.vary_image else data.image.plain(mine)
        voice = (
            data.voice.draw_mean(mine, own) if self.config.vary_voice else data.voice.plain(mine)
        )
        image_emb, voice_emb = self._embedded(image, voice)
        person = data.person[index].to(image_emb.device)
        scale, hardness = self.association.logit_scale, self.config.hard_negatives
        counted = None if weights is None else weights[index].to(image_emb.device)
        if self.config.loss == "sge2e":
            return sge2e_loss(image_emb, voice_emb, scale, person, counted, hardness)
        negatives = _different(person) if self.config.mask_same_person else None
        return contrastive_loss(image_emb, voice_emb, scale, negatives, counted, hardness)

    def labels(self, data: LabelData) -> Tensor:
        """The loss of a random batch of faces, each with a random voice of its label."""
        rng, size = self.streams.shared, self.config.batch
        faces = torch.randperm(len(data.image_label), generator=rng)[:size]
        fits = data.image_label[faces][:, None] == data.voice_label[None, :]  # (B, M)
        faces, fits = faces[fits.any(dim=1)], fits[fits.any(dim=1)]
        voices = torch.multinomial(fits.float(), 1, generator=rng)[:, 0]
        even = len(faces) // self.group.world * self.group.world
        mine, own = self.group.share(torch.stack([faces, voices], dim=1)[:even]), self.streams.own
        image, voice = data.image.draw(mine[:, 0], own), data.voice.draw_mean(mine[:, 1], own)
        image_emb, voice_emb = self._embedded(image, voice)
        negatives = _different(data.image_label[faces[:even]]).to(image_emb.device)
        return contrastive_loss(image_emb, voice_emb, self.association.logit_scale, negatives)

    def _embedded(self, image: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        """image_emb and voice_emb (B, D) of the whole batch, from this process's features."""
        image = self._noisy(image, self.association.image_standard.std, self.config.image_noise)
        voice = self._noisy(voice, self.association.voice_standard.std, self.config.voice_noise)
        half = PRECISION.get(self.config.precision)
        with torch.autocast(image.device.type, half, enabled=half is not None):
            image_emb = self.association.encode_image(image)
            voice_emb = self.association.encode_voice(voice)
        return self.group.gather(image_emb), self.group.gather(voice_emb)

    def _noisy(self, features: Tensor, std: Tensor, amount: float) -> Tensor:
        if not amount:
            return features
        noise = torch.randn(features.shape, generator=self.streams.own).to(features.device)
        return features + amount * std * noise
