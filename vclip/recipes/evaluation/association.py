"""Verification and matching of real people's faces and voices by an association.

    python -m vclip.recipes.evaluation.association --pairs CSV [--model M] [--utk CSV --voices CSV]

A manifest has the columns person, face, voice, sex[, split]; `vclip.recipes.data.prepare` writes
one of VoxCeleb (robots.ox.ac.uk/~vgg/data/voxceleb) or of a folder of people. Features are made on
the fly, or taken from --features DIR of `vclip.recipes.data.features`. Beside the association
stands the sex-only baseline if labelled faces (UTKFace) and voices (LibriSpeech, VCTK) are given:
logistic probes of sex on the same frozen features; its score is the probability that the two sexes
agree. What the association has above it, and its AUC within sex, is more than sex. --zero-shot adds
CLIP with descriptions of the speakers, if the features are CLIP's.

    python -m vclip.recipes.evaluation.association --protocol p1 --lists DIR --features DIR

gives the figures of a published protocol instead (`vclip.recipes.evaluation.protocols` tells where
its lists are); with --zero-shot, the figures of CLIP and descriptions instead of the model's.
"""

import json
import logging

import torch

from vclip.errors import reported
from vclip.recipes.evaluation import pairs, protocol_report
from vclip.recipes.evaluation.settings import EvaluationSettings
from vclip.recipes.options import parse


def evaluate_pairs(settings: EvaluationSettings) -> str:
    """The figures of a manifest, as a table or JSON."""
    found = pairs.evaluate(settings)
    return json.dumps(found.as_dict()) if settings.json else found.table()


def evaluate_protocol(settings: EvaluationSettings) -> str:
    """The figures of a published protocol, or the files to be sent to its organisers."""
    found = protocol_report.load(settings)
    if settings.submission:
        written = protocol_report.submit(found, settings.submission, settings.heard)
        return "\n".join(map(str, written))
    show = protocol_report.as_json if settings.json else protocol_report.table
    return show(found, "zero-shot bridge" if settings.zero_shot else settings.model)


@reported
def main(argv: list[str] | None = None) -> int:
    """Print the figures; 2 and one line on stderr for input that cannot be used."""
    settings = parse(EvaluationSettings, argv, command=__name__)
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    print(evaluate_protocol(settings) if settings.protocol else evaluate_pairs(settings))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
