"""Weights of training pairs that discount mismatched ones (noisy correspondence).

The cosines of true and mismatched pairs are taken as two normal distributions. That of mismatched
ones is measured on faces beside other people's voices; that of true pairs, higher and no wider, and
their share among the pairs follow by expectation maximisation. A pair's weight is the probability
that it is a true one. Close to the co-division of noisy correspondence learning (Huang et al.
2021), which fits both parts to losses; here one part is known.
"""

import torch
from torch import Tensor
from torch.distributions import Normal

from vclip.association.model import Association
from vclip.recipes.association.batches import PairData

ROUNDS = 100  # of expectation maximisation; it has settled long before
CHUNK = 65_536  # rows encoded at once


def clean_probability(matched: Tensor, strangers: Tensor) -> Tensor:
    """Probability (N,) that each pair is a true one, never falling with its cosine.

    matched (N,) cosines of the pairs, strangers (M,) those of mismatched pairs.
    """
    cosines, apart = matched.double(), _normal(strangers.double())
    near, share = Normal(cosines.mean() + cosines.std(), apart.stddev), torch.tensor(0.5)
    for _ in range(ROUNDS):
        near_log, apart_log = (normal.log_prob(cosines) for normal in (near, apart))  # type: ignore[no-untyped-call]
        odds = share.logit() + near_log - apart_log
        posterior = torch.sigmoid(odds)
        share = posterior.mean().clamp(1e-3, 1 - 1e-3)
        near = _normal(cosines, posterior, apart)
    order = cosines.argsort()  # beyond a narrow distribution's centre the odds would fall again
    rising = posterior[order].cummax(dim=0).values
    return torch.empty_like(rising).index_copy(0, order, rising).float()


def _normal(x: Tensor, weight: Tensor | None = None, floor: Normal | None = None) -> Normal:
    """Fitted to values (N,) which count so much; no lower and no wider than another."""
    share = torch.full_like(x, 1 / len(x)) if weight is None else weight / weight.sum()
    mean = share @ x
    deviation = (share @ (x - mean) ** 2).sqrt().clamp(min=1e-6)
    if floor is None:
        return Normal(mean, deviation)
    return Normal(mean.maximum(floor.mean), deviation.minimum(floor.stddev))


def pair_weights(association: Association, pairs: PairData, seed: int) -> Tensor:
    """Weights (N,) of training pairs by what the association now says of their plain features."""
    parts = torch.split(torch.arange(len(pairs.person)), CHUNK)
    with torch.no_grad():
        image = [association.encode_image(pairs.image.plain(part)).cpu() for part in parts]
        voice = [association.encode_voice(pairs.voice.plain(part)).cpu() for part in parts]
    image_emb, voice_emb = torch.cat(image), torch.cat(voice)
    rng = torch.Generator().manual_seed(seed)
    other = torch.randperm(len(image_emb), generator=rng)
    matched, strangers = (image_emb * voice_emb).sum(1), (image_emb * voice_emb[other]).sum(1)
    strangers = strangers[pairs.person != pairs.person[other]]
    return clean_probability(matched, strangers) if len(strangers) > 1 else torch.ones_like(matched)
