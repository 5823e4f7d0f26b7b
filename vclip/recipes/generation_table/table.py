"""Vclip's table of ways to choose a voice for a face (§4.3).

    python -m vclip.recipes.generation_table.table MODEL --pairs CSV [--recordings DATA]

Every method chooses voices for the faces of a manifest's split, the TTS speaks with them, and what
is heard is measured. Brackets are bootstrap 95 % intervals over people. The manifest is a CSV of
people with faces and voices (`vclip.recipes.data.prepare` writes one of VoxCeleb or of a folder).

    v2v       cosine of the voice heard with the person's true voice
    f2v       cosine of the voice heard with the face in the space of an evaluator: an association
              trained on half of the manifest's other people, unless --evaluator FILE is given. The
              model that ranks was perhaps trained on the same people; with --halves, the other half
              trains the one that ranks
    log-lik.  of the voice heard under 4 Gaussians fitted to the bank's speakers as heard, in nats
    Vendi k   effective number of different voices among the k for a face, mean over faces
    Vendi 1   the same among the first choices for all faces
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from vclip.arrays import Float64
from vclip.errors import reported
from vclip.recipes.evaluation.model_features import encode_faces, encode_voices
from vclip.recipes.generation_table.density import VoiceDensity
from vclip.recipes.generation_table.experiment import OWN, Experiment
from vclip.recipes.generation_table.measures import (
    MEASURES,
    MethodScores,
    VoiceMeasures,
    means_over_people,
)
from vclip.recipes.generation_table.settings import GenerationTableSettings
from vclip.recipes.metrics import cross_modal
from vclip.recipes.metrics.intervals import Estimate
from vclip.recipes.metrics.speaker_generation import vendi
from vclip.recipes.options import parse

Means = Callable[[Float64], list[Estimate]]  # of columns (N, columns), over the people


def introduction(experiment: Experiment) -> list[str]:
    """What is compared, and how good the evaluator is."""
    settings, test = experiment.settings, experiment.test
    faces = encode_faces(experiment.evaluator, experiment.faces)
    voices = encode_voices(experiment.evaluator, experiment.voices)
    scores, sex = (faces @ voices.T).astype(np.float64), [pair.sex for pair in test.pairs]
    rng = np.random.default_rng(settings.seed)
    auc = cross_modal.evaluate(scores, experiment.person, sex, settings.draws, rng)
    who = settings.evaluator or "trained on one half of the other people"
    return [
        f"model {experiment.name}{', ranked by heads of the other half' * settings.halves}; "
        f"{settings.pairs} ({settings.split}): {len(test.pairs)} rows, "
        f"{len(set(experiment.person))} persons; {len(experiment.gmm.weights)} components, "
        f"N = {settings.n}, k = {settings.k}",
        f"skipped: {len(test.report.skipped)}",
        *(f"  {reason}" for reason in test.report.skipped),
        f"evaluator {who}: AUC on these pairs {auc.auc}, within sex {auc.auc_within_sex}",
    ]


def cell(found: Estimate, digits: int, sign: str = "") -> str:
    """An estimate and its interval; a dash for nan."""
    if np.isnan(found.value):
        return "-"
    value, low, high = (f"{x:{sign}.{digits}f}" for x in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def method_lines(
    methods: Sequence[MethodScores], means: Means, known: tuple[float, float]
) -> list[str]:
    """The first table; known: mean log-likelihood and Vendi score of the bank's speakers."""
    said = [f"{'':40}{'v2v':24}{'f2v':24}{'log-lik.':27}{'Vendi k':>8}{'Vendi 1':>9}"]
    said.append(f"{'bank speakers, left out':88}{known[0]:<27.1f}{'':8}{known[1]:9.2f}")
    for method in methods:
        v2v, f2v, nats = means(method.values)
        among = "" if np.isnan(method.vendi_k) else f"{method.vendi_k:.2f}"
        silent = f"  ({method.silent} without speech)" if method.silent else ""
        said.append(
            f"{method.name:40}{cell(v2v, 3):24}{cell(f2v, 3):24}{cell(nats, 1):27}{among:>8}"
            f"{method.vendi_1:9.2f}{silent}"
        )
    return said


def difference_lines(methods: Sequence[MethodScores], means: Means, n_sentences: int) -> list[str]:
    """What one method has over another, person by person, where that says something."""
    by_name = {method.name: method for method in methods}
    one, several = "informed, 1 sentence", f"informed, {n_sentences} sentences"
    pairs = [
        (OWN, "random draws"),
        (OWN, "direct mapping"),
        *((name, other) for other in ("naive", "never listened") for name in (OWN, one, several)),
        (several, one),
    ]
    said = [f"{'differences':68}{'v2v':26}{'f2v':26}log-lik."]
    for name, other in pairs:
        if name in by_name and other in by_name:
            v2v, f2v, nats = means(by_name[name].values - by_name[other].values)
            cells = f"{cell(v2v, 3, '+'):26}{cell(f2v, 3, '+'):26}{cell(nats, 1, '+')}"
            said.append(f"{f'{name} - {other}':68}{cells}")
    return said


def run(settings: GenerationTableSettings) -> tuple[list[str], dict[str, Any]]:
    """The printed lines, and the first table for programs."""
    experiment = Experiment(settings)
    chosen, missing = experiment.choices()
    heard = {method.name: experiment.hear(method) for method in chosen}
    bank = experiment.speech.hear(experiment.bank, "bank")  # (P, V)
    density = VoiceDensity(bank, settings.seed)
    measures = VoiceMeasures(experiment.voices, experiment.faces, experiment.evaluator, density)
    true = measures.score("true recordings", experiment.voices[:, None])
    halves = np.column_stack([experiment.recording_halves(), true.values[:, 1:]])
    methods = [replace(true, values=halves)]
    methods += [measures.score(name, voices) for name, voices in heard.items()]
    means = partial(
        means_over_people, person=experiment.person, n_draws=settings.draws, seed=settings.seed
    )
    known = float(density.held_out.mean()), vendi(bank)
    said = [
        *introduction(experiment),
        *missing,
        *method_lines(methods, means, known),
        "",
        *difference_lines(methods, means, settings.sentences),
    ]
    plain = {
        method.name: dict(zip(MEASURES, map(vars, means(method.values)), strict=True))
        | {"vendi_k": method.vendi_k, "vendi_1": method.vendi_1}
        for method in methods
    }
    return said, plain


@reported
def main(argv: list[str] | None = None) -> int:
    """Print the tables; 2 and one line on stderr for input that cannot be used."""
    settings = parse(GenerationTableSettings, argv, command=__name__)
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    said, plain = run(settings)
    print(json.dumps(plain) if settings.json else "\n".join(said))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
