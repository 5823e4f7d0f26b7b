"""Faces and voices that share a secret of their person: pairs that can be learnt."""

import numpy as np
import torch

from vclip.recipes.association.batches import PairData, VersionedFeatures


def toy_sides(persons: list[int], seed: int) -> tuple[VersionedFeatures, VersionedFeatures]:
    """Faces and voices that share a four-dimensional secret of their person, plus noise."""
    secret = np.random.default_rng(99).normal(size=(1000, 4))[persons]
    maps = np.random.default_rng(98)
    to_face, to_voice = maps.normal(size=(4, 12)), maps.normal(size=(4, 8))
    rng = np.random.default_rng(seed)
    sides = []
    for to in (to_face, to_voice):
        rows = [
            (s @ to + 0.3 * rng.normal(size=(rng.integers(1, 4), to.shape[1]))).astype("f4")
            for s in secret
        ]
        sides.append(VersionedFeatures(rows))
    return sides[0], sides[1]


def toy_pairs(persons: list[int], seed: int = 0) -> PairData:
    return PairData(*toy_sides(persons, seed), torch.tensor(persons))


def shuffled(pairs: PairData, share: float, seed: int = 7) -> tuple[PairData, torch.Tensor]:
    """The pairs with the voices of a share of them passed round, and which are wrong, (N,) bool."""
    n = len(pairs.person)
    chosen = np.random.default_rng(seed).permutation(n)[: round(share * n)]
    order = np.arange(n)
    order[chosen] = np.roll(chosen, 1)
    voice, starts = pairs.voice, pairs.voice.start.numpy()
    rows = [voice.values[s : s + c].numpy() for s, c in zip(starts, voice.count, strict=True)]
    wrong = pairs.person != pairs.person[torch.from_numpy(order)]
    return PairData(pairs.image, VersionedFeatures([rows[i] for i in order]), pairs.person), wrong
