"""What leads frozen features into the searched space: trained heads, or the zero-shot bridge."""

from typing import Protocol

from torch import Tensor


class Heads(Protocol):
    """Both sides of one space; shared by all requests."""

    def encode_image(self, image_features: Tensor) -> Tensor:
        """image_features (N, F), raw -> image_emb (N, D), unit norm."""
        ...

    def encode_voice(self, voice_features: Tensor) -> Tensor:
        """voice_features (N, V), raw -> voice_emb (N, D), unit norm."""
        ...
