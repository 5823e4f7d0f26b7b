"""Evaluation of the face encoder's features on faces that it never saw: the London set.

Probes are fitted and tested on London only, cross-validated by person; neutral and smiling
pictures. Retrieval asks for the smiling picture of each neutral one's person among all smiling
ones: features that knew only sex and age would fail at it. Intervals are bootstraps over persons.

Needs the Face Research Lab London Set (DeBruine & Jones, doi.org/10.6084/m9.figshare.5047666) as a
CSV with the columns path, person, expression (neutral, smiling), age, sex.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from vclip.errors import DataError, ImageError
from vclip.face.detector import FaceDetector
from vclip.face.encoder import ImageEncoder, load_face_encoder
from vclip.face.photo import crop_face, load_photo, whole_photo
from vclip.models.directory import BUNDLED
from vclip.recipes.data.manifest import read_rows
from vclip.recipes.face_encoder.face_crops import UNKNOWN, age_of
from vclip.recipes.metrics.intervals import Estimate, bootstrap
from vclip.recipes.options import command

FOLDS = 10
COLUMNS = ("path", "person", "expression", "sex", "age")


@dataclass(frozen=True)
class EvaluateFaceSettings:
    """Options of `python -m vclip.recipes.face_encoder.evaluate`."""

    london: Path
    """manifest of the London set (CSV)"""
    encoder: Path = BUNDLED / "face_encoder.safetensors"
    yunet: Path | None = None
    """ONNX file; default: Haar, or VCLIP_YUNET"""
    draws: int = 2000
    """of the bootstrap"""
    seed: int = 0
    json: bool = False


@dataclass(frozen=True)
class LondonFeatures:
    """features (N, F); person, expression, sex (N,) str; age (N,) years or UNKNOWN; boxes found."""

    features: np.ndarray
    person: np.ndarray
    expression: np.ndarray
    sex: np.ndarray
    age: np.ndarray
    boxes: np.ndarray


def read(manifest: Path, encoder: ImageEncoder, detector: FaceDetector) -> LondonFeatures:
    """Detect, crop and encode every picture as the app does; DataError if one is unreadable."""
    rows = [row for _, row in read_rows(manifest, COLUMNS)]
    images, boxes = [], []
    for row in tqdm(rows, desc="faces"):
        try:
            photo = load_photo((manifest.parent / row["path"]).read_bytes())
        except (OSError, ImageError) as error:
            raise DataError(f"{row['path']} cannot be used: {error}") from error
        found = detector.find(photo)
        boxes.append(len(found))
        box = found[0] if found else whole_photo(photo)
        images.append(crop_face(photo, box, encoder.image_size))
    person, expression, sex = (np.array([row[k] for row in rows]) for k in COLUMNS[1:4])
    age, features = np.array([age_of(r["age"]) for r in rows]), encoder.encode(np.stack(images))
    return LondonFeatures(features, person, expression, sex, age, np.array(boxes))


def predict(probe: Any, features: np.ndarray, target: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Out-of-fold predictions (N,) of a probe on standardised features; a person is in one fold."""
    model = make_pipeline(StandardScaler(), probe)
    folds = GroupKFold(min(FOLDS, len(np.unique(person))))
    return np.asarray(cross_val_predict(model, features, target, groups=person, cv=folds))


def correlation(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Pearson's r of x, y (N,) with row weights; nan if one is constant."""
    if not weight.any():
        return float("nan")
    both = np.cov(x, y, aweights=weight, ddof=0)
    spread = np.sqrt(both[0, 0] * both[1, 1])
    return float(both[0, 1] / spread) if spread > 0 else float("nan")


def ranks(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Rank (N,) from 1 of gallery row i among all for query row i, by cosine; ties count against.

    Features are centred on the gallery's mean first: their common part says nothing.
    """
    middle = gallery.mean(0)
    scores = cosine_similarity(queries - middle, gallery - middle)  # (N, N)
    return np.asarray((scores >= np.diag(scores)[:, None]).sum(1))


def _paired(data: LondonFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (P,) of the neutral and of the smiling picture of each person who has both."""
    neutral, smiling = (
        {data.person[i]: i for i in np.flatnonzero(data.expression == name)}
        for name in ("neutral", "smiling")
    )
    people = sorted(neutral.keys() & smiling.keys())
    return np.array([neutral[p] for p in people], int), np.array([smiling[p] for p in people], int)


def measure(data: LondonFeatures, n_draws: int, seed: int) -> dict[str, Estimate]:
    """The figures by name, each with its 95 % interval."""
    rng = np.random.default_rng(seed)
    out: dict[str, Estimate] = {}

    def add(name: str, person: np.ndarray, figure: Callable[[np.ndarray], float]) -> None:
        out[name] = bootstrap(lambda counts: [figure(counts)], person, n_draws, rng)[0]

    def add_share(name: str, person: np.ndarray, hit: np.ndarray) -> None:
        add(name, person, lambda counts: float(np.average(hit, weights=counts)))

    sex = predict(LogisticRegression(max_iter=5000), data.features, data.sex, data.person)
    add_share("sex_accuracy", data.person, sex == data.sex)
    known = data.age != UNKNOWN
    ages, people = data.age[known], data.person[known]
    guess = predict(RidgeCV(np.logspace(1, 5, 9)), data.features[known], ages, people)
    add("age_r", people, lambda counts: correlation(guess, ages, counts))
    neutral, smiling = _paired(data)
    for name, group in (
        ("rank_1", np.zeros(len(neutral))),
        ("rank_1_within_sex", data.sex[neutral]),
    ):
        first = _first(data.features[neutral], data.features[smiling], group)
        add_share(name, data.person[neutral], first)
    return out


def _first(neutral: np.ndarray, smiling: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(P,) bool: found at rank 1 among those with the same label."""
    hit = np.zeros(len(neutral), dtype=bool)
    for label in np.unique(labels):
        rows = labels == label
        hit[rows] = ranks(neutral[rows], smiling[rows]) == 1
    return hit


def report(settings: EvaluateFaceSettings) -> dict[str, Any]:
    """Figures and counts by name, as they are printed."""
    detector = FaceDetector(settings.yunet)
    data = read(settings.london, load_face_encoder(settings.encoder), detector)
    return {
        "detector": detector.name,
        "pictures": len(data.person),
        "people": len(np.unique(data.person)),
        "without_face": int((data.boxes == 0).sum()),
        "extra_boxes": int((data.boxes - 1).clip(0).sum()),
        **measure(data, settings.draws, settings.seed),
    }


@command(EvaluateFaceSettings, threads=1)
def main(settings: EvaluateFaceSettings) -> None:
    found = report(settings)
    if settings.json:
        print(json.dumps(found, default=asdict))
    else:
        print(*(f"{key:20} {value}" for key, value in found.items()), sep="\n")


if __name__ == "__main__":
    raise SystemExit(main())
