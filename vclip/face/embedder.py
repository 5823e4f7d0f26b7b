"""Face embedder: from a photo (or a description in its place) to image_emb."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vclip.arrays import Float32, Pixels
from vclip.association.zero_shot import ZeroShotHeads
from vclip.errors import InputError, ModelError
from vclip.face.detector import FaceDetector, find_faces
from vclip.face.encoder import ImageEncoder
from vclip.face.photo import Box, Photo, crop_face, load_photo, whole_photo
from vclip.speakers.candidates import Heads


@dataclass(frozen=True)
class FaceResult:
    """A face and its image_emb (D,), unit norm; image is the crop, (size, size, 3) uint8.

    Of a description there is no pixel and no box, and the detector is "words".
    """

    image: Pixels
    box: Box
    boxes: list[Box]
    detector: str
    image_emb: Float32

    def as_dict(self) -> dict[str, Any]:
        """What is told of it as JSON: box in pixels, detector, number of faces."""
        return {"box": self.box.as_list(), "detector": self.detector, "faces": len(self.boxes)}


@dataclass(frozen=True)
class FaceEmbedder:
    """Finds faces and encodes them; shared by all requests."""

    encoder: ImageEncoder
    heads: Heads
    detector: FaceDetector

    def embed_photo(self, photo: bytes | Photo, box: Box | int | None, whole: bool) -> FaceResult:
        """Find the faces, take the largest (or a box, or the box of an index) and encode it.

        Raises ImageError, NoFaceError (whole=True uses the whole picture instead), InputError.
        """
        photo = load_photo(photo) if isinstance(photo, bytes) else photo
        if whole:
            boxes, detector = [whole_photo(photo)], "none"
        else:
            boxes, detector = find_faces(photo, self.detector), self.detector.name
        if isinstance(box, int) and not 0 <= box < len(boxes):
            raise InputError(f"there is no face {box}; the photo has faces 0 to {len(boxes) - 1}")
        chosen = boxes[box or 0] if isinstance(box, int | None) else box
        image = crop_face(photo, chosen, self.encoder.image_size)
        image_emb = self.embed_features(self.encoder.encode(image[None]))[0]
        return FaceResult(image, chosen, boxes, detector, image_emb)

    def embed_description(self, description: str) -> FaceResult:
        """Words in the place of a face, for zero-shot models only. Raises ModelError, TextError."""
        if not isinstance(self.heads, ZeroShotHeads):
            raise ModelError(
                "this model knows faces, not words; use a zero-shot one, as --model zero-shot is"
            )
        image_emb = self.heads.encode_description(description)
        nothing = np.zeros((0, 0, 3), dtype=np.uint8)
        return FaceResult(nothing, Box(0, 0, 0, 0), [], "words", image_emb)

    def embed_features(self, image_features: Float32) -> Float32:
        """image_features (N, F) -> image_emb (N, D)."""
        with torch.inference_mode():
            embs = self.heads.encode_image(torch.from_numpy(image_features))
        return np.asarray(embs.numpy(), dtype=np.float32)
