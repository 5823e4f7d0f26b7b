"""The reference faces of a model directory: other people, to compare a visitor's face with.

`python -m vclip.recipes.generation.reference_faces --utk CSV` writes faces.npz: image_features
(N, F) of the UTKFace adults that the face encoder was not trained on, and provenance, a JSON text;
no picture, name or label. float16 halves the file, and what it rounds moves no score by 0.001 (a
test). The CSV has the columns path, age, sex; docs/recipes.md says where its pictures come from.

With `--pairs CSV [--split dev]` it measures how well the percentile of the app tells the own voice
of a face from those of everybody else in a manifest of pairs (person, face, voice, sex[, split]),
and notes it in the provenance: the app tells it beside every percentile.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from vclip.arrays import Float32, Float64
from vclip.association.explain import percentile
from vclip.association.model import load_association
from vclip.errors import DataError
from vclip.models.directory import BUNDLED, ModelDirectory, find_model
from vclip.recipes.data.features import FeatureSource
from vclip.recipes.data.manifest import Labelled, file_hash, read_labelled, read_pairs
from vclip.recipes.data.shards import pair_features
from vclip.recipes.face_encoder import objective
from vclip.recipes.face_encoder.face_crops import content_fold
from vclip.recipes.generation.npz import read_npz, write_npz
from vclip.recipes.metrics.intervals import Estimate, bootstrap
from vclip.recipes.metrics.verification import same, sex_mask
from vclip.recipes.options import command

KINDS = ("own voice", "somebody else's", "... of the same sex")


@dataclass(frozen=True)
class ReferenceFaceSettings:
    """Faces to build from, or pairs to measure percentiles on."""

    directory: str = str(BUNDLED)
    utk: Path | None = None  # manifest of UTKFace: path, age, sex
    pairs: Path | None = None  # measure the percentile on these instead
    split: str | None = None  # only rows of this split
    draws: int = 1000  # of the bootstrap
    seed: int = 0  # of the bootstrap
    source: FeatureSource = field(default_factory=FeatureSource)


@dataclass(frozen=True)
class PercentileValidation:
    """Mean percentile and share above one half, each for three kinds of voices."""

    rows: int
    faces: int
    mean: list[Estimate]
    above_half: list[Estimate]

    def __str__(self) -> str:
        table = {"": KINDS, "mean percentile": self.mean, "above one half": self.above_half}
        lines = ["".join(f"{cell!s:24}" for cell in [k, *row]).rstrip() for k, row in table.items()]
        return "\n".join([f"{self.rows} pairs, {self.faces} reference faces", *lines])

    def as_dict(self) -> dict[str, float]:
        """The mean percentiles, and the pairs that they are of."""
        means = zip(("own", "others", "same_sex"), self.mean, strict=True)
        return {"pairs": self.rows} | {name: round(e.value, 3) for name, e in means}


def unseen(rows: list[Labelled]) -> list[Labelled]:
    """Those that the face encoder was not trained on, by a hash of the file; each content once."""
    held_out = objective.FaceEncoderConfig().held_out
    known = {content_fold(row.path.read_bytes()): row for row in reversed(rows)}
    return [row for where, row in reversed(known.items()) if where < held_out]


def build(directory: Path, utk: Path, source: FeatureSource) -> tuple[Path, dict[str, object]]:
    """Encode the unseen faces as the app would, and write them. Raises DataError."""
    encoder = directory / "face_encoder.safetensors"  # perhaps newer than the description
    faces, _ = source.open(utk, str(encoder))
    keys = [row.key for row in unseen(read_labelled(utk)) if row.key in faces]
    shown = [key for key in keys if key not in faces.whole]
    if not shown:
        raise DataError(f"no face of {utk} can be used; list pictures of adults")
    image_features = faces.matrix(shown).astype(np.float16)
    origin = {
        "faces": len(shown),
        "without_face": len(keys) - len(shown),
        "manifest": file_hash(utk),
        "image_encoder": file_hash(encoder),
    }
    write_npz(directory / "faces.npz", {"image_features": image_features}, origin)
    return directory / "faces.npz", origin


@torch.no_grad()
def validate(settings: ReferenceFaceSettings, pairs: Path) -> PercentileValidation:
    """Percentiles of a face's own voice, of others' voices, and of others of the same sex."""
    directory = ModelDirectory.open(settings.directory)
    heads = load_association(directory.file("association"))
    references = read_npz(directory.file("faces"))[0]["image_features"].astype(np.float32)
    encoder = str(directory.file("image_encoder"))
    sides = settings.source.open(pairs, encoder, "resemblyzer")
    features = pair_features(read_pairs(pairs, settings.split), *sides)
    image, voice, others = map(torch.from_numpy, (*features.first(), references))
    image_emb, other_emb = (heads.encode_image(side).numpy() for side in (image, others))
    table = percentiles(image_emb, heads.encode_voice(voice).numpy(), other_emb)
    person, sex = [p.person for p in features.pairs], [p.sex for p in features.pairs]
    return summary(table, person, sex, len(references), settings.draws, settings.seed)


def note(directory: Path, found: PercentileValidation) -> None:
    """Write it into the file's provenance."""
    arrays, origin = read_npz(directory / "faces.npz")
    write_npz(directory / "faces.npz", arrays, origin | {"worth": found.as_dict()})


def percentiles(image_emb: Float32, voice_emb: Float32, others: Float32) -> Float64:
    """(N, N): how face i stands among the others (M, D) for voice j."""
    scores = image_emb @ voice_emb.T
    reference = others @ voice_emb.T  # (M, N)
    return np.array([[percentile(s, reference[:, j]) for j, s in enumerate(row)] for row in scores])


def summary(
    table: Float64, person: list[str], sex: list[str], n_faces: int, draws: int, seed: int
) -> PercentileValidation:
    """Figures of a table of percentiles (N, N), with intervals over persons."""
    different = ~same(person)
    same_sex = different & sex_mask(sex)

    def figures(counts: Float64) -> list[float]:
        both = np.outer(counts, counts)
        weights = (np.diag(counts), both * different, both * same_sex)
        totals = [float(w.sum()) or np.nan for w in weights]  # nan where nothing has weight
        return [
            float((values * w).sum() / total)
            for values in (table, table > 0.5)
            for w, total in zip(weights, totals, strict=True)
        ]

    found = bootstrap(figures, person, draws, np.random.default_rng(seed))
    return PercentileValidation(len(table), n_faces, found[: len(KINDS)], found[len(KINDS) :])


@command(ReferenceFaceSettings)
def main(settings: ReferenceFaceSettings) -> None:
    directory = find_model(settings.directory)
    if settings.pairs:
        found = validate(settings, settings.pairs)
        note(directory, found)
        print(found)
    elif settings.utk:
        path, origin = build(directory, settings.utk, settings.source)
        print(path, json.dumps(origin))
    else:
        raise DataError("name the manifest of UTKFace (--utk), or pairs to measure on (--pairs)")


if __name__ == "__main__":
    raise SystemExit(main())
