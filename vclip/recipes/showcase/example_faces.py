"""Example faces that show nobody: each is the average of many London neutral faces.

    python -m vclip.recipes.showcase.example_faces --manifest CSV --landmarks JSON

The CSV has the columns path, person, expression, age, sex; the JSON has 189 points (x, y) for the
stem of each neutral picture. docs/recipes.md says where the Face Research Lab London Set comes
from. The shape is the mean of a group's landmarks; every face is warped to it triangle by triangle
(Rowland & Perrett 1995) and the warped pictures are averaged.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from PIL import Image
from scipy.interpolate import LinearNDInterpolator
from tqdm import tqdm
from tyro.conf import arg

from vclip.arrays import Float32, Float64, Floating, UInt8
from vclip.errors import DataError, OutputError
from vclip.face.photo import load_photo
from vclip.recipes.data.manifest import REPO, read_rows
from vclip.recipes.options import command, command_line

REFERENCE = (
    "DeBruine & Jones (2017), Face Research Lab London Set, doi 10.6084/m9.figshare.5047666.v5"
)
EYES = slice(0, 2)  # pupils
INNER = slice(0, 145)  # landmarks without those that guess at hair and neck


@dataclass(frozen=True)
class CompositeSettings:
    """The shipped composites."""

    size: int = 512  # px, side
    quality: int = 88
    members: int = 14  # faces in a composite
    least: int = 8  # fewer would let one person shine through
    eyes: float = 0.21  # distance between the pupils, in sides


@dataclass(frozen=True)
class ExampleFaceSettings:
    """Pictures and what becomes of them."""

    manifest: Path  # london.csv
    landmarks: Path  # london_landmarks.json
    output: Annotated[Path, arg(aliases=["-o"])] = REPO / "assets/examples"
    composite: CompositeSettings = CompositeSettings()


@dataclass(frozen=True)
class LondonFace:
    """A neutral London face: pixels (H, W, 3) uint8, points (189, 2) x, y in pixels."""

    name: str
    age: float
    sex: str
    pixels: UInt8
    points: Float64

    @property
    def brightness(self) -> float:
        """Median grey level inside the hull of the landmarks of the face."""
        grey = cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY)
        return float(np.median(grey[face_mask(self.points, grey.shape) > 0]))


def face_mask(points: Float64, size: tuple[int, ...]) -> Float32:
    """1 inside the hull of the inner landmarks (P, 2), 0 elsewhere; of a size (H, W)."""
    mask = np.zeros(size, np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points[INNER].astype(np.int32)), 1)
    return mask


def read_people(manifest: Path, landmarks: Path) -> list[LondonFace]:
    """Everybody whose age is known, in the manifest's order; DataError if a file is not usable."""
    try:
        points = json.loads(landmarks.read_text())
        people = []
        for _, row in read_rows(manifest, ("path", "person", "expression", "age", "sex")):
            if row["expression"] == "neutral" and row["age"].isdigit():
                path = manifest.parent / row["path"]
                pixels, shape = load_photo(path.read_bytes()).pixels, np.array(points[path.stem])
                age = float(row["age"])
                people.append(LondonFace(row["person"], age, row["sex"], pixels, shape))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"London faces at {manifest} cannot be used: {error!r}") from error
    return people


def groups(people: list[LondonFace], config: CompositeSettings) -> list[list[LondonFace]]:
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


def similarity(points: Float64, target: Float64) -> Float64:
    """The rotation, scale and shift (2, 3) that best moves points (P, 2) to target (P, 2).

    Least squares over complex numbers: z ↦ a z + b.
    """
    z, w = (p @ np.array([1, 1j]) for p in (points, target))
    a = np.vdot(z - z.mean(), w - w.mean()) / np.vdot(z - z.mean(), z - z.mean())
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def apply(matrix: Float64, points: Float64) -> Float64:
    """Affine map (2, 3) of points (P, 2)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def mean_shape(shapes: Float64, config: CompositeSettings) -> Float64:
    """(N, P, 2) → (P, 2), symmetric in position: pupils level at a fixed place and distance."""
    aligned = shapes
    for _ in range(3):  # generalised Procrustes; converges at once for frontal faces
        mean = aligned.mean(0)
        aligned = np.stack([apply(similarity(s[INNER], mean[INNER]), s) for s in shapes])
    middle, half = np.array([0.5, 0.45]) * config.size, np.array([config.eyes / 2, 0]) * config.size
    pupils = np.stack([middle - half, middle + half])
    return apply(similarity(aligned.mean(0)[EYES], pupils), aligned.mean(0))


def frame(size: int, n: int = 5) -> Float64:
    """Points (4 (n − 1), 2) along the border, which stay where they are."""
    line = np.linspace(0, size - 1, n)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    return np.asarray(grid[(grid % (size - 1) == 0).any(1)])


def warp(pixels: UInt8 | Float32, points: Float64, target: Float64) -> Float32:
    """Move pixels (S, S, 3) so that points (P, 2) lie at target (P, 2): affine per triangle."""
    size = pixels.shape[0]
    grid = np.stack(np.meshgrid(*[np.arange(size, dtype=np.float64)] * 2), -1)  # (S, S, 2)
    x, y = np.moveaxis(LinearNDInterpolator(target, points)(grid), -1, 0).astype(np.float32)
    moved = cv2.remap(pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.float32)


def composite(people: list[LondonFace], config: CompositeSettings) -> UInt8:
    """The average face (size, size, 3) uint8 of a group."""
    border = frame(config.size)
    mean = mean_shape(np.stack([p.points for p in people]), config)
    target = np.concatenate([mean, border])
    size, cubic, edge = (config.size, config.size), cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    warped = []
    for person in people:
        matrix = similarity(person.points[INNER], mean[INNER])
        placed = cv2.warpAffine(person.pixels, matrix, size, None, cubic, edge)
        points = np.concatenate([apply(matrix, person.points), border])
        warped.append(warp(np.asarray(placed, np.uint8), points, target))
    stack = np.stack(warped)
    mixed = blend(stack.mean(0), np.median(stack, 0), mean)
    return np.asarray(mixed.clip(0, 255).round(), dtype=np.uint8)


def blend(inner: Float32, outer: Float32, shape: Float64) -> Floating:
    """`inner` (S, S, 3) on the face, `outer` around it: a median keeps hair and clothes solid."""
    mask = face_mask(shape, inner.shape[:2])
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), inner.shape[0] / 40))[..., None]
    return np.asarray(soft * inner + (1 - soft) * outer)


def write(path: Path, pixels: UInt8, quality: int) -> None:
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


@command(ExampleFaceSettings)
def main(settings: ExampleFaceSettings) -> None:
    output, config = settings.output, settings.composite
    found = groups(read_people(settings.manifest, settings.landmarks), config)
    for i, people in enumerate(tqdm(found, desc="composites"), 1):
        write(output / f"face_{i}.jpg", composite(people, config), config.quality)
    (output / "README.md").write_text(readme([len(group) for group in found], command_line()))


if __name__ == "__main__":
    raise SystemExit(main())
