"""Example faces that show nobody: each is the average of many London neutral faces.

The shape is the mean of a group's landmarks; every face is warped to it triangle by triangle
(Rowland & Perrett 1995) and the warped pictures are averaged.
"""

import argparse
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy.spatial import Delaunay
from tqdm import tqdm

from vclip.errors import DataError, OutputError, reported
from vclip.face.photo import load_photo
from vclip.recipes.data.manifest import REPO, SHARED, read_rows
from vclip.recipes.options import add_fields, from_arguments

REFERENCE = (
    "DeBruine & Jones (2017), Face Research Lab London Set, doi 10.6084/m9.figshare.5047666.v5"
)
EYES, INNER = slice(0, 2), slice(0, 145)
"""Pupils; landmarks without those that guess at hair and neck."""


@dataclass(frozen=True)
class ExampleFaceSettings:
    """Settings of the shipped examples."""

    size: int = 512  # px, side
    quality: int = 88
    members: int = 14  # faces in a composite
    least: int = 8  # fewer would let one person shine through
    eyes: float = 0.21  # distance between the pupils, in sides


@dataclass(frozen=True)
class LondonFace:
    """A neutral London face: pixels (H, W, 3) uint8, points (189, 2) x, y in pixels."""

    name: str
    age: float
    sex: str
    pixels: np.ndarray
    points: np.ndarray

    @property
    def brightness(self) -> float:
        """Median grey level inside the hull of the landmarks of the face."""
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        hull = cv2.convexHull(self.points[INNER].astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1)
        return float(np.median(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY)[mask > 0]))


def read_people(manifest: Path, landmarks: Path) -> list[LondonFace]:
    """Everybody whose age is known, in the manifest's order; DataError if a file is not usable."""
    try:
        points = json.loads(landmarks.read_text())
        people = []
        for _, row in read_rows(manifest, ("path", "person", "expression", "age", "sex")):
            if row["expression"] == "neutral" and row["age"].isdigit():
                path = manifest.parent / row["path"]
                pixels = load_photo(path.read_bytes()).pixels
                shape = np.array(points[path.stem])
                people.append(
                    LondonFace(row["person"], float(row["age"]), row["sex"], pixels, shape)
                )
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"London faces at {manifest} cannot be used: {error!r}") from error
    return people


def groups(people: list[LondonFace], config: ExampleFaceSettings) -> list[list[LondonFace]]:
    """Six groups, without overlap: of each sex the darkest pictures, the youngest and the oldest.

    They only make the examples differ; no group's name or sort is shown to anybody.
    """
    found = []
    for sex in "FM":
        left = sorted((p for p in people if p.sex == sex), key=lambda p: (p.brightness, p.name))
        rest = sorted(left[config.members :], key=lambda p: (p.age, p.name))
        found += [rest[: config.members], rest[-config.members :], left[: config.members]]
        if len(left) < 3 * config.members or config.members < config.least:
            raise DataError(f"{len(left)} faces of {config.members} each are too few to mix.")
    return [found[i] for i in (0, 4, 2, 3, 1, 5)]


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift (2, 3) that best moves points (P, 2) to target (P, 2).

    Least squares over complex numbers: z ↦ a z + b.
    """
    z, w = (p @ np.array([1, 1j]) for p in (points, target))
    a = np.vdot(z - z.mean(), w - w.mean()) / np.vdot(z - z.mean(), z - z.mean())
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Affine map (2, 3) of points (P, 2)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def mean_shape(shapes: np.ndarray, config: ExampleFaceSettings) -> np.ndarray:
    """(N, P, 2) → (P, 2), symmetric in position: pupils level at a fixed place and distance."""
    aligned = shapes
    for _ in range(3):  # generalised Procrustes; converges at once for frontal faces
        mean = aligned.mean(0)
        aligned = np.stack([apply(similarity(s[INNER], mean[INNER]), s) for s in shapes])
    middle, half = np.array([0.5, 0.45]) * config.size, np.array([config.eyes / 2, 0]) * config.size
    pupils = np.stack([middle - half, middle + half])
    return apply(similarity(aligned.mean(0)[EYES], pupils), aligned.mean(0))


def frame(size: int, n: int = 5) -> np.ndarray:
    """Points (4 (n − 1), 2) along the border, which stay where they are."""
    line = np.linspace(0, size - 1, n)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    return np.asarray(grid[(grid % (size - 1) == 0).any(1)])


def warp(pixels: np.ndarray, points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Move pixels (S, S, 3) so that points (P, 2) lie at target (P, 2): affine per triangle."""
    mesh = Delaunay(target)
    size = pixels.shape[0]
    grid = np.stack(np.meshgrid(*[np.arange(size, dtype=np.float64)] * 2), -1).reshape(-1, 2)
    triangle = mesh.find_simplex(grid, tol=1e-6)  # (S²,)
    to_weights = mesh.transform[triangle]  # (S², 3, 2): barycentric coordinates, see SciPy
    two = np.einsum("nij,nj->ni", to_weights[:, :2], grid - to_weights[:, 2])
    weights = np.concatenate([two, 1 - two.sum(1, keepdims=True)], 1)  # (S², 3)
    source = np.einsum("nk,nkd->nd", weights, points[mesh.simplices[triangle]])
    x, y = source.T.reshape(2, size, size).astype(np.float32)
    moved = cv2.remap(pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved)


