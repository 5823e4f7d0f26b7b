"""What leads frozen features into the searched space: trained heads, or the zero-shot bridge."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Reads(Protocol):
    """Sizes of the features that heads read."""

    @property
    def image_dimension(self) -> int:
        """F."""
        ...

    @property
    def voice_dimension(self) -> int:
        """V."""
        ...


@dataclass(frozen=True)
class Sizes:
    """These alone, where there is no more to configure."""

    image_dimension: int
    voice_dimension: int


class Heads(Protocol):
    """Both sides of one space; shared by all requests."""

    @property
    def config(self) -> Reads:
        """At least the sizes of the features."""
        ...

    def encode_image(self, image_features: Tensor) -> Tensor:
        """image_features (N, F), raw -> image_emb (N, D), unit norm."""
        ...

    def encode_voice(self, voice_features: Tensor) -> Tensor:
        """voice_features (N, V), raw -> voice_emb (N, D), unit norm."""
        ...
