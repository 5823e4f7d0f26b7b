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

import itertools
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from vclip.arrays import Float64
from vclip.recipes.evaluation.model_features import encode_faces, encode_voices
from vclip.recipes.generation_table.experiment import OWN, Experiment
from vclip.recipes.generation_table.measures import (
    MEASURES,
    MethodScores,
    VoiceDensity,
    VoiceMeasures,
)
from vclip.recipes.generation_table.settings import GenerationTableSettings
from vclip.recipes.metrics import cross_modal
from vclip.recipes.metrics.intervals import Estimate, bootstrap_means
from vclip.recipes.metrics.speaker_generation import vendi
from vclip.recipes.options import command

Means = Callable[[Float64], list[Estimate]]  # of columns (N, columns), over the people


def introduction(experiment: Experiment) -> list[str]:
    """Lines that say what is compared and the evaluator's AUC."""
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
    values = {method.name: method.values for method in methods}
    one, several = "informed, 1 sentence", f"informed, {n_sentences} sentences"
    pairs = [(OWN, "random draws"), (OWN, "direct mapping")]
    pairs += itertools.product((OWN, one, several), ("naive", "never listened"))
    said = [f"{'differences':68}{'v2v':26}{'f2v':26}log-lik."]
    for name, other in [*pairs, (several, one)]:
        if name in values and other in values:
            v2v, f2v, nats = means(values[name] - values[other])
            cells = f"{cell(v2v, 3, '+'):26}{cell(f2v, 3, '+'):26}{cell(nats, 1, '+')}"
            said.append(f"{f'{name} - {other}':68}{cells}")
    return said


@command(GenerationTableSettings, threads=1)
def main(settings: GenerationTableSettings) -> None:
    """Print both tables, or the first as JSON."""
    logging.basicConfig(level=logging.ERROR)
    experiment = Experiment(settings)
    chosen, missing = experiment.choices()
    heard = {name: experiment.hear(name, voices) for name, voices in chosen.items()}
    bank = experiment.speech.hear(experiment.bank, "bank")  # (P, V)
    density = VoiceDensity(bank, settings.seed)
    measures = VoiceMeasures(experiment.voices, experiment.faces, experiment.evaluator, density)
    true = measures.score("true recordings", experiment.voices[:, None])
    halves = np.column_stack([experiment.recording_halves(), true.values[:, 1:]])
    methods = [replace(true, values=halves)]
    methods += [measures.score(name, voices) for name, voices in heard.items()]

    def means(values: Float64) -> list[Estimate]:
        rng = np.random.default_rng(settings.seed)
        return bootstrap_means(values, experiment.person, settings.draws, rng)

    if settings.json:
        plain = {
            method.name: dict(zip(MEASURES, map(vars, means(method.values)), strict=True))
            | {"vendi_k": method.vendi_k, "vendi_1": method.vendi_1}
            for method in methods
        }
        print(json.dumps(plain))
        return
    known = float(density.held_out.mean()), vendi(bank)
    print(*introduction(experiment), *missing, sep="\n")
    print(*method_lines(methods, means, known), sep="\n")
    print("", *difference_lines(methods, means, settings.sentences), sep="\n")


if __name__ == "__main__":
    raise SystemExit(main())
