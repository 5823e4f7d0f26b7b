"""Trains the association heads on pairs of faces and voices (paper.md §1.1).

    python -m vclip.recipes.association.train [--preset paper|bundled] --pairs CSV [--features
        DIR] [--out FILE]
    torchrun --nproc-per-node 8 -m vclip.recipes.association.train --pairs CSV --features DIR
        --resume FILE

Both encoders stay frozen: their features are read from shards of `vclip.recipes.data.features`, or
made
here and kept in build/, which is for thousands of rows. People of the manifest's split "dev"
choose when to stop; without such a split a tenth of the persons is held out. The preset "bundled"
makes the bundled heads; single options, which `vclip.recipes.association.settings` explains,
change either
preset. Any manifest with the columns person, face, voice, sex will do; sex may be empty and is
never used on the pairs; rows of one clip are several pictures of it, among which --vary-image
draws.
"""

import argparse
import logging
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from vclip.association.model import save_association
from vclip.errors import DataError, reported
from vclip.models.directory import BUNDLED
from vclip.recipes.association.batches import PairData
from vclip.recipes.association.distributed import Group, launched
from vclip.recipes.association.fitting import DevCheck, fit, score
from vclip.recipes.association.settings import PRESETS, FitConfig
from vclip.recipes.association.training_data import (
    TrainingData,
    describe,
    drawn,
    pair_data,
    read_training_data,
)
from vclip.recipes.data.encoders import IMAGE_CHOICES, VOICE_CHOICES
from vclip.recipes.data.features import STORE
from vclip.recipes.data.manifest import REPO, SHARED
from vclip.recipes.metrics import cross_modal
from vclip.recipes.options import add_fields, from_arguments

PAIRS = SHARED / "pairs" / "avspeech.csv"
YUNET = SHARED / "models" / "face_detection_yunet.onnx"
LICENCE = {
    "paper": "as the terms of the training data and of both encoders",
    "bundled": "research only: trained on AVSpeech clips (and UTKFace crops)",
}


def read(arguments: argparse.Namespace, config: FitConfig, group: Group) -> TrainingData:
    """Features as the options say; of dev no more than are scored."""
    labelled = bool(config.label_steps or config.label_weight)
    if not arguments.features and group.world > 1:
        raise DataError(
            f"{group.world} processes train from shards; make them with "
            "python -m vclip.recipes.data.features and give --features DIR"
        )
    found = read_training_data(arguments, config.seed, labelled)
    held = drawn(found.held, arguments.dev_rows, config.seed)
    return TrainingData(found.known, held, found.labels, found.about)


def varied(pairs: PairData, config: FitConfig) -> PairData:
    """The pairs, if there is what the config wants to draw from. Raises DataError."""
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
    return pairs


def train(arguments: argparse.Namespace, command: str, group: Group) -> None:
    """Run the recipe; the first process prints, and writes the heads."""
    config = from_arguments(FitConfig, arguments)
    found = read(arguments, config, group)
    if group.first:
        print(f"detector {found.about['detector']}")
        print(describe(found.known, "train"), describe(found.held, "dev"), sep="\n", flush=True)
    dev = pair_data(found.held)

    def show(check: DevCheck) -> None:
        if group.first:
            line = f"step {check.step:5d}  loss {check.loss:.3f}  dev AUC {check.dev_auc:.4f}"
            print(line, flush=True)

    known = varied(pair_data(found.known), config)
    model, history = fit(known, config, dev, found.labels, show, arguments.resume, group)
    if not group.first:
        return
    who = [p.person for p in found.held.pairs], [p.sex for p in found.held.pairs]
    reached = cross_modal.evaluate(score(model, dev), *who)
    metadata = {
        "command": command,
        **found.about,
        "licence": arguments.licence,
        "rows": {"train": len(found.known.pairs), "dev": len(found.held.pairs)},
        "processes": group.world,
        "fit": asdict(config),
        "dev": reached.as_dict(),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_association(arguments.out, model, metadata)
    best = max(history, key=lambda check: check.dev_auc)
    print(
        f"kept step {best.step}; dev AUC {reached.auc}, within sex {reached.auc_within_sex}, "
        f"EER {reached.eer}\nwrote {arguments.out}"
    )


def parser(preset: str) -> argparse.ArgumentParser:
    """The command line with that preset's defaults."""
    options = argparse.ArgumentParser(
        prog="python -m vclip.recipes.association.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--preset", choices=PRESETS, default=preset, help=f"default {preset}")
    out = (BUNDLED if preset == "bundled" else REPO / "build") / "association.safetensors"
    options.add_argument("--pairs", type=Path, default=PAIRS, help="manifest of pairs (CSV)")
    options.add_argument("--features", type=Path, help="shards of vclip.recipes.data.features")
    options.add_argument("--out", type=Path, default=out, help=f"default {out}")
    options.add_argument("--resume", type=Path, help="file to keep the state in, and go on from")
    options.add_argument("--dev-rows", type=int, default=1000, help="of dev, at most (1000)")
    options.add_argument("--image-encoder", default="bundled", help=IMAGE_CHOICES)
    options.add_argument("--voice-encoder", default="resemblyzer", help=VOICE_CHOICES)
    options.add_argument("--views", type=int, default=8, help="views of every face (default: 8)")
    options.add_argument("--yunet", type=Path, default=YUNET, help="its ONNX file; Haar without it")
    options.add_argument("--utk", type=Path, help="labelled faces (path, sex)")
    options.add_argument("--voices", type=Path, help="labelled voices (path, sex, source)")
    options.add_argument("--store", type=Path, default=STORE, help="folder of features made here")
    options.add_argument("--threads", type=int, default=1, help="others change the last bits (1)")
    options.add_argument(
        "--licence", default=LICENCE[preset], help="the weights' terms, written into the file"
    )
    add_fields(options, PRESETS[preset])
    return options


@reported
def main(argv: list[str] | None = None) -> int:
    """Train; 2 and one line on stderr for input that cannot be used."""
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--preset", choices=PRESETS, default="paper")
    preset = first.parse_known_args(argv)[0].preset
    arguments = parser(preset).parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(arguments.threads)
    command = shlex.join(
        [
            "python",
            "-m",
            "vclip.recipes.association.train",
            *(sys.argv[1:] if argv is None else argv),
        ]
    )
    with launched() as group:
        train(arguments, command, group)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
