"""From the bytes of a picture to the square of pixels that an image encoder sees.

`load` (Photo) → `find` (boxes) → `crop`. Training and the app go through the same three.
"""

import io
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from vclip.errors import ImageError, NoFaceError

log = logging.getLogger(__name__)
pillow_heif.register_heif_opener()

FACE_MARGIN = 0.05
"""Added on each side of a face box, in box sides: with FACE_DROP, about UTKFace's own crops."""
FACE_DROP = 0.10  # box sides that a crop is moved down: Haar's square has much forehead, no chin
MIN_SIDE = 24  # px; less than this holds no face
DETECT_SIDE = 640  # px, long side that the detectors see, padding included
PAD = 0.2  # of the photo's long side; tight crops need it before Haar sees a face
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
BAD_FILE = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, MemoryError, IndexError)
Image.init()


@dataclass(frozen=True)
class Photo:
    """What is kept of a picture: pixels (H, W, 3) uint8 RGB, upright, without its metadata."""

    pixels: np.ndarray


@dataclass(frozen=True)
class Box:
    """A face in a photo, in its pixels; may reach beyond the border. For the rest see `crop`."""

    left: float
    top: float
    right: float
    bottom: float
    score: float = 1.0
    margin: float = FACE_MARGIN
    drop: float = FACE_DROP

    @property
    def area(self) -> float:
        """Square pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def as_list(self) -> list[int]:
        """[left, top, right, bottom], rounded."""
        return [round(x) for x in (self.left, self.top, self.right, self.bottom)]


def load(
    data: bytes, max_bytes: int = 16 * 2**20, max_pixels: int = 50_000_000, long_side: int = 1280
) -> Photo:
    """Read a JPEG, PNG, WebP or HEIC; raise ImageError for anything else or anything too large.

    Size and pixel count are checked before a pixel is decoded. Alpha is laid on white.
    """
    if len(data) > max_bytes:
        raise ImageError(
            f"The picture file has {len(data) / 2**20:.1f} MB, the limit is "
            f"{max_bytes / 2**20:.0f} MB; save it smaller and try again."
        )
    image = _open(data, sniff(data))
    width, height = image.size
    if width * height > max_pixels:
        raise _too_many_pixels(width, height, max_pixels)
    if image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        raise ImageError("The picture is an animation; use a still photo.")
    pixels = _decode(image, long_side)
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise ImageError(
            f"The picture has {width} × {height} pixels, too few or too narrow for a face; "
            "use a larger photo."
        )
    return Photo(pixels)


def sniff(data: bytes) -> str:
    """Pillow's name of the format, by the first bytes; ImageError if it is none of the four."""
    if not data:
        raise ImageError("The picture file is empty; choose another one.")
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        return "HEIF"
    raise ImageError("This is not a JPEG, PNG, WebP or HEIC picture; choose another file.")


def _too_many_pixels(width: int, height: int, max_pixels: int) -> ImageError:
    return ImageError(
        f"The picture has {width} × {height} pixels, the limit is "
        f"{max_pixels / 1e6:.0f} million; save it smaller and try again."
    )


def _open(data: bytes, kind: str) -> Image.Image:
    """Parse the header only; Pillow decodes on first use of the pixels."""
    try:
        return Image.open(io.BytesIO(data), formats=[kind])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("The picture has too many pixels; save it smaller.") from error
    except BAD_FILE as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> ImageError:
    log.info("undecodable picture: %s", error)
    return ImageError("The picture is damaged or incomplete; save or send it again.")


