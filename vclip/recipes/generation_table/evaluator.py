"""An association that evaluates another one's choices, trained on other people (Vclip §4.3).

Vclip ranks with an association of VoxCeleb2 and evaluates with one of VoxCeleb1. With one manifest,
its training people are split in two: each half trains one.
"""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from vclip.association.model import Association, load_association, save_association
from vclip.recipes.association.fitting import fit
from vclip.recipes.association.settings import PRESETS
from vclip.recipes.association.training_data import pair_data
from vclip.recipes.data.shards import PairFeatures


def half(features: PairFeatures, which: int, seed: int) -> PairFeatures:
    """The rows of one half (0 or 1) of the people, who are split by the seed."""
    people = sorted({pair.person for pair in features.pairs})
    order = np.random.default_rng([seed, 2]).permutation(len(people))
    mine = {people[i] for i in order[which::2]}
    kept = [i for i, pair in enumerate(features.pairs) if pair.person in mine]
    return features.take(kept)


def train_on_half(
    features: PairFeatures, which: int, seed: int, preset: str, cache: Path
) -> Association:
    """Heads trained on one half of the people with a preset's choices; kept in the cache folder.

    No labelled media beside the pairs, and no dev people: those who are judged choose no step.
    """
    rows = half(features, which, seed)
    config = replace(PRESETS[preset], label_steps=0, label_weight=0.0, seed=seed + 1 + which)
    path = cache / f"judge-{_key(rows, asdict(config))}.safetensors"
    if not path.is_file():
        heads, _ = fit(pair_data(rows), config)
        cache.mkdir(parents=True, exist_ok=True)
        about = {"rows": len(rows.pairs), "half": which, "fit": asdict(config)}
        save_association(path, heads, about)
    return load_association(path)


def _key(rows: PairFeatures, config: dict[str, object]) -> str:
    digest = hashlib.sha256(repr(sorted(config.items())).encode())
    for pair, image, voice in zip(rows.pairs, rows.image, rows.voice, strict=True):
        digest.update(pair.person.encode() + image.tobytes() + voice.tobytes())
    return digest.hexdigest()[:16]
