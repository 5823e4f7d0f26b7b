"""Losses equal loops over their definitions, whatever is masked, weighted or made hard."""

import math

import pytest
import torch
from torch import Tensor

from vclip.association.model import MAX_LOGIT_SCALE
from vclip.recipes.association.losses import centroids, contrastive_loss, harden, sge2e_loss

PERSON = torch.tensor([0, 0, 1, 2, 2, 2])


def unit(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=rng), dim=1)


def naive_row(
    sims: list[float], target: int, rivals: list[int], scale: float, beta: float
) -> float:
    """-log of the softmax at target, each rival counting exp(beta s) at mean 1 over the rivals."""
    counts = [math.exp(beta * sims[j]) for j in rivals]
    mean = sum(counts) / len(counts) if counts else 1.0
    below = math.exp(scale * sims[target])
    for j, count in zip(rivals, counts, strict=True):
        below += count / mean * math.exp(scale * sims[j])
    return math.log(below) - scale * sims[target]


def naive_clip(
    image: Tensor, voice: Tensor, scale: float, negatives: Tensor, weights: list[float], beta: float
) -> float:
    total = 0.0
    for a, b, mask in ((image, voice, negatives), (voice, image, negatives.T)):
        for i in range(len(a)):
            sims = [float(a[i] @ b[j]) for j in range(len(b))]
            rivals = [j for j in range(len(b)) if j != i and mask[i, j]]
            total += weights[i] * naive_row(sims, i, rivals, scale, beta)
    return total / (2 * sum(weights))


def naive_sge2e(
    image: Tensor, voice: Tensor, scale: float, weights: list[float], beta: float
) -> float:
    """GE2E, Eq. 5 and 6, with the centroids of the other modality."""
    total, persons = 0.0, sorted(set(PERSON.tolist()))
    for a, b in ((image, voice), (voice, image)):
        means = []
        for k in persons:
            rows = [i for i in range(len(b)) if PERSON[i] == k]
            means.append(sum(weights[i] * b[i] for i in rows) / sum(weights[i] for i in rows))
        for i in range(len(a)):
            sims = [float(torch.cosine_similarity(a[i], mean, dim=0)) for mean in means]
            own = persons.index(int(PERSON[i]))
            rivals = [k for k in range(len(persons)) if k != own]
            total += weights[i] * naive_row(sims, own, rivals, scale, beta)
    return total / (2 * sum(weights))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", [0.0, 3.0])
def test_clips_loss_equals_a_loop_over_its_definition(
    masked: bool, weighted: bool, beta: float
) -> None:
    image, voice = unit(6, 5, seed=1), unit(6, 5, seed=2)
    different = PERSON[:, None] != PERSON[None, :]
    negatives = different if masked else torch.ones(6, 6, dtype=torch.bool)
    weights = [0.5, 1.0, 0.1, 2.0, 1.0, 0.7] if weighted else [1.0] * 6
    loss = contrastive_loss(
        image,
        voice,
        torch.tensor(1.5),
        different if masked else None,
        torch.tensor(weights) if weighted else None,
        beta,
    )
    expected = naive_clip(image, voice, math.exp(1.5), negatives, weights, beta)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", [0.0, 3.0])
def test_sge2e_equals_a_loop_over_its_definition(weighted: bool, beta: float) -> None:
    image, voice = unit(6, 5, seed=1), unit(6, 5, seed=2)
    weights = [0.5, 1.0, 0.1, 2.0, 1.0, 0.7] if weighted else [1.0] * 6
    given = torch.tensor(weights) if weighted else None
    loss = sge2e_loss(image, voice, torch.tensor(1.5), 7 * PERSON, given, beta)
    assert float(loss) == pytest.approx(
        naive_sge2e(image, voice, math.exp(1.5), weights, beta), rel=1e-5
    )


@pytest.mark.parametrize("beta", [0.0, 2.0])
def test_with_one_row_per_person_sge2e_is_clips_loss(beta: float) -> None:
    image, voice, scale = unit(7, 4, seed=3), unit(7, 4, seed=4), torch.tensor(2.0)
    torch.testing.assert_close(
        sge2e_loss(image, voice, scale, torch.arange(7), None, beta),
        contrastive_loss(image, voice, scale, None, None, beta),
    )


