"""How the association grows with the people that it is trained on: `--pairs CSV [--people 50 …]`.

Heads are trained on some of the manifest's training people, several times with other people, and
measured on all its dev people, of whom none chooses anything. Through the AUCs goes the law
`AUC(n) = a - b (n / 100)^-c`, which says what more people of the same kind would give. Its
intervals draw both the training draws and the dev people anew; they know nothing of how wrong the
law itself may be far from the people that it was fitted to.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import least_squares
from tqdm import tqdm

from vclip.arrays import Bools, Float64, Int64
from vclip.errors import DataError, reported
from vclip.face.detector import FaceDetector
from vclip.models.directory import BUNDLED
from vclip.recipes.association.fitting import fit, score
from vclip.recipes.association.settings import PRESETS, FitConfig
from vclip.recipes.association.train import PAIRS, YUNET
from vclip.recipes.association.training_data import pair_data, split_pairs
from vclip.recipes.data.encoders import extractors
from vclip.recipes.data.feature_store import (
    STORE,
    FeatureStore,
    PairFeatures,
    key_of,
    pair_features,
)
from vclip.recipes.data.manifest import read_pairs
from vclip.recipes.metrics import verification
from vclip.recipes.metrics.intervals import Estimate, percentiles, person_counts
from vclip.recipes.options import add_fields, from_arguments

SCALE = 100.0  # people; where the law's b is the distance from its ceiling
LOWER, UPPER = (0.5, 0.0, 0.05), (1.0, 0.5, 2.0)  # of a, b, c: no better than perfect, no fall
NAMES = ("auc", "auc_within_sex")


@dataclass(frozen=True)
class Point:
    """One training: on how many people, and every dev face's cosine with every dev voice."""

    people: int
    scores: Float64  # (N, N)


@dataclass(frozen=True)
class Curve:
    """One figure: per size its mean, least and largest over draws, and the law through all."""

    people: list[int]
    mean: list[float]
    least: list[float]
    largest: list[float]
    law: tuple[float, float, float]  # a, b, c
    target: Estimate  # at the number of people asked for
    ceiling: Estimate  # a

    def lines(self, title: str, target: int) -> list[str]:
        """For people."""
        rows = zip(self.people, self.mean, self.least, self.largest, strict=True)
        a, b, c = self.law
        return [
            title,
            *(f"{n:6d} people  {m:.3f} ({low:.3f} … {high:.3f})" for n, m, low, high in rows),
            f"{target:6d} people  {self.target} by {a:.3f} - {b:.3f} (n / {SCALE:.0f})^-{c:.2f}; "
            f"ceiling {self.ceiling}",
        ]


def law(people: npt.ArrayLike, parameters: npt.ArrayLike) -> Float64:
    """a - b (n / 100)^-c for numbers of people (K,)."""
    a, b, c = np.asarray(parameters, dtype=np.float64)
    return np.asarray(a - b * (np.asarray(people, dtype=np.float64) / SCALE) ** -c)


def fit_law(people: npt.ArrayLike, values: npt.ArrayLike) -> tuple[float, float, float]:
    """a, b, c by least squares within their bounds; people (K,), values (K,)."""
    n, y = (np.asarray(x, dtype=np.float64) for x in (people, values))
    gap = float(np.clip(y.max() - y.min(), 0.01, 0.4))
    starts = [(min(0.99, float(y.max()) + gap / 2), gap, c) for c in (0.2, 0.5, 1.0)]
    fits = [least_squares(lambda p: law(n, p) - y, s, bounds=(LOWER, UPPER)) for s in starts]
    a, b, c = min(fits, key=lambda f: f.cost).x
    return float(a), float(b), float(c)


def draw(features: PairFeatures, people: int, rng: np.random.Generator) -> PairFeatures:
    """All rows of that many people of the manifest, drawn without replacement."""
    names = np.unique([pair.person for pair in features.pairs])
    chosen = set(rng.permutation(names)[:people])
    rows = [i for i, pair in enumerate(features.pairs) if pair.person in chosen]
    image, voice = ([side[i] for i in rows] for side in (features.image, features.voice))
    return PairFeatures([features.pairs[i] for i in rows], image, voice, features.report)


def digest(features: PairFeatures) -> str:
    """SHA-256 of all that training or measuring reads of them."""
    whole = hashlib.sha256(repr([(p.person, p.sex) for p in features.pairs]).encode())
    for rows in (*features.image, *features.voice):
        whole.update(np.ascontiguousarray(rows).tobytes())
    return whole.hexdigest()


def measure(
    known: PairFeatures,
    held: PairFeatures,
    config: FitConfig,
    sizes: Sequence[int],
    draws: int,
    store: FeatureStore,
) -> list[Point]:
    """Train and score `draws` times per size; every training is kept in the store at once.

    A size beyond the people there are is all of them: then draws differ by their seed only.
    """
    there = len({pair.person for pair in known.pairs})
    of_both, dev, points = digest(known) + digest(held), pair_data(held), []
    work = [(n, i) for n in sorted({min(n, there) for n in sizes}) for i in range(draws)]
    for people, i in tqdm(work, desc="trainings", disable=None):
        chosen = replace(config, seed=config.seed + i)
        key = key_of("learning curve", of_both, astuple(chosen), people)
        scores = store.get(key)
        if scores is None:
            rng = np.random.default_rng((chosen.seed, people))
            model, _ = fit(pair_data(draw(known, people, rng)), chosen)
            scores = score(model, dev).astype(np.float32)
            store.put(key, scores)
        points.append(Point(people, scores.astype(np.float64)))
    return points


