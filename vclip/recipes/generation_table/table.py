"""The paper's table (§4.3): `python -m vclip.recipes.generation_table.table MODEL --pairs CSV`.

Every method chooses voices for the faces of a manifest's split, the TTS speaks with them, and what
is heard is measured. Brackets are bootstrap 95 % intervals over people.

v2v       cosine of the voice heard with the person's true voice
f2v       cosine of the voice heard with the face in the space of an evaluator: an association
          trained on half of the manifest's other people, unless --evaluator FILE is given. The
          model that ranks was perhaps trained on the same people; with --halves, the other half
          trains the one that ranks
log-lik.  of the voice heard under 4 Gaussians fitted to the bank's speakers as heard, in nats
Vendi k   effective number of different voices among the k for a face, mean over faces
Vendi 1   the same among the first choices for all faces

Below, populations by TacoSpawn's distances as heard, medians to the nearest other: s2s among the
bank's speakers, g2s from generated ones to those, g2g among generated ones; s2t-same and s2t from
speakers' speech to their own recordings and to the nearest others'. Ideal: g2s = g2g = s2s. Each
line compares as many speakers as different voices: neighbours are nearer among more.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vclip.errors import DataError, reported
from vclip.recipes.association.settings import PRESETS
from vclip.recipes.data.encoders import VOICE_CHOICES
from vclip.recipes.data.features import STORE
from vclip.recipes.data.manifest import SHARED
from vclip.recipes.generation.spoken_features import SENTENCES
from vclip.recipes.generation_table.density import REPAIRS, Density
from vclip.recipes.generation_table.experiment import CACHE, OWN, Workshop
from vclip.recipes.generation_table.measures import (
    MEASURES,
    Bootstrap,
    Judge,
    Population,
    Row,
    speech_to_recordings,
)
from vclip.recipes.generation_table.ranking import Contender, encode_faces, encode_voices
from vclip.recipes.metrics import cross_modal
from vclip.recipes.metrics.intervals import Estimate
from vclip.recipes.metrics.speaker_generation import nearest, vendi


def contenders(workshop: Workshop) -> tuple[list[Contender], list[str]]:
    """Every method's choices, and why some is missing."""
    found = [workshop.reference(), workshop.random(), workshop.direct()]
    notes = []
    for make in (workshop.naive, workshop.never_listened):
        try:
            found.append(make())
        except DataError as error:
            notes.append(str(error))
    several = (1, workshop.options.sentences)
    found += [workshop.informed_model(), *(workshop.informed(n) for n in several)]
    found += [workshop.repaired(repair) for repair in REPAIRS[1:]]
    return found, notes


def comparisons(n_sentences: int) -> list[tuple[str, str]]:
    """Pairs of methods whose difference says something."""
    one, several = "informed, 1 sentence", f"informed, {n_sentences} sentences"
    return [
        (OWN, "random draws"),
        (OWN, "direct mapping"),
        *((name, other) for other in ("naive", "never listened") for name in (OWN, one, several)),
        (several, one),
        *((f"{OWN}, {repair}", OWN) for repair in REPAIRS[1:]),
    ]


def introduction(workshop: Workshop, over: Bootstrap) -> list[str]:
    """What is compared, and how good the evaluator is."""
    options, n = workshop.options, len(workshop.person)
    emb = encode_voices(workshop.judge, workshop.voices)
    scores = (encode_faces(workshop.judge, workshop.faces) @ emb.T).astype(np.float64)
    sex = [pair.sex for pair in workshop.test.pairs]
    rng = np.random.default_rng(options.seed)
    auc = cross_modal.evaluate(scores, workshop.person, sex, over.n_draws, rng)
    who = options.evaluator or "trained on one half of the other people"
    return [
        f"model {workshop.parts.name}{', ranked by heads of the other half' * options.halves}; "
        f"{options.pairs} ({options.split}): {n} rows, {len(set(workshop.person))} persons; "
        f"{len(workshop.parts.gmm.weights)} components, N = {options.n}, k = {options.k}",
        f"skipped: {len(workshop.test.report.skipped)}",
        *(f"  {reason}" for reason in workshop.test.report.skipped),
        f"evaluator {who}: AUC on these pairs {auc.auc}, within sex {auc.auc_within_sex}",
    ]


def table(rows: Sequence[Row], over: Bootstrap, known: tuple[float, float]) -> list[str]:
    """The first table; known: mean log-likelihood and Vendi score of the bank's speakers."""
    said = [f"{'':40}{'v2v':24}{'f2v':24}{'log-lik.':27}{'Vendi k':>8}{'Vendi 1':>9}"]
    said.append(f"{'bank speakers, left out':88}{known[0]:<27.1f}{'':8}{known[1]:9.2f}")
    for row in rows:
        v2v, f2v, nats = over.means(row.values)
        vendi = "" if np.isnan(row.vendi_k) else f"{row.vendi_k:.2f}"
        silent = f"  ({row.silent} without speech)" if row.silent else ""
        said.append(
            f"{row.name:40}{_cell(v2v, 3):24}{_cell(f2v, 3):24}{_cell(nats, 1):27}{vendi:>8}"
            f"{row.vendi_1:9.2f}{silent}"
        )
    return said


