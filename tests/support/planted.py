"""Shards of made-up features for media that lists name, and heads that pass them on."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from vclip.association.model import Association, AssociationConfig
from vclip.recipes.data.shards import Shard, shard_path, write_shard

Array = np.ndarray


def plain_heads(dimension: int) -> Association:
    """Heads whose embeddings are the features, at unit norm: an untrained flow is the identity."""
    sizes = AssociationConfig(dimension, dimension, image_layers=0, couplings=2)
    heads = Association(sizes)
    (last,) = heads.image_head
    with torch.no_grad():
        last.weight.copy_(torch.eye(dimension))  # type: ignore[operator]
        last.bias.zero_()  # type: ignore[operator]
    return heads.eval().requires_grad_(False)


def write_features(folder: Path, sides: Mapping[str, Mapping[str, Array]]) -> Path:
    """A finished folder: sides "faces" and "voices", a feature vector by path."""
    about: dict[str, object] = {"version": 1}
    for side, rows in sides.items():
        dimension = len(next(iter(rows.values())))
        shard = Shard({path: row[None].astype(np.float32) for path, row in rows.items()})
        write_shard(shard_path(folder / side, 0), shard, dimension)
        about[side] = {"dimension": dimension, "shards": 1}
    (folder / "features.json").write_text(json.dumps(about))
    return folder


def people(persons: list[str], dimension: int, seed: int) -> dict[str, Array]:
    """A unit vector for everybody."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(len(persons), dimension))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return dict(zip(persons, rows, strict=True))


def of_keys(keys: list[str], make: Callable[[str], Array], suffix: str) -> dict[str, Array]:
    """What make gives for the person of each media key, by a path that ends like it."""
    return {f"media/{key}{suffix}": make(key.split("/")[0]) for key in keys}