def curve(
    points: Sequence[Point],
    auc: Callable[[Float64, Float64], float],
    person: Sequence[str],
    target: int,
    n_draws: int,
    rng: np.random.Generator,
) -> Curve:
    """The law of one figure auc(scores (N, N), counts (N,)) and its bootstrap."""
    people = np.array([point.people for point in points])
    sizes = np.unique(people)
    of_size = [np.flatnonzero(people == n) for n in sizes]

    def fitted(chosen: Int64, counts: Float64) -> tuple[Float64, Float64]:
        values = np.array([auc(points[i].scores, counts) for i in chosen])
        return values, np.array(fit_law(people[chosen], values))

    values, best = fitted(np.arange(len(points)), np.ones(len(person)))
    found = []
    for _ in range(n_draws):
        again = np.concatenate([rng.choice(rows, len(rows)) for rows in of_size])
        found.append(fitted(again, person_counts(person, rng))[1])
    targets, ceilings = [law(target, p).item() for p in found], [p[0] for p in found]
    return Curve(
        people=[int(n) for n in sizes],
        mean=[float(values[rows].mean()) for rows in of_size],
        least=[float(values[rows].min()) for rows in of_size],
        largest=[float(values[rows].max()) for rows in of_size],
        law=(float(best[0]), float(best[1]), float(best[2])),
        target=percentiles(law(target, best).item(), targets),
        ceiling=percentiles(float(best[0]), ceilings),
    )


def figures(held: PairFeatures) -> dict[str, Callable[[Float64, Float64], float]]:
    """AUC over all cross pairs and within sex, as functions of scores and the rows' counts."""
    positive = verification.same([pair.person for pair in held.pairs])
    within = verification.sex_mask([pair.sex for pair in held.pairs])

    def auc(scores: Float64, counts: Float64, mask: Bools) -> float:
        # copies of a positive have only themselves, so it counts c times, not c squared
        weight = np.where(positive, counts[:, None], np.outer(counts, counts))
        return verification.auc(scores[mask], positive[mask], weight[mask])

    masks = (np.ones_like(within), within)
    return {name: partial(auc, mask=mask) for name, mask in zip(NAMES, masks, strict=True)}


def learn(arguments: argparse.Namespace) -> dict[str, Curve]:
    """Both curves of a manifest."""
    config = from_arguments(FitConfig, arguments)
    if config.label_steps or config.label_weight:
        raise DataError("the curve is of pairs only; leave --label-steps and --label-weight at 0")
    if arguments.draws < 1 or min(arguments.people) < 2 or len(set(arguments.people)) < 3:
        raise DataError("give at least one draw and three numbers of people, each 2 or more")
    store = FeatureStore(arguments.store)
    detector = FaceDetector(arguments.yunet)
    sides = extractors(arguments.face_encoder, detector, arguments.views, windows=True)
    train_rows, dev_rows = split_pairs(read_pairs(arguments.pairs), config.seed)
    known, held = (pair_features(rows, *sides, store) for rows in (train_rows, dev_rows))
    points = measure(known, held, config, arguments.people, arguments.draws, store)
    person = [pair.person for pair in held.pairs]
    return {
        name: curve(
            points, auc, person, arguments.target, arguments.bootstrap, np.random.default_rng(0)
        )
        for name, auc in figures(held).items()
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    name = "python -m vclip.recipes.association.learning_curve"
    options = argparse.ArgumentParser(prog=name, description=__doc__)
    options.add_argument("--pairs", type=Path, default=PAIRS, help="manifest of pairs (CSV)")
    options.add_argument("--people", type=int, nargs="+", default=[50, 100, 200, 400, 750])
    options.add_argument("--draws", type=int, default=5, help="trainings per number (default: 5)")
    options.add_argument("--target", type=int, default=5994, help="default: VoxCeleb2's people")
    options.add_argument("--bootstrap", type=int, default=300, help="draws (default: 300)")
    options.add_argument("--face-encoder", type=Path, default=BUNDLED / "face_encoder.safetensors")
    options.add_argument("--views", type=int, default=8, help="views of every face (default: 8)")
    options.add_argument("--yunet", type=Path, default=YUNET, help="its ONNX file; Haar without it")
    options.add_argument("--store", type=Path, default=STORE, help="cache of features, trainings")
    options.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_fields(options, replace(PRESETS["bundled"], label_steps=0, label_weight=0.0))
    return options


@reported
def main(argv: list[str] | None = None) -> int:
    """Print both curves; 2 and one line on stderr for input that cannot be used."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    curves = learn(arguments)
    if arguments.json:
        print(json.dumps(curves, default=vars))
        return 0
    titles = ("AUC, all cross pairs: mean (least … largest) of the draws", "AUC within sex")
    for title, found in zip(titles, curves.values(), strict=True):
        print(*found.lines(title, arguments.target), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
