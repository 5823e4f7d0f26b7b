"""Initialisation of VITS training: earlier weights; speaker table from voice features by PCA."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vclip.errors import DataError
from vclip.recipes.tts.dataset import TtsDataset

SPEAKER_SPACE = "principal components of voice features"  # how tables of this recipe began
DECODER = "waveform_decoder."
DISCRIMINATORS = "judge."  # in vits_training.safetensors, which the app does not need


def warm_start(model: Any, discriminators: nn.Module, init: Path, corpus: TtsDataset) -> None:
    """Take over weights; speakers are matched by name, new ones begin as the most similar voice.

    A decoder of another make is left out: the model's own begins at random.
    """
    state = load_file(init.with_suffix(".safetensors"))
    settings = json.loads(init.with_suffix(".json").read_text())
    extra = init.with_name("vits_training.safetensors")
    if extra.is_file():
        rest = load_file(extra)
        theirs = [key for key in rest if key.startswith(DISCRIMINATORS)]
        known = {key.removeprefix(DISCRIMINATORS): rest.pop(key).float() for key in theirs}
        discriminators.load_state_dict(known)
        state |= rest
    fresh = {k: v for k, v in model.state_dict().items() if k.startswith(DECODER)}
    shapes = {key: value.shape for key, value in state.items() if key.startswith(DECODER)}
    if shapes != {key: value.shape for key, value in fresh.items()}:
        state = {k: v for k, v in state.items() if not k.startswith(DECODER)} | fresh
    table, speakers = state["emb_g.weight"].float(), settings["speakers"]
    rows = [speakers.index(name) for name in nearest_known(corpus, speakers)]
    state["emb_g.weight"] = table[rows]
    model.load_state_dict({key: value.float() for key, value in state.items()})


def speaker_space(voice_features: Tensor, n_channels: int) -> Tensor:
    """Where speakers (N, V) begin in the table (N, n_channels): their principal components.

    Like voices then lie near each other, and a mixture over the table is one over voices. Scaled to
    the length that random rows of unit variance would have.
    """
    centred = voice_features - voice_features.mean(0)
    left, values, _ = torch.linalg.svd(centred, full_matrices=False)
    scores = (left * values)[:, :n_channels]
    scores = torch.nn.functional.pad(scores, (0, n_channels - scores.shape[1]))
    return torch.mul(scores, math.sqrt(n_channels) / scores.norm(dim=1).mean())


def nearest_known(corpus: TtsDataset, known: list[str]) -> list[str]:
    """For every speaker of the corpus itself if known, else the known one of the nearest voice."""
    old = [i for i, name in enumerate(corpus.speakers) if name in known]
    if not old:
        raise DataError("the model of --init knows none of the corpus's speakers; leave it empty")
    similar = corpus.voice_features @ corpus.voice_features[old].T  # (S, known)
    nearest = [corpus.speakers[old[int(i)]] for i in similar.argmax(dim=1)]
    return [s if s in known else near for s, near in zip(corpus.speakers, nearest, strict=True)]
