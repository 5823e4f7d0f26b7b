"""Face detection: YuNet or OpenCV's Haar cascade, with boxes that agree."""

import os
import threading
from pathlib import Path

import cv2
import numpy as np

from vclip.arrays import Pixels
from vclip.errors import NoFaceError
from vclip.face.photo import Box, Photo

DETECT_SIDE = 640  # px, long side that the detectors see, padding included
PAD = 0.2  # of the photo's long side; tight crops need it before Haar sees a face
YUNET_CENTRE, YUNET_SIDE = 0.29, 2.52
"""Haar's square in terms of eyes and mouth."""


class FaceDetector:
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
        resized = cv2.resize(padded, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = np.asarray(resized, dtype=np.uint8)
        with self._lock:
            squares = self._find_yunet(small) if self.name == "yunet" else self._find_haar(small)
        boxes = [_box(x / scale - pad, y / scale - pad, side / scale) for x, y, side in squares]
        kept: list[Box] = []
        frame = Box(0, 0, width, height)
        for box in sorted(boxes, key=lambda b: -b.area):
            if _centre_in(box, frame) and not any(_centre_in(box, larger) for larger in kept):
                kept.append(box)  # a mouth or an eye taken for a face lies in a larger box
        return kept

    def _find_haar(self, pixels: Pixels) -> list[tuple[float, float, float]]:
        """(centre x, centre y, side) of each face."""
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        least = round(0.06 * max(grey.shape))
        found = self._haar.detectMultiScale(grey, 1.1, 4, minSize=(least, least))
        if len(found) == 0:  # dim, blurred or turned faces get few votes
            equal = cv2.equalizeHist(grey)
            found = self._haar.detectMultiScale(equal, 1.05, 3, minSize=(2 * least, 2 * least))
        return [(x + w / 2, y + h / 2, (w + h) / 2) for x, y, w, h in found]

    def _find_yunet(self, pixels: Pixels) -> list[tuple[float, float, float]]:
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
            squares.append((float(x), float(y), float(YUNET_SIDE * span)))
        return squares


def _box(x: float, y: float, side: float) -> Box:
    half = side / 2
    return Box(float(x - half), float(y - half), float(x + half), float(y + half))


def _centre_in(box: Box, frame: Box) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return frame.left <= x <= frame.right and frame.top <= y <= frame.bottom


def find_faces(photo: Photo, detector: FaceDetector) -> list[Box]:
    """Boxes, largest first; NoFaceError if there is none."""
    boxes = detector.find(photo)
    if not boxes:
        raise NoFaceError(
            "No face was found in the picture; use one with a clear frontal face, "
            "or choose to use the whole picture as it is."
        )
    return boxes
