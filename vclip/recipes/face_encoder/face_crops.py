"""Training faces: crops made by the app's own path, kept in one array, and their augmentation.

Crops are stored with some context around what the app would show its encoder, so that shifts,
scales and rotations find real pixels instead of repeated borders.
"""

import hashlib
import logging
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from vclip.errors import DataError, ImageError
from vclip.face.detector import FaceDetector
from vclip.face.photo import FACE_DROP, FACE_MARGIN, crop_face, load_photo, whole_photo
from vclip.recipes.data.manifest import read_rows

log = logging.getLogger(__name__)
CONTEXT = 1.5  # side of a stored crop, in sides of the app's crop
UNKNOWN = -1.0  # age or sex of a face without labels


@dataclass(frozen=True)
class FaceCrops:
    """images (N, S, S, 3) uint8 with context; age (N,) years, sex (N,) 1 = F, or UNKNOWN.

    `fold` (N,) in [0, 1): a hash of the file's content, for splits that survive changes of order.
    `taught` (N, T) float32: what a teacher says of the picture; T = 0 without one.
    """

    images: np.ndarray
    age: np.ndarray
    sex: np.ndarray
    fold: np.ndarray
    taught: np.ndarray

    def part(self, keep: np.ndarray) -> "FaceCrops":
        """Those faces for which `keep` (N,) bool is true."""
        return FaceCrops(*(getattr(self, item.name)[keep] for item in fields(self)))


def age_of(text: str) -> float:
    """An age, or UNKNOWN for an empty or NA field."""
    try:
        return float(text)
    except ValueError:
        return UNKNOWN


def labelled_pictures(path: Path) -> list[tuple[Path, float, float]]:
    """(picture, age, sex) of each row of a manifest like utk.csv."""
    sexes = {"F": 1.0, "M": 0.0}
    rows = [row for _, row in read_rows(path, ("path", "age", "sex"))]
    return [(path.parent / r["path"], age_of(r["age"]), sexes.get(r["sex"], UNKNOWN)) for r in rows]


def unlabelled_pictures(path: Path) -> list[tuple[Path, float, float]]:
    """(picture, UNKNOWN, UNKNOWN) of the training people of a manifest like avspeech.csv."""
    rows = read_rows(path, ("face", "split"))
    faces = dict.fromkeys(r["face"] for _, r in rows if r["split"] == "train")
    return [(path.parent / name, UNKNOWN, UNKNOWN) for name in faces]


def content_fold(data: bytes) -> float:
    """A hash of a file's content in [0, 1), for splits that survive changes of order."""
    return int(hashlib.sha256(data).hexdigest()[:8], 16) / 16**8


def crop_with_context(data: bytes, detector: FaceDetector, size: int) -> np.ndarray | None:
    """One crop with context, (size, size, 3); None if no face is found in a picture that has room.

    Manifests of tight crops show one face each: where none is found, it fills the picture.
    """
    photo = load_photo(data)
    boxes = detector.find(photo)
    if not boxes:
        if max(photo.pixels.shape[:2]) > 200:
            return None
        boxes = [whole_photo(photo)]
    margin = ((1 + 2 * boxes[0].margin) * CONTEXT - 1) / 2
    return crop_face(photo, boxes[0], size, margin)


def load_crops(
    items: list[tuple[Path, float, float]], size: int, cache: Path, detector: FaceDetector
) -> FaceCrops:
    """Crop every picture once, or read the array of an earlier run over the same list."""
    where = [(str(path.resolve()), *labels) for path, *labels in items]
    settings = (where, size, CONTEXT, FACE_MARGIN, FACE_DROP, detector.name)
    wanted = hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
    path = cache / f"faces-{wanted}.npz"
    if not path.is_file():
        images, (age, sex, fold) = _crop_all(items, size, detector)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, images=images, age=age, sex=sex, fold=fold)
    with np.load(path, allow_pickle=False) as kept:
        return FaceCrops(**kept, taught=np.zeros((len(kept["age"]), 0), np.float32))


