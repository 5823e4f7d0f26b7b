"""Small stand-ins that several tests share: encoders that count, pictures and tones of nobody."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vclip import audio
from vclip.face.detector import FaceDetector
from vclip.face.photo import Box, Photo
from vclip.recipes.data import features


class CountingImages:
    """An image encoder of means over quarters that counts its calls."""

    image_size, dimension = 16, 12
    calls = 0

    def encode(self, images: np.ndarray) -> np.ndarray:
        self.calls += 1
        return images.reshape(len(images), 4, -1, 3).mean(axis=2).reshape(-1, 12).astype("f4")


class CountingVoices:
    """A voice encoder of loudness and zero crossings that counts its calls."""

    sample_rate, dimension, min_seconds = 16000, 2, 0.5
    calls = 0

    def encode(self, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        self.calls += 1
        return np.array([np.abs(wav).mean(), np.mean(wav[1:] * wav[:-1] < 0)], dtype=np.float32)


class NoFaces(FaceDetector):
    """Finds nothing in pictures that are all black, one box elsewhere."""

    def find(self, photo: Photo) -> list[Box]:
        return [Box(8, 8, 24, 24)] if photo.pixels.any() else []


def make_media(folder: Path, n: int = 3, seconds: float = 3.5) -> Path:
    """A manifest of n persons with random pictures and tones; person 0's picture is black."""
    rng = np.random.default_rng(0)
    lines = ["person,face,voice,sex,split"]
    for i in range(n):
        pixels = rng.integers(256, size=(32, 32, 3)) if i else np.zeros((32, 32, 3))
        Image.fromarray(pixels.astype("u1")).save(folder / f"{i}.png")
        wav = np.sin(np.arange(int(seconds * 16000)) * 0.01 * (i + 1)).astype("f4") * 0.5
        audio.save(folder / f"{i}.wav", wav, 16000)
        lines.append(f"p{i},{i}.png,{i}.wav,{'FM'[i % 2]},{'dev' if i % 3 == 2 else 'train'}")
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    return folder / "pairs.csv"


def toy_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick encoders and a quick detector in place of those that make features."""
    monkeypatch.setattr(features, "open_image_encoder", lambda spec: (CountingImages(), "0" * 64))
    monkeypatch.setattr(features, "open_voice_encoder", lambda spec: (CountingVoices(), "1" * 64))
    monkeypatch.setattr(features, "FaceDetector", NoFaces)