def _cell(found: Estimate, digits: int, sign: str = "") -> str:
    """An estimate and its interval; nothing for nan."""
    if np.isnan(found.value):
        return "-"
    value, low, high = (f"{x:{sign}.{digits}f}" for x in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def differences(
    rows: Sequence[Row], over: Bootstrap, pairs: Sequence[tuple[str, str]]
) -> list[str]:
    """What one method has over another, person by person."""
    by_name = {row.name: row for row in rows}
    said = [f"{'differences':68}{'v2v':26}{'f2v':26}log-lik."]
    for one, other in pairs:
        if one in by_name and other in by_name:
            gap = over.means(by_name[one].values - by_name[other].values)
            cells = "".join(f"{_cell(found, 3, '+'):26}" for found in gap[:2])
            said.append(f"{f'{one} - {other}':68}{cells}{_cell(gap[2], 1, '+')}")
    return said


def populations(workshop: Workshop, heard: dict[str, np.ndarray]) -> list[str]:
    """The second table: as many generated voices as speakers of the bank."""
    known = workshop.known_heard()
    n = len(known)
    drawn = {
        f"draws, {repair}": workshop.ear.hear(workshop.drawn(repair)[:n], repair)
        for repair in REPAIRS
    }
    firsts = {f"{name}, first choices": voices[:, 0] for name, voices in heard.items()}
    said = [f"{'as heard':52}{'voices':>6}{'s2s':>8}{'g2s':>8}{'g2g':>8}{'Vendi':>9}"]
    own = float(np.median(nearest(known)))
    said.append(f"{'speakers of the bank':52}{n:6d}{own:8.3f}{'':16}{vendi(known):9.2f}")
    for name, voices in {**drawn, **firsts}.items():
        found = Population.of(name, known, voices)
        near = found.distances
        cells = f"{found.n:6d}{near.s2s:8.3f}{near.g2s:8.3f}{near.g2g:8.3f}{found.vendi:9.2f}"
        said.append(f"{name:52}{cells}")
    if recorded := workshop.recordings():
        rows, voices = recorded
        same, other = speech_to_recordings(known[rows], voices)
        said.append(f"s2t-same {same:.3f}, s2t {other:.3f} ({len(rows)} speakers)")
    return said


def run(options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """The printed lines, and the first table for programs."""
    workshop = Workshop(options)
    chosen, notes = contenders(workshop)
    heard = {one.name: workshop.heard(one) for one in chosen}
    known = workshop.known_heard()
    density = Density(known, options.seed)
    judge = Judge(workshop.voices, workshop.faces, workshop.judge, density)
    over = Bootstrap(workshop.person, options.draws, options.seed)
    rows = [workshop.true_row(judge), *(judge.row(name, v) for name, v in heard.items())]
    said = [
        *introduction(workshop, over),
        *notes,
        *table(rows, over, (float(density.held_out.mean()), vendi(known))),
        "",
        *differences(rows, over, comparisons(options.sentences)),
        "",
        *populations(workshop, heard),
    ]
    plain = {
        row.name: dict(zip(MEASURES, map(vars, over.means(row.values)), strict=True))
        | {"vendi_k": row.vendi_k, "vendi_1": row.vendi_1}
        for row in rows
    }
    return said, plain


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m vclip.recipes.generation_table.table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = options.add_argument
    add("model", help="model directory: bundled, vctk, a folder, OWNER/NAME@COMMIT")
    add("--pairs", type=Path, required=True, help="manifest of pairs (CSV)")
    add("--split", default="dev", help="whose faces are judged (default: dev); the others train")
    add(
        "--features", type=Path, help="feature shards of the manifest (vclip.recipes.data.features)"
    )
    add("--evaluator", type=Path, help="an association of the same encoders, else one is trained")
    add("--halves", action="store_true", help="rank by heads trained on the other half")
    add("--preset", choices=PRESETS, default="bundled", help="how heads are trained here")
    add("--k", type=int, default=10, help="voices for a face (default: the paper's 10)")
    add("--n", type=int, default=5000, help="candidates (default: the paper's 5000)")
    add("--n-components", type=int, help="fit a mixture of so many anew (the paper: 100)")
    add("--listened", type=int, default=400, help="draws that signature networks here hear")
    add("--sentences", type=int, default=3, choices=range(2, len(SENTENCES) + 1))
    add("--spoken", type=int, default=300, help="draws among which chance chooses")
    add("--voice-encoder", default="resemblyzer", help=VOICE_CHOICES)
    add("--recordings", type=Path, help="data folder with the synthesizer's own speakers")
    add("--data", type=Path, default=SHARED, help="the same for the bundled model")
    add("--yunet", type=Path, help="YuNet's ONNX file; Haar cascade without it")
    add("--store", type=Path, default=STORE, help="folder of features and of what was heard")
    add("--cache", type=Path, default=CACHE, help="folder of the heads that are trained here")
    add("--draws", type=int, default=1000, help="bootstrap draws (default: 1000)")
    add("--seed", type=int, default=0)
    add("--json", action="store_true", help="print the first table as JSON")
    return options


@reported
def main(argv: list[str] | None = None) -> int:
    """Print the tables; 2 and one line on stderr for input that cannot be used."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    if not 1 <= arguments.k <= min(arguments.n, arguments.spoken):
        raise DataError("--k must be at least 1 and at most --n and --spoken")
    said, plain = run(arguments)
    print(json.dumps(plain) if arguments.json else "\n".join(said))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
