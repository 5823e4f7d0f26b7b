"""Checkpoints of frozen encoders in their true file formats, small and untrained."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from vclip.face.encoder import SmallFaceEncoder
from vclip.runtime import ensure_torchaudio

SEEN = {  # a vision tower for pictures of 32 × 32
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
    "projection_dim": 24,
}
READ = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 64,
    "max_position_embeddings": 16,
    "projection_dim": 24,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
MEL = {  # of both repositories
    "fft_size": 512,
    "win_length": 400,
    "hop_length": 160,
    "sample_rate": 16000,
    "preemphasis": 0.97,
    "num_mels": 64,
}


def save_clip(folder: Path, seed: int = 0) -> Any:
    """Both towers, as save_pretrained writes them, with the processor's file; returns the model."""
    ensure_torchaudio()
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = CLIPConfig(text_config=READ, vision_config=SEEN, projection_dim=24)
        model = CLIPModel(config).eval()
    model.save_pretrained(folder)
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size=32,
        image_mean=[0.4, 0.5, 0.6],
        image_std=[0.2, 0.25, 0.3],
    )
    processor.save_pretrained(folder)
    return model


def coqui_hasp(seed: int = 0, dimension: int = 16, kind: str = "ASP") -> Any:
    """coqui's own network, thin, its batch norms as if they had seen data."""
    ensure_torchaudio()
    from TTS.encoder.models.resnet import ResNetSpeakerEncoder

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ResNetSpeakerEncoder(
            input_dim=64,
            proj_dim=dimension,
            layers=[1, 2, 1, 2],
            num_filters=[8, 8, 16, 16],
            encoder_type=kind,
            log_input=True,
            use_torch_spec=True,
            audio_config=MEL,
        ).eval()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return network


def save_coqui(path: Path, network: Any) -> Path:
    """As coqui's trainer keeps it."""
    torch.save({"model": network.state_dict(), "step": 7, "date": "2021-09-01"}, path)
    return path


def save_clovaai(path: Path, network: Any) -> Path:
    """As voxceleb_trainer keeps it: the speaker net under __S__, the loss under __L__."""
    weights = {
        "__S__." + name.replace("torch_spec", "torchfb").replace("0.filter", "0.flipped_filter"): w
        for name, w in network.state_dict().items()
    }
    torch.save({**weights, "__L__.fc.weight": torch.zeros(3, 2), "__L__.w": torch.ones(1)}, path)
    return path


def small() -> SmallFaceEncoder:
    """A tiny face encoder with weights of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SmallFaceEncoder(32, (4, 4, 12), (1, 2)).eval()


def save_small(path: Path, net: SmallFaceEncoder, **changes: object) -> Path:
    """As the recipe writes it, with changes of what the file tells of itself."""
    about = {"architecture": {**net.architecture, **changes}}
    save_file(net.state_dict(), path, metadata={"vclip": json.dumps(about)})
    return path
