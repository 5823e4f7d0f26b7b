"""The signature network s(e): predicts how a speaker embedding sounds (docs/method.md, Generation).

A TTS drifts: the voice heard is not quite the voice asked for. s predicts the voice features of the
synthesised speech from the speaker embedding alone, so that thousands of candidates can be ranked
by how they will really sound.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vclip.arrays import Float32
from vclip.errors import ModelError
from vclip.weights import BROKEN, read_weights, write_weights

RIDGES = tuple(10.0 ** np.arange(-1, 5, 0.5))  # penalties to choose from, on standardised inputs


class SignatureNet(nn.Module):
    """speaker_embedding (N, S), raw scale -> voice_features (N, V) of unit norm.

    Unit norm because that is how Resemblyzer gives its features. n_hidden=0 is a linear map.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_speaker: int, n_voice: int, n_hidden: int = 512) -> None:
        super().__init__()
        self.sizes = {"n_speaker": n_speaker, "n_voice": n_voice, "n_hidden": n_hidden}
        self.register_buffer("mean", torch.zeros(n_speaker))
        self.register_buffer("scale", torch.ones(n_speaker))
        hidden: list[nn.Module] = []
        for width in (n_speaker, n_hidden) if n_hidden else ():
            hidden += [nn.Linear(width, n_hidden), nn.ReLU(), nn.Dropout(0.1)]
        self.layers = nn.Sequential(*hidden, nn.Linear(n_hidden or n_speaker, n_voice))

    def standardise(self, speaker_embeddings: Tensor) -> None:
        """Take the input's mean and scale from a table (N, S)."""
        self.mean.copy_(speaker_embeddings.mean(0))
        self.scale.copy_(speaker_embeddings.std(0).clamp(min=1e-3))

    def forward(self, speaker_embedding: Tensor) -> Tensor:
        """(N, S) -> (N, V)."""
        return F.normalize(self.layers((speaker_embedding - self.mean) / self.scale), dim=-1)

    @classmethod
    def ridge(cls, speaker_embeddings: Float32, voice_features: Float32) -> "SignatureNet":
        """A linear one from pairs (N, S), (N, V), in closed form, without listening to the TTS.

        The penalty of RIDGES with the least leave-one-out error is taken.
        """
        from sklearn.linear_model import RidgeCV  # slow to import, and only fitting needs it

        net = cls(speaker_embeddings.shape[1], voice_features.shape[1], n_hidden=0)
        net.standardise(torch.from_numpy(speaker_embeddings))
        inputs = (speaker_embeddings - net.mean.numpy()) / net.scale.numpy()
        fitted = RidgeCV(RIDGES).fit(inputs.astype(np.float64), voice_features)
        layer = net.layers[0]
        layer.weight.data = torch.from_numpy(fitted.coef_).float().contiguous()  # (V, S)
        layer.bias.data = torch.from_numpy(fitted.intercept_).float()
        return net.eval()

    def save(self, path: Path, metadata: dict[str, Any] | None = None) -> None:
        """Write weights, sizes and provenance. Raises OutputError."""
        write_weights(path, self.state_dict(), {"sizes": self.sizes, **(metadata or {})})

    @classmethod
    def load(cls, path: Path) -> "SignatureNet":
        """Read what `save` wrote, ready to predict. Raises ModelError."""
        try:
            header, weights = read_weights(path)
            net = cls(**header["sizes"])
            net.load_state_dict(weights)
        except BROKEN as error:
            raise ModelError(f"cannot read the signature network {path}: {error}") from error
        return net.eval()
