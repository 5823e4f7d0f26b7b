"""CLIP's two towers (Radford et al. 2021): a frozen image encoder, and a text encoder beside it.

The image tower is Vclip's (docs/method.md, Association). Any CLIP that transformers knows is read
from the directory of a saved one; nothing but safetensors.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vclip.arrays import Float32, Images
from vclip.errors import ModelError, TextError, first_line
from vclip.face.encoder import check_images
from vclip.runtime import ensure_torchaudio, mixed_precision, pick_device

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
BATCH = 256  # images or texts encoded at once


def load_tower(folder: Path, kind: str) -> Any:
    """A frozen tower of a saved CLIP by transformers' class name, all its weights from the file.

    Raises ModelError if a file is missing or broken, or holds no such tower.
    """
    if not (folder / "config.json").is_file():
        raise _unusable(folder, "it has no config.json")
    ensure_torchaudio()
    import transformers  # slow to import

    try:
        with _quiet(transformers.utils.logging):
            model, loading = getattr(transformers, kind).from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # they are refused below, with their names
                output_loading_info=True,
            )
    except Exception as error:  # transformers raises errors of many kinds for what is in a file
        raise _unusable(folder, first_line(error)) from error
    wrong = sorted(loading["missing_keys"]) + [key for key, *_ in loading["mismatched_keys"]]
    if wrong:
        raise _unusable(folder, f"{len(wrong)} weights are missing or do not fit, as {wrong[0]}")
    return model.eval().requires_grad_(False)


@contextlib.contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Without transformers' table of the other tower's weights and its progress bar."""
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def _unusable(folder: Path, reason: str) -> ModelError:
    return ModelError(
        f"{folder} holds no usable CLIP ({reason}); name a directory that transformers' "
        "save_pretrained wrote, with config.json and model.safetensors"
    )


class ClipImageEncoder:
    """image_features are CLIP's projected image embeddings before they are normalised."""

    def __init__(self, folder: Path, device: str = "") -> None:
        self.device = pick_device(device)
        self.tower = load_tower(folder, "CLIPVisionModelWithProjection").to(self.device)
        self.image_size = int(self.tower.config.image_size)
        self.dimension = int(self.tower.visual_projection.out_features)
        mean, std = _colours(folder / "preprocessor_config.json")
        self._mean = torch.tensor(mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(std, device=self.device).view(1, 3, 1, 1)

    def to_input(self, images: Images) -> Tensor:
        """(N, H, W, 3) uint8 → pixel_values (N, 3, H, W) as CLIP's own preprocessing makes them."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        return (pixels.permute(0, 3, 1, 2) / 255 - self._mean) / self._std

    @torch.inference_mode()
    def encode(self, images: Images) -> Float32:
        """(N, size, size, 3) uint8 RGB → image_features (N, F) float32, raw scale."""
        check_images(images, self.image_size)
        parts = [np.zeros((0, self.dimension), np.float32)]
        for i in range(0, len(images), BATCH):
            with mixed_precision(self.device):
                found = self.tower(pixel_values=self.to_input(images[i : i + BATCH]))
            parts.append(found.image_embeds.float().cpu().numpy())
        return np.concatenate(parts)


def _colours(path: Path) -> tuple[list[float], list[float]]:
    """Mean and deviation of the colours that the tower was trained with, on a scale of 0 to 1."""
    if not path.is_file():
        return list(MEAN), list(STD)
    about = json.loads(path.read_text())
    return list(about.get("image_mean", MEAN)), list(about.get("image_std", STD))


class ClipTextEncoder:
    """Texts to CLIP's projected text embeddings before they are normalised.

    folder: a saved CLIP with its tokenizer (tokenizer.json). Raises ModelError.
    """

    def __init__(self, folder: Path, device: str = "") -> None:
        self.device = pick_device(device)
        self.tower = load_tower(folder, "CLIPTextModelWithProjection").to(self.device)
        self.dimension = int(self.tower.text_projection.out_features)
        self._longest = int(self.tower.config.max_position_embeddings)
        if not (folder / "tokenizer.json").is_file():
            raise ModelError(f"{folder} has no tokenizer.json; fetch all of the CLIP's files")
        from transformers import CLIPTokenizer  # slow to import

        self._tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Float32:
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
            with mixed_precision(self.device):
                found = self.tower(**tokens.to(self.device))
            parts.append(found.text_embeds.float().cpu().numpy())
        return np.concatenate(parts)