def _decode(image: Image.Image, long_side: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright, at most `long_side` px long."""
    try:
        image.draft(None, (long_side, long_side))  # lets JPEG skip detail nobody will see
        image.load()
    except BAD_FILE as error:
        raise _damaged(error) from error
    image = _upright(image)
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):  # 16-bit grey: convert() would clip it
        image = Image.fromarray(
            (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype("u1")
        )
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    image = image.convert("RGB")
    image.thumbnail((long_side, long_side), Image.Resampling.LANCZOS)
    return np.array(image)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except BAD_FILE as error:  # broken metadata is no reason to refuse good pixels
        log.info("unreadable EXIF ignored: %s", error)
        return image


class Detector:
    """Faces in a photo: YuNet where its ONNX file is at hand, OpenCV's Haar cascade elsewhere.

    `yunet`: path of the ONNX file; by default the environment's VCLIP_YUNET, if it is a file.
    May be shared between threads: OpenCV's detectors may not, so calls take turns.
    """

    def __init__(self, yunet: Path | str | None = None) -> None:
        path = Path(yunet or os.environ.get("VCLIP_YUNET") or "")
        self.name = "yunet" if path.is_file() else "haar"
        self._lock = threading.Lock()
        if self.name == "yunet":
            self._yunet = cv2.FaceDetectorYN.create(str(path), "", (320, 320), 0.7)
        else:
            cascade = "haarcascade_frontalface_alt2.xml"
            self._haar = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / cascade))

    def find(self, photo: Photo) -> list[Box]:
        """Boxes, largest first; an empty list if there is no face."""
        height, width = photo.pixels.shape[:2]
        pad = round(PAD * max(height, width))
        scale = min(1.0, DETECT_SIDE / (max(height, width) + 2 * pad))
        padded = cv2.copyMakeBorder(photo.pixels, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        small = cv2.resize(padded, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with self._lock:
            squares = self._find_yunet(small) if self.name == "yunet" else self._find_haar(small)
        boxes = [
            _box(x / scale - pad, y / scale - pad, side / scale, p) for x, y, side, p in squares
        ]
        kept: list[Box] = []
        frame = Box(0, 0, width, height)
        for box in sorted(boxes, key=lambda b: -b.area):
            if _centre_in(box, frame) and not any(_centre_in(box, larger) for larger in kept):
                kept.append(box)  # a mouth or an eye taken for a face lies in a larger box
        return kept

    def _find_haar(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        """(centre x, centre y, side, score) of each face."""
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        least = round(0.06 * max(grey.shape))
        found = self._haar.detectMultiScale(grey, 1.1, 4, minSize=(least, least))
        if len(found) == 0:  # dim, blurred or turned faces get few votes
            equal = cv2.equalizeHist(grey)
            found = self._haar.detectMultiScale(equal, 1.05, 3, minSize=(2 * least, 2 * least))
        return [(x + w / 2, y + h / 2, (w + h) / 2, 1.0) for x, y, w, h in found]

    def _find_yunet(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        """The same squares from YuNet's eyes and mouth corners, so that crops agree with Haar's."""
        self._yunet.setInputSize(pixels.shape[1::-1])
        _, faces = self._yunet.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        squares = []
        for row in faces if faces is not None else ():
            points = row[4:14].reshape(5, 2)  # eyes, nose tip, mouth corners
            eyes, mouth = points[:2].mean(0), points[3:].mean(0)
            # a face in profile has its eyes close together but keeps its eye–mouth distance
            span = max(np.linalg.norm(points[0] - points[1]), np.linalg.norm(eyes - mouth))
            x, y = YUNET_CENTRE * mouth + (1 - YUNET_CENTRE) * eyes
            squares.append((float(x), float(y), float(YUNET_SIDE * span), float(row[14])))
        return squares


YUNET_CENTRE, YUNET_SIDE = 0.29, 2.52
"""Haar's square in terms of eyes and mouth."""


def _box(x: float, y: float, side: float, score: float) -> Box:
    half = side / 2
    return Box(float(x - half), float(y - half), float(x + half), float(y + half), float(score))


def _centre_in(box: Box, frame: Box) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return frame.left <= x <= frame.right and frame.top <= y <= frame.bottom


def find(photo: Photo, detector: Detector) -> list[Box]:
    """Boxes, largest first; NoFaceError if there is none."""
    boxes = detector.find(photo)
    if not boxes:
        raise NoFaceError(
            "No face was found in the picture; use one with a clear frontal face, "
            "or choose to use the whole picture as it is."
        )
    return boxes


def whole(photo: Photo) -> Box:
    """The whole picture as if it were a face's crop: `crop` takes exactly it."""
    height, width = photo.pixels.shape[:2]
    return Box(0.0, 0.0, float(width), float(height), margin=0.0, drop=0.0)


def crop(photo: Photo, box: Box, size: int, margin: float | None = None) -> np.ndarray:
    """The square (size, size, 3) uint8 around a box; what lies outside repeats the border.

    Its side is the box's longer one plus `margin` (default: the box's own) times that on each side;
    it sits `box.drop` sides lower than the box.
    """
    long = max(box.right - box.left, box.bottom - box.top)
    side = max(1, round(long * (1 + 2 * (box.margin if margin is None else margin))))
    left = round((box.left + box.right - side) / 2)
    top = round((box.top + box.bottom - side) / 2 + box.drop * long)
    height, width = photo.pixels.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"box {box.as_list()} lies outside the {width} × {height} photo")
    part = photo.pixels[y0:y1, x0:x1]
    edges = (y0 - top, top + side - y1, x0 - left, left + side - x1)
    part = cv2.copyMakeBorder(part, *edges, cv2.BORDER_REPLICATE)
    shrink = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (size, size), interpolation=shrink), dtype=np.uint8)
