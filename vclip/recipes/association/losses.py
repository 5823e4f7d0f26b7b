"""Losses between faces and voices of one batch, row i of one side belonging to row i of the other.

Embeddings (N, D) have unit norm; logit_scale () is a log. weights (N,) say how much each pair
counts (all alike, if None). hardness above 0 lets a negative count by exp(hardness * cosine), at
mean 1 over the negatives of its row: the harder, the more (Robinson et al., arXiv 2010.04592,
without its correction for false negatives).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from vclip.association.model import MAX_LOGIT_SCALE


def contrastive_loss(
    image_emb: Tensor,
    voice_emb: Tensor,
    logit_scale: Tensor,
    negatives: Tensor | None = None,
    weights: Tensor | None = None,
    hardness: float = 0.0,
) -> Tensor:
    """Symmetric cross-entropy over cosines: CLIP's loss.

    negatives (N, N) bool says which off-diagonal entries may count against a pair (all, if None).
    Paper Eq. 1 with the temperature and the sign that it leaves out.
    """
    scale = logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
    logits = scale * image_emb @ voice_emb.T  # (N, N)
    target = torch.arange(len(logits), device=logits.device)
    if negatives is not None:
        logits = logits.masked_fill(~(negatives | _at(target, len(target))), float("-inf"))
    sides = (logits, scale), (logits.T, scale)
    one, other = (
        _cross_entropy(harden(*side, target, hardness), target, weights) for side in sides
    )
    return (one + other) / 2


def sge2e_loss(
    image_emb: Tensor,
    voice_emb: Tensor,
    logit_scale: Tensor,
    person: Tensor,
    weights: Tensor | None = None,
    hardness: float = 0.0,
) -> Tensor:
    """GE2E's softmax loss (Wan et al. 2018, Eq. 6) across the modalities, in both directions.

    Each face is told by cosine from the centroids of all persons' voices in the batch, each voice
    from those of their faces. person (N,) int. The supervised GE2E of Face2Speech (Goto et al.
    2020), which the paper compares with, named but not written out there; ours is symmetric
    like the loss it replaces. GE2E's offset b cancels in a softmax. As a centroid is of the other
    modality, a row never lies in its own, and GE2E's exclusion of it falls away.
    """
    scale = logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
    target = torch.unique(person, return_inverse=True)[1]
    total = image_emb.new_zeros(())
    for queries, others in ((image_emb, voice_emb), (voice_emb, image_emb)):
        logits = scale * queries @ centroids(others, target, weights).T  # (N, persons)
        total = total + _cross_entropy(harden(logits, scale, target, hardness), target, weights)
    return total / 2


def centroids(emb: Tensor, person: Tensor, weights: Tensor | None = None) -> Tensor:
    """emb (N, D) -> (persons, D): each person's mean, of unit norm. person counts from 0."""
    counted = emb if weights is None else emb * weights[:, None]
    whose = _at(person, int(person.max()) + 1).to(emb.dtype)  # (N, persons)
    return F.normalize(whose.T @ counted, dim=1)  # a sum has the direction of the mean


def _at(target: Tensor, columns: int) -> Tensor:
    """target (N,) -> (N, columns) bool, true in each row where its target is."""
    return target[:, None] == torch.arange(columns, device=target.device)[None]


def harden(logits: Tensor, scale: Tensor, target: Tensor, hardness: float) -> Tensor:
    """logits (N, M) plus the log weight of every negative; target (N,) are the positives."""
    if not hardness:
        return logits
    with torch.no_grad():
        positive = _at(target, logits.shape[1])
        log_weight = (hardness * logits / scale).masked_fill(positive, float("-inf"))
        count = log_weight.isfinite().sum(dim=1, keepdim=True).clamp(min=1)
        log_weight = log_weight - log_weight.logsumexp(dim=1, keepdim=True) + count.log()
        log_weight = log_weight.masked_fill(~log_weight.isfinite(), 0.0)
    return logits + log_weight


def _cross_entropy(logits: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return F.cross_entropy(logits, target)
    each = F.cross_entropy(logits, target, reduction="none")
    return each @ weights / weights.sum()
