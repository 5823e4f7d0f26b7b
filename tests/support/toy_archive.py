"""A tiny VITS in coqui's own archive format, as its manager unpacks it."""

import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vclip.speech import vits  # first: it makes coqui's imports work  # isort: skip
from TTS.tts.configs.shared_configs import CharactersConfig
from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
from TTS.tts.models.vits import Vits

NAMES = ["ED\n", "p225", "p226", "p227"]  # as in the published VCTK model, line break and all
N_CHANNELS = 12


@dataclass(frozen=True)
class Archive:
    """Where it lies, and the model that it holds, to be asked directly."""

    directory: Path
    model: Vits


def make_config() -> VitsConfig:
    """The published model's options in small: letters, IPA, blanks, stochastic durations."""
    args = VitsArgs(
        hidden_channels=16,
        hidden_channels_ffn_text_encoder=32,
        num_layers_text_encoder=1,
        num_layers_posterior_encoder=1,
        num_layers_flow=1,
        upsample_initial_channel_decoder=32,
        resblock_kernel_sizes_decoder=[3],
        resblock_dilation_sizes_decoder=[[1, 3, 5]],
        use_speaker_embedding=True,
        speaker_embedding_channels=N_CHANNELS,
        use_sdp=True,
        init_discriminator=False,
    )
    characters = CharactersConfig(
        characters_class="TTS.tts.models.vits.VitsCharacters",
        pad="_",
        characters=string.ascii_letters,
        punctuations=';:,.!?¡¿—…"«»“” ',
        phonemes="".join(symbol for symbol in vits.VOCABULARY if len(symbol) == 1),
    )
    return VitsConfig(
        model_args=args,
        use_speaker_embedding=True,
        speakers=[str(row) for row in range(len(NAMES))],
        characters=characters,
        text_cleaner="english_cleaners",
        add_blank=True,
    )


def make_archive(directory: Path, **changes: Any) -> Archive:
    """Write config.json, model_file.pth and speaker_ids.json; `changes` go into the config."""
    directory.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Vits(make_config()).eval()
        with torch.no_grad():  # as after training: weights that matter, a voice that is heard
            for name, parameter in model.named_parameters():
                if "flow" in name and not parameter.any():  # zero at first
                    parameter.normal_(std=0.2)
                elif "waveform_decoder" in name and parameter.dim() > 1:
                    parameter.mul_(1.7)
            model.emb_g.weight.mul_(2)
    extra = {"disc.net.bias": torch.zeros(3)}  # published checkpoints hold the discriminator too
    torch.save({"model": model.state_dict() | extra, "step": 1}, directory / "model_file.pth")
    config = model.config.to_dict() | {
        "use_phonemes": True,
        "phonemizer": "espeak",
        "phoneme_language": "en",
        "speakers": [],
    }
    (directory / "config.json").write_text(json.dumps(config | changes))
    rows = {name: row for row, name in enumerate(NAMES)}
    (directory / "speaker_ids.json").write_text(json.dumps(rows))
    return Archive(directory, model)