def _crop_all(
    items: list[tuple[Path, float, float]], size: int, detector: FaceDetector
) -> tuple[np.ndarray, np.ndarray]:
    """Images of the faces that are found, and their age, sex and fold (3, N)."""
    images, labels = [], []
    for path, age, sex in tqdm(items, desc="crops", unit="face"):
        try:
            data = path.read_bytes()
            image = crop_with_context(data, detector, size)
        except (OSError, ImageError) as error:
            raise DataError(f"{path} cannot be used: {error}") from error
        if image is not None:
            images.append(image)
            labels.append((age, sex, content_fold(data)))
    log.info("%d of %d faces found", len(images), len(items))
    return np.stack(images), np.array(labels, dtype=np.float32).T


def centre_crops(images: np.ndarray, size: int, share: float = 1.0) -> np.ndarray:
    """(N, S, S, 3) with context → (N, size, size, 3): what the app's crop would show.

    Or its middle, `share` of its side.
    """
    side = images.shape[1] / CONTEXT * share
    low = round((images.shape[1] - side) / 2)
    inner = images[:, low : low + round(side), low : low + round(side)]
    return np.stack([cv2.resize(i, (size, size), interpolation=cv2.INTER_AREA) for i in inner])


def augment(image: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """One random view (size, size, 3) uint8 of a crop with context (S, S, 3) uint8.

    Wide enough to cover detectors that disagree by 15 % and webcams, blur and heavy JPEG.
    """
    view = recolour(warp(image, size, rng), rng)
    if rng.random() < 0.3:
        small = int(rng.integers(size // 4, size))
        view = cv2.resize(view, (small, small), interpolation=cv2.INTER_AREA)
        view = cv2.resize(view, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))]
        view = np.asarray(cv2.imdecode(cv2.imencode(".jpg", view, quality)[1], cv2.IMREAD_COLOR))
    if rng.random() < 0.25:  # hands, microphones, hair
        x, y = rng.integers(0, size, 2)
        w, h = rng.integers(size // 8, size // 3, 2)
        view[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return np.asarray(view, dtype=np.uint8)


def warp(image: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Flip, rotate, scale, stretch, shear and shift."""
    unit = size * CONTEXT / image.shape[0]  # stored pixels → pixels of the view at scale 1
    angle = rng.normal(0, np.pi / 18)
    scale = unit * np.exp(rng.uniform(-0.18, 0.18))
    stretch = np.exp(rng.normal(0, 0.04))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = np.array([[stretch * rng.choice([-1, 1]), rng.normal(0, 0.05)], [0, 1 / stretch]])
    linear = scale * turn @ shape
    middle = (image.shape[0] - 1) / 2
    shift = (size - 1) / 2 + rng.uniform(-0.08, 0.08, 2) * size - linear @ [middle, middle]
    matrix = np.hstack([linear, shift[:, None]])
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE))


def recolour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exposure, contrast, gamma, colour cast, saturation and noise."""
    x = image.astype(np.float32) / 255
    grey = (x @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    saturation = 0.0 if rng.random() < 0.08 else rng.uniform(0.5, 1.4)
    x = grey + (x - grey) * np.float32(saturation)
    x = x * rng.normal(1, 0.06, 3).astype(np.float32)
    mean, contrast, brighter = float(x.mean()), rng.uniform(0.65, 1.4), rng.uniform(-0.15, 0.15)
    x = (x - mean) * np.float32(contrast) + mean + np.float32(brighter)
    x = np.clip(x, 0, 1) ** np.float32(np.exp(rng.uniform(-0.3, 0.3)))
    if rng.random() < 0.2:
        x = x + rng.normal(0, rng.uniform(0, 0.06), x.shape).astype(np.float32)
    return np.asarray(np.clip(x * 255, 0, 255), dtype=np.uint8)
