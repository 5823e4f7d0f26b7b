"""Training of the association heads on pairs of faces and voices (docs/method.md, Association).

    python -m vclip.recipes.association.train --pairs CSV [--features DIR] [--out FILE]
    python -m vclip.recipes.association.train --preset bundled --pairs CSV --utk CSV --voices CSV
    torchrun --nproc-per-node 8 -m vclip.recipes.association.train --pairs CSV --features DIR \\
        --resume FILE

Both encoders stay frozen: their features are read from the shards of `vclip.recipes.data.features`,
or made here first, which is for thousands of rows. People of the manifest's split "dev" choose when
to stop; without such a split a tenth of the persons is held out. The preset "bundled" makes the
bundled heads; single options change either preset.

Any manifest with the columns person, face, voice, sex will do: VoxCeleb2 (robots.ox.ac.uk/~vgg) as
`vclip.recipes.data.prepare` lists it, or people of your own. sex may be empty and is never used on
the pairs; rows of one clip are several pictures of it, among which --vary-image draws. Labelled
media are UTKFace (susanqq.github.io/UTKFace; columns path, sex) and voices of LibriSpeech and VCTK
(columns path, sex, source).
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro

from vclip.association.model import save_association
from vclip.errors import DataError
from vclip.models.directory import BUNDLED
from vclip.recipes.association.batches import PairData
from vclip.recipes.association.distributed import Group, launched
from vclip.recipes.association.fitting import DevCheck, fit, score
from vclip.recipes.association.settings import PRESETS, FitConfig
from vclip.recipes.association.training_data import (
    TrainingDataSettings,
    pair_data,
    read_training_data,
    sample_rows,
    summary,
)
from vclip.recipes.data.manifest import REPO
from vclip.recipes.metrics import cross_modal
from vclip.recipes.options import command, command_line, parse

LICENCE = {
    "paper": "as the terms of the training data and of both encoders",
    "bundled": "research only: trained on AVSpeech clips (and UTKFace crops)",
}


@dataclass(frozen=True)
class TrainSettings:
    """Options of `python -m vclip.recipes.association.train`."""

    data: TrainingDataSettings
    fit: FitConfig = PRESETS["paper"]
    preset: Literal["paper", "bundled"] = "paper"
    """whose settings stand where no option says otherwise"""
    out: Path | None = None
    """file of the heads; by default the bundled ones for that preset, else below build/"""
    resume: Path | None = None
    """file to keep the state in, and go on from"""
    dev_rows: int = 1000
    """of dev, at most"""
    threads: int = 1
    """of the processor; others change the last bits"""
    licence: str | None = None
    """the weights' terms, written into the file"""

    @property
    def heads(self) -> Path:
        """File to which the heads are written."""
        folder = BUNDLED if self.preset == "bundled" else REPO / "build"
        return self.out or folder / "association.safetensors"


def read_settings(argv: list[str] | None = None) -> TrainSettings:
    """The command line's, over those of its preset."""
    settings = parse(TrainSettings, argv)
    data = TrainingDataSettings(tyro.MISSING)
    preset = TrainSettings(data, PRESETS[settings.preset], settings.preset)
    return parse(TrainSettings, argv, preset)


def check_versions(pairs: PairData, config: FitConfig) -> None:
    """Raise DataError unless the pairs have what the config wants to draw from."""
    if config.vary_image and pairs.image.longest < 2:
        raise DataError(
            "--vary-image has one view of each face to draw from; make features with --views, give "
            "several pictures of a clip, or use --no-vary-image"
        )
    if config.vary_voice and pairs.voice.longest < 2:
        raise DataError(
            "--vary-voice has no windows to draw from; make features with --windows, or use "
            "--no-vary-voice"
        )


def train(settings: TrainSettings, command: str, group: Group) -> None:
    """Run the recipe; the first process prints, and writes the heads. Raises DataError."""
    config = settings.fit
    if not settings.data.features and group.world > 1:
        raise DataError(
            f"{group.world} processes train from shards; make them with "
            "python -m vclip.recipes.data.features and give --features DIR"
        )
    found = read_training_data(settings.data, config)
    held = sample_rows(found.held, settings.dev_rows, config.seed)
    if group.first:
        print(f"detector {found.about['detector']}")
        print(summary(found.known, "train"), summary(held, "dev"), sep="\n", flush=True)
    known, dev = pair_data(found.known), pair_data(held)
    check_versions(known, config)

    def show(check: DevCheck) -> None:
        if group.first:
            print(check, flush=True)

    model, history = fit(known, config, dev, found.labels, show, settings.resume, group)
    if not group.first:
        return
    who = [p.person for p in held.pairs], [p.sex for p in held.pairs]
    reached = cross_modal.evaluate(score(model, dev), *who)
    metadata = {
        "command": command,
        **found.about,
        "licence": settings.licence or LICENCE[settings.preset],
        "rows": {"train": len(found.known.pairs), "dev": len(held.pairs)},
        "processes": group.world,
        "fit": asdict(config),
        "dev": asdict(reached),
    }
    settings.heads.parent.mkdir(parents=True, exist_ok=True)
    save_association(settings.heads, model, metadata)
    best = max(history, key=lambda check: check.dev_auc)
    print(
        f"kept step {best.step}; dev AUC {reached.auc}, within sex {reached.auc_within_sex}, "
        f"EER {reached.eer}\nwrote {settings.heads}"
    )


@command(TrainSettings, read=read_settings)
def main(settings: TrainSettings) -> None:
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(settings.threads)
    with launched() as group:
        train(settings, command_line(), group)


if __name__ == "__main__":
    raise SystemExit(main())
