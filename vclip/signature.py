"""The signature network s(e): what the TTS will sound like, without letting it speak (paper §3.2).

A TTS drifts: the voice heard is not quite the voice asked for. s predicts the voice features of the
synthesised speech from the speaker embedding alone, so that thousands of candidates can be ranked
by how they will really sound.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from vclip.errors import ModelError


class SignatureNet(nn.Module):
    """speaker_embedding (N, S), raw scale -> voice_features (N, V) of unit norm.

    Unit norm because that is how Resemblyzer gives its features.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_speaker: int, n_voice: int, n_hidden: int = 512) -> None:
        super().__init__()
        self.sizes = {"n_speaker": n_speaker, "n_voice": n_voice, "n_hidden": n_hidden}
        self.register_buffer("mean", torch.zeros(n_speaker))
        self.register_buffer("scale", torch.ones(n_speaker))
        self.layers = nn.Sequential(
            nn.Linear(n_speaker, n_hidden),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(n_hidden, n_hidden),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(n_hidden, n_voice),
        )

    def standardise(self, speaker_embeddings: Tensor) -> None:
        """Take the input's mean and scale from a table (N, S)."""
        self.mean.copy_(speaker_embeddings.mean(0))
        self.scale.copy_(speaker_embeddings.std(0).clamp(min=1e-3))

    def forward(self, speaker_embedding: Tensor) -> Tensor:
        """(N, S) -> (N, V)."""
        return F.normalize(self.layers((speaker_embedding - self.mean) / self.scale), dim=-1)

    def save(self, path: Path, metadata: dict[str, Any]) -> None:
        """Write safetensors with sizes and provenance."""
        values = {"sizes": self.sizes, **metadata}
        save_file(self.state_dict(), path, {key: json.dumps(v) for key, v in values.items()})

    @classmethod
    def load(cls, path: Path) -> "SignatureNet":
        """Read what `save` wrote, ready to predict. Raises ModelError."""
        try:
            with safe_open(path, "pt") as file:
                net = cls(**json.loads(file.metadata()["sizes"]))
                net.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"cannot read the signature network {path}: {error}") from error
        return net.eval()
