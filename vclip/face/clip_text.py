"""CLIP's text tower (Radford et al. 2021): descriptions into the space of CLIP's image_features."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vclip.devices import device_of, mixed
from vclip.errors import ModelError, TextError
from vclip.face.clip import load_tower

BATCH = 256  # texts encoded at once


class ClipTextEncoder:
    """Texts to CLIP's projected text embeddings before they are normalised.

    folder: a saved CLIP with its tokenizer (tokenizer.json). Raises ModelError.
    """

    def __init__(self, folder: Path, device: str = "") -> None:
        self.device = device_of(device)
        self.tower = load_tower(folder, "CLIPTextModelWithProjection").to(self.device)
        self.dimension = int(self.tower.text_projection.out_features)
        self._longest = int(self.tower.config.max_position_embeddings)
        if not (folder / "tokenizer.json").is_file():
            raise ModelError(f"{folder} has no tokenizer.json; fetch all of the CLIP's files")
        from transformers import CLIPTokenizer  # slow to import

        self._tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """N texts -> text features (N, F) float32, raw scale. TextError for one that is too long.

        CLIP would read no more than 77 tokens, some 50 English words, and drop the rest unsaid.
        """
        parts = [np.zeros((0, self.dimension), np.float32)]
        for i in range(0, len(texts), BATCH):
            tokens = self._tokenizer(list(texts[i : i + BATCH]), padding=True, return_tensors="pt")
            if tokens.input_ids.shape[1] > self._longest:
                raise TextError(
                    f"the description is too long: CLIP reads {self._longest} tokens; shorten it"
                )
            with mixed(self.device):
                found = self.tower(**tokens.to(self.device))
            parts.append(found.text_embeds.float().cpu().numpy())
        return np.concatenate(parts)
