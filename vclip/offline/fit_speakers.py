"""Fit speakers that a trained VITS does not know well: only their rows of the table move.

`python -m vclip.offline.fit_speakers` takes the speakers of the prepared file that the model named
by --known had not heard (they began as copies of their nearest voice), freezes everything else, and
descends the text losses and the spectral distances with a rate that full training cannot bear. The
model directory's VITS is written anew; needs `vits_training.safetensors` beside it.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from vclip.errors import DataError, reported
from vclip.offline import tts_losses
from vclip.offline.options import add_fields, from_arguments
from vclip.offline.train_tts import encode, encode_window, warm_start
from vclip.offline.tts_data import Batch, Corpus, batches
from vclip.offline.tts_losses import Discriminators, MelDistance, SpectralDistance
from vclip.tts import build_vits, save_vits
from vclip.weights import BUNDLED


@dataclass(frozen=True)
class Config:
    """The reported run."""

    directory: str = str(BUNDLED)
    data: str = "build/tts.safetensors"
    known: str = "../shared/data/models/vits_trial.json"  # its `speakers` are left as they are
    steps: int = 240
    batch: int = 12
    segment: int = 48
    lr: float = 0.03
    mel_weight: float = 45.0
    spectral_weight: float = 45.0
    max_seconds: float = 10.0
    threads: int = 1
    seed: int = 0


def losses(
    model: Any, batch: Batch, mel: MelDistance, config: Config, generator: torch.Generator
) -> Tensor:
    """What the speaker's row decides: prior of the text, mel and spectral distance."""
    g = model.emb_g(batch.speaker).unsqueeze(-1)
    text = tts_losses.text_losses(model, batch, encode(model, batch, g), g, prior=0.0)
    real, z = encode_window(model, batch, g, config.segment, generator)
    generated = model.waveform_decoder(z, g=g).squeeze(1)
    spectral: Tensor = config.spectral_weight * SpectralDistance()(generated, real)
    total: Tensor = text["kl"] + config.mel_weight * mel(generated, real) + spectral
    return total


def fit(model: Any, corpus: Corpus, new: list[int], config: Config) -> Tensor:
    """The table (n_speakers, S) after fitting the rows `new`; the others are as before."""
    model.eval().requires_grad_(False)
    table = model.emb_g.weight.requires_grad_(True)
    optimizer = torch.optim.Adam([table], config.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps, config.lr / 10)
    rng = np.random.default_rng(config.seed)
    data = batches(corpus, config.batch, rng, config.max_seconds, new)
    generator = torch.Generator().manual_seed(config.seed)
    mel = MelDistance(corpus.sample_rate)
    for _ in (progress := tqdm(range(config.steps), desc="speakers", mininterval=5)):
        loss = losses(model, next(data), mel, config, generator)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()  # rows without gradient stay: no decay, no momentum yet
        schedule.step()
        progress.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
    fitted: Tensor = table.detach()
    return fitted


def run(config: Config) -> Path:
    """Fit and write the VITS of the directory."""
    torch.manual_seed(config.seed)  # noise of the posterior
    torch.set_num_threads(config.threads)
    directory, corpus = Path(config.directory), Corpus(Path(config.data))
    settings = json.loads((directory / "vits.json").read_text())
    if settings["speakers"] != corpus.speakers:
        raise DataError(f"{config.data} has other speakers than {directory}; prepare it again")
    known = json.loads(Path(config.known).read_text())["speakers"]
    new = [i for i, name in enumerate(corpus.speakers) if name not in known]
    model = build_vits(settings["model_args"], len(corpus.speakers), 128)
    warm_start(model, Discriminators(), directory / "vits", corpus)
    before = model.emb_g.weight.detach().clone()
    table = fit(model, corpus, new, config)
    moved = (table - before).norm(dim=1)
    print(f"{len(new)} of {len(corpus.speakers)} speakers moved, by {moved[new].mean():.2f} each")
    state = {k: v.float() for k, v in load_file(directory / "vits.safetensors").items()}
    options = asdict(config) | {"directory": directory.name}
    save_vits(directory, state | {"emb_g.weight": table}, settings | {"fit_speakers": options})
    return directory / "vits.safetensors"


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vclip.offline.fit_speakers", description=__doc__
    )
    add_fields(parser, Config())
    print(run(from_arguments(Config, parser.parse_args(argv))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
