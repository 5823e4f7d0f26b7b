"""Photos: the bytes of a picture to upright pixels, and a face's box to the square of its crop.

`load_photo` → `detector.find_faces` → `crop_face`: training and the app go through the same three.
"""

import contextlib
import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from vclip.arrays import Pixels
from vclip.errors import ImageError

log = logging.getLogger(__name__)
pillow_heif.register_heif_opener()

FACE_MARGIN = 0.05
"""Added on each side of a face box, in box sides: with FACE_DROP, about UTKFace's own crops."""
FACE_DROP = 0.10  # box sides that a crop is moved down: Haar's square has much forehead, no chin
MIN_SIDE = 24  # px; less than this holds no face
BEGINNINGS = {  # by Pillow's name of the format
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "HEIF": re.compile(rb".{4}ftyp(?:hei[cxms]|hev[cx]|mif1|msf1)", re.DOTALL),
}
BAD_FILE = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, MemoryError, IndexError)
Image.init()


@dataclass(frozen=True)
class Photo:
    """A picture without its metadata: pixels (H, W, 3) uint8 RGB, upright."""

    pixels: Pixels


@dataclass(frozen=True)
class Box:
    """A face in a photo, in its pixels; may reach beyond the border. See `crop_face`."""

    left: float
    top: float
    right: float
    bottom: float
    margin: float = FACE_MARGIN
    drop: float = FACE_DROP

    @property
    def area(self) -> float:
        """Its area in square pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def as_list(self) -> list[int]:
        """[left, top, right, bottom], rounded."""
        return [round(x) for x in (self.left, self.top, self.right, self.bottom)]


def load_photo(
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
    kind = sniff_format(data)
    with _damage_reported():  # Pillow reads the header only, and the pixels on first use
        image = Image.open(io.BytesIO(data), formats=[kind])
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"The picture has {width} × {height} pixels, the limit is "
            f"{max_pixels / 1e6:.0f} million; save it smaller and try again."
        )
    if image.format in ("PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        raise ImageError("The picture is an animation; use a still photo.")
    pixels = _decode(image, long_side)
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise ImageError(
            f"The picture has {width} × {height} pixels, too few or too narrow for a face; "
            "use a larger photo."
        )
    return Photo(pixels)


def sniff_format(data: bytes) -> str:
    """Pillow's name of the format, by the first bytes; ImageError if it is none of the four."""
    if not data:
        raise ImageError("The picture file is empty; choose another one.")
    for kind, beginning in BEGINNINGS.items():
        if beginning.match(data):
            return kind
    raise ImageError("This is not a JPEG, PNG, WebP or HEIC picture; choose another file.")


@contextlib.contextmanager
def _damage_reported() -> Iterator[None]:
    """Turn what Pillow raises into an ImageError."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError("The picture has too many pixels; save it smaller.") from error
    except BAD_FILE as error:
        log.info("undecodable picture: %s", error)
        raise ImageError("The picture is damaged or incomplete; save or send it again.") from error


def _decode(image: Image.Image, long_side: int) -> Pixels:
    """(H, W, 3) uint8 RGB, upright, at most `long_side` px long."""
    with _damage_reported():
        image.draft(None, (long_side, long_side))  # lets JPEG skip detail nobody will see
        image.load()
    try:
        image = ImageOps.exif_transpose(image)
    except BAD_FILE as error:  # broken metadata is no reason to refuse good pixels
        log.info("unreadable EXIF ignored: %s", error)
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


def whole_photo(photo: Photo) -> Box:
    """The whole picture as if it were a face's crop: `crop_face` takes exactly it."""
    height, width = photo.pixels.shape[:2]
    return Box(0.0, 0.0, float(width), float(height), margin=0.0, drop=0.0)


def crop_face(photo: Photo, box: Box, size: int, margin: float | None = None) -> Pixels:
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
    edges = (y0 - top, top + side - y1, x0 - left, left + side - x1)
    part = cv2.copyMakeBorder(photo.pixels[y0:y1, x0:x1], *edges, cv2.BORDER_REPLICATE)
    shrink = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (size, size), interpolation=shrink), dtype=np.uint8)