def test_losses_are_symmetric_and_blind_to_the_order_of_pairs() -> None:
    image, voice, scale = unit(6, 4, seed=3), unit(6, 4, seed=4), torch.tensor(2.0)
    order = torch.tensor([3, 1, 0, 2, 5, 4])
    clip, sge2e = contrastive_loss(image, voice, scale), sge2e_loss(image, voice, scale, PERSON)
    torch.testing.assert_close(contrastive_loss(voice, image, scale), clip)
    torch.testing.assert_close(contrastive_loss(image[order], voice[order], scale), clip)
    torch.testing.assert_close(sge2e_loss(voice, image, scale, PERSON), sge2e)
    torch.testing.assert_close(sge2e_loss(image[order], voice[order], scale, PERSON[order]), sge2e)


def test_equal_weights_change_nothing() -> None:
    image, voice, scale = unit(6, 4, seed=3), unit(6, 4, seed=4), torch.tensor(2.0)
    even = torch.full((6,), 0.3)
    torch.testing.assert_close(
        contrastive_loss(image, voice, scale, weights=even), contrastive_loss(image, voice, scale)
    )
    torch.testing.assert_close(
        sge2e_loss(image, voice, scale, PERSON, even), sge2e_loss(image, voice, scale, PERSON)
    )


def test_a_pair_among_non_negatives_costs_nothing_however_hard() -> None:
    nobody = torch.zeros(3, 3, dtype=torch.bool)
    for beta in (0.0, 5.0):
        scale = torch.tensor(1.0)
        loss = contrastive_loss(unit(3, 4), unit(3, 4, seed=1), scale, nobody, None, beta)
        assert float(loss) == pytest.approx(0.0, abs=1e-6)


def test_hardness_raises_the_weight_of_the_closest_negative_and_keeps_the_mean() -> None:
    cosines, scale = unit(4, 8) @ unit(8, 8, seed=1).T, torch.tensor(10.0)
    target = torch.tensor([0, 3, 5, 5])
    masked = (scale * cosines).clone()
    masked[0, 7] = float("-inf")  # no negative of row 0
    added = harden(masked, scale, target, 4.0) - masked
    for i, row in enumerate(added):
        rivals = [j for j in range(8) if j != target[i] and masked[i, j].isfinite()]
        counts = row[rivals].exp()
        assert row[target[i]] == 0 and float(counts.mean()) == pytest.approx(1.0, rel=1e-5)
        closest = int(cosines[i, rivals].argmax())
        assert int(counts.argmax()) == closest and counts[closest] > 1
        gentle = harden(masked, scale, target, 1.0)[i, rivals] - masked[i, rivals]
        assert row[rivals][closest] > gentle[closest] > 0


def test_hardness_sends_no_gradient_through_its_weights() -> None:
    image, voice = unit(5, 4).requires_grad_(), unit(5, 4, seed=1)
    contrastive_loss(image, voice, torch.tensor(1.0), None, None, 3.0).backward()
    logits = (math.e * image.detach() @ voice.T).requires_grad_()
    fixed = harden(logits, torch.tensor(math.e), torch.arange(5), 3.0)
    shares = torch.softmax(fixed.detach(), dim=1)
    other = harden(logits.T, torch.tensor(math.e), torch.arange(5), 3.0)
    back = torch.softmax(other.detach(), dim=1).T
    expected = math.e / 10 * (shares + back - 2 * torch.eye(5)) @ voice
    torch.testing.assert_close(image.grad, expected)


def test_centroids_are_the_persons_means_at_unit_norm() -> None:
    emb = unit(6, 5)
    rows = centroids(emb, PERSON)
    for k in range(3):
        mean = emb[k == PERSON].mean(dim=0)
        torch.testing.assert_close(rows[k], mean / mean.norm())


def test_temperature_is_clamped_in_both_losses() -> None:
    image, voice = unit(6, 4), unit(6, 4, seed=1)
    limit, above = torch.tensor(MAX_LOGIT_SCALE), torch.tensor(9.0)
    torch.testing.assert_close(
        contrastive_loss(image, voice, above), contrastive_loss(image, voice, limit)
    )
    torch.testing.assert_close(
        sge2e_loss(image, voice, above, PERSON), sge2e_loss(image, voice, limit, PERSON)
    )
