"""Pairs that score like strangers count less; measured on a set with planted wrong ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_pairs import shuffled, toy_pairs

from vclip.recipes.association import fitting
from vclip.recipes.association.robust_weights import clean_probability, pair_weights
from vclip.recipes.association.settings import FitConfig

pytestmark = pytest.mark.slow

NOISY = FitConfig(
    image_hidden=32,
    dropout=0.0,
    couplings=2,
    coupling_hidden=16,
    image_noise=0.5,
    voice_noise=0.5,
    batch=128,
    steps=200,
    check_every=20,
    patience=100,
    learning_rate=2e-3,
)


def mixture(
    share: float, gap: float, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Cosines of pairs of which a share is true, cosines of strangers, and which are true."""
    rng = np.random.default_rng(seed)
    true = rng.random(4000) < share
    matched = rng.normal(0.1, 0.2, 4000) + gap * true
    return torch.tensor(matched), torch.tensor(rng.normal(0.1, 0.2, 4000)), true


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_the_posterior_is_bayes_rule_for_the_planted_mixture(share: float) -> None:
    matched, strangers, true = mixture(share, 0.5)
    found = clean_probability(matched, strangers).numpy()
    x = matched.numpy()
    density = np.exp(-((x - 0.6) ** 2) / 0.08), np.exp(-((x - 0.1) ** 2) / 0.08)
    exact = share * density[0] / (share * density[0] + (1 - share) * density[1])
    assert np.abs(found - exact).mean() < 0.02  # sampling moves centre and share by a per cent
    assert found.mean() == pytest.approx(share, abs=0.03) == true.mean()


def test_trust_rises_with_the_cosine_and_lies_in_zero_to_one() -> None:
    matched, strangers, _ = mixture(0.7, 0.3)
    found = clean_probability(matched, strangers)[matched.argsort()]
    assert (found.diff() >= 0).all() and found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("deviation", [0.02, 0.6])
def test_trust_rises_also_where_true_pairs_spread_less_or_more_than_strangers(
    deviation: float,
) -> None:
    rng = np.random.default_rng(1)
    matched = torch.tensor([*rng.normal(0.5, deviation, 2000), -2.0, 2.0])
    found = clean_probability(matched, torch.tensor(rng.normal(0.0, 0.2, 2000)))
    assert (found[matched.argsort()].diff() >= 0).all()
    assert found[-2] < 0.01 and found[-1] > 0.9  # the ends that no true pair has shown


def test_without_a_difference_all_pairs_count_nearly_alike() -> None:
    matched, strangers, _ = mixture(0.0, 0.0)
    found = clean_probability(matched, strangers)
    assert float(found.std() / found.mean()) < 0.5


def test_one_person_alone_has_no_strangers_and_full_trust() -> None:
    pairs = toy_pairs([3] * 6)
    model = fitting.new_association(pairs, NOISY).eval()
    assert torch.equal(pair_weights(model, pairs, 0), torch.ones(6))


def test_planted_wrong_pairs_lose_weight_and_the_heads_get_no_worse() -> None:
    pairs, wrong = shuffled(toy_pairs(list(range(600))), 0.2)
    assert wrong.float().mean() == pytest.approx(0.2)
    dev, aucs = toy_pairs(list(range(600, 800)), seed=3), []
    for robust in (False, True):
        run = fitting.AssociationTrainer(
            pairs, replace(NOISY, noise_robust=robust), dev, None, fitting.ALONE
        )
        while not run.over:
            loss = run.advance()
            if run.due():
                run.check(loss)
        aucs.append(run.best_auc)
    assert run.weights is not None
    assert float(run.weights[wrong].mean()) < 0.2  # .04 to .06 with other seeds
    assert float(run.weights[~wrong].mean()) > 0.8  # .94 to .96
    assert aucs[1] > aucs[0]  # .995 against .991; equal, if the weights did nothing