def composite(people: list[LondonFace], config: ExampleFaceSettings) -> np.ndarray:
    """The average face (size, size, 3) uint8 of a group."""
    size = config.size
    mean = mean_shape(np.stack([p.points for p in people]), config)
    target = np.concatenate([mean, frame(size)])
    warped = []
    for person in people:
        matrix = similarity(person.points[INNER], mean[INNER])
        placed = cv2.warpAffine(
            person.pixels,
            matrix,
            (size, size),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        points = np.concatenate([apply(matrix, person.points), frame(size)])
        warped.append(warp(placed, points, target).astype(np.float32))
    stack = np.stack(warped)
    mixed = blend(stack.mean(0), np.median(stack, 0), mean)
    return np.asarray(mixed.clip(0, 255).round(), dtype=np.uint8)


def blend(inner: np.ndarray, outer: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """`inner` (S, S, 3) on the face, `outer` around it: a median keeps hair and clothes solid."""
    mask = np.zeros(inner.shape[:2], np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(shape[INNER].astype(np.int32)), 1)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), inner.shape[0] / 40))[..., None]
    return np.asarray(soft * inner + (1 - soft) * outer)


def write(path: Path, pixels: np.ndarray, quality: int) -> None:
    """Save as JPEG; OutputError if that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=quality, optimize=True)
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror}.") from error


def readme(counts: list[int], command: str) -> str:
    """The credit that CC BY asks for, and how to make the pictures again."""
    rows = "\n".join(f"- `face_{i}.jpg`: {n} people" for i, n in enumerate(counts, 1))
    return f"""# Example faces

None of these pictures shows a person. Each is the average of the neutral photographs of several
consenting adults, warped to their mean shape:

{rows}

Source: {REFERENCE}, CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Changed: averaged and cropped. The composites are
under CC BY 4.0 too.

Made by: `{command}`
"""


@reported
def main(argv: list[str] | None = None) -> int:
    """The command line."""
    name = "python -m vclip.recipes.showcase.example_faces"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--manifest", type=Path, default=SHARED / "faces/london.csv")
    parser.add_argument("--landmarks", type=Path, default=SHARED / "faces/london_landmarks.json")
    parser.add_argument("-o", "--output", type=Path, default=REPO / "assets/examples")
    add_fields(parser, ExampleFaceSettings())
    options = parser.parse_args(argv)
    config = from_arguments(ExampleFaceSettings, options)
    found = groups(read_people(options.manifest, options.landmarks), config)
    for i, people in enumerate(tqdm(found, desc="composites"), 1):
        write(options.output / f"face_{i}.jpg", composite(people, config), config.quality)
    command = shlex.join([*name.split(), *(sys.argv[1:] if argv is None else argv)])
    (options.output / "README.md").write_text(readme([len(g) for g in found], command))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
