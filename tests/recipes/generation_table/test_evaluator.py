"""The evaluator: halves of people that share nobody, and heads trained once on one of them."""

from pathlib import Path

import numpy as np
import pytest

from vclip.recipes.association import settings
from vclip.recipes.data.manifest import Pair
from vclip.recipes.data.shards import MediaReport, PairFeatures
from vclip.recipes.evaluation.model_features import encode_faces, encode_voices
from vclip.recipes.generation_table import evaluator


def world(n: int = 80, width: int = 8) -> PairFeatures:
    """Persons whose face and voice are one vector each, and noise; two rows a person."""
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(size=(n, width)), 2, axis=0)
    image, voice = (rows + 0.2 * rng.normal(size=rows.shape) for _ in range(2))
    pairs = [Pair(f"p{i // 2}", Path("f"), Path("v"), "") for i in range(2 * n)]
    return PairFeatures(
        pairs,
        [r[None].astype("f4") for r in image],
        [r[None].astype("f4") for r in voice],
        MediaReport(),
    )


def test_halves_share_nobody_and_leave_nobody_out() -> None:
    features = world()
    one, other = (
        {pair.person for pair in evaluator.half(features, which, seed=3).pairs} for which in (0, 1)
    )
    assert not one & other and len(one) == len(other) == 40
    assert len(evaluator.half(features, 0, 3).image) == 80


def test_an_evaluator_is_trained_once_on_its_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = settings.FitConfig(
        image_hidden=16, couplings=2, coupling_hidden=8, steps=150, batch=40, check_every=50
    )
    monkeypatch.setitem(settings.PRESETS, "bundled", quick)
    features = world()
    first = evaluator.train_on_half(features, 1, 0, "bundled", tmp_path)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    again = evaluator.train_on_half(features, 1, 0, "bundled", tmp_path)
    assert path.stat().st_mtime_ns == written and len(list(tmp_path.iterdir())) == 1
    unseen = evaluator.half(features, 0, 0)
    faces, voices = unseen.first()
    image_emb, voice_emb = (
        encode_faces(first, faces), encode_voices(again, voices)
    )  # fmt: skip
    scores = image_emb @ voice_emb.T
    assert np.mean(np.diag(scores)) > scores.mean() + 0.3
    evaluator.train_on_half(features, 0, 0, "bundled", tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
