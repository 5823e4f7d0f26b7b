"""A CLIP in miniature, both towers and the tokenizer, saved as transformers saves them."""

import string
from pathlib import Path
from typing import Any

import torch

from vclip.runtime import ensure_torchaudio

F, SIDE, TOKENS = 12, 16, 77
LAYERS = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "projection_dim": F,
}


def towers() -> Any:
    """transformers, which imports torchaudio."""
    ensure_torchaudio()
    import transformers

    return transformers


def make_tokenizer() -> Any:
    """Every letter a token, and "an" one of two."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    words = [*letters, *(f"{c}</w>" for c in letters), "an</w>"]
    vocabulary = {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return towers().CLIPTokenizer(vocab=vocabulary, merges=[("a", "n</w>")])


def make_clip(folder: Path, seed: int = 0) -> Any:
    """Random weights; large enough in the text tower that texts differ."""
    tokenizer = make_tokenizer()
    n = len(tokenizer.get_vocab())
    ends = {"bos_token_id": n - 2, "eos_token_id": n - 1, "pad_token_id": n - 1}
    text = LAYERS | {"vocab_size": n, "max_position_embeddings": TOKENS} | ends
    vision = LAYERS | {"image_size": SIDE, "patch_size": 8}
    config = towers().CLIPConfig(text_config=text, vision_config=vision, projection_dim=F)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = towers().CLIPModel(config).eval()
        with torch.no_grad():
            model.text_model.embeddings.token_embedding.weight.normal_(std=1)
            model.vision_model.embeddings.patch_embedding.weight.normal_(std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model
