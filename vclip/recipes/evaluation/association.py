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

from vclip.recipes.evaluation import pairs, protocol_report
from vclip.recipes.evaluation.settings import EvaluationSettings
from vclip.recipes.options import command


@command(EvaluationSettings, threads=1)
def main(settings: EvaluationSettings) -> None:
    """Print the figures, or the files that were written for a protocol's organisers."""
    logging.basicConfig(level=logging.ERROR)
    if settings.protocol:
        print(protocol_report.report(settings))
        return
    found = pairs.evaluate(settings)
    print(json.dumps(found) if settings.json else pairs.table(found))


if __name__ == "__main__":
    raise SystemExit(main())
