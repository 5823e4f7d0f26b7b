"""The adapter for coqui's VITS, a `Synthesizer`.

The only file that imports coqui's `TTS`. What it takes care of:
* coqui L2-normalises `d_vectors`; rows of its speaker table `emb_g` are used raw. The adapter runs
  VITS's own modules one after the other and hands them the speaker embedding as it is.
* VITS draws from torch's global generator: the short text side forks and seeds it under a lock.
* One model serves many users: it is only read, and the long decoding runs in turns, outside of the
  lock, window by window.
"""

import copy
import functools
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from vclip.arrays import Float32
from vclip.errors import ModelError
from vclip.runtime import ensure_torchaudio, fork_safe_lock
from vclip.speech import coqui_archive, phonemes, streaming
from vclip.speech.harmonic_decoder import HarmonicDecoder
from vclip.speech.hifigan import Hifigan, Precision, remove_weight_norm
from vclip.speech.synthesizer import Speech, check_rate, join

_RANDOM = fork_safe_lock()  # torch has one global generator for all models

ensure_torchaudio()

from TTS.tts.configs.vits_config import VitsArgs, VitsConfig  # noqa: E402
from TTS.tts.models.vits import Vits  # noqa: E402
from TTS.tts.utils.text import cleaners  # noqa: E402
from TTS.tts.utils.text.characters import (  # noqa: E402
    BaseVocabulary,
    Graphemes,
    IPAPhonemes,
)
from TTS.tts.utils.text.punctuation import Punctuation  # noqa: E402

VOCABULARY: list[str] = list(IPAPhonemes().vocab)
BLANK: int = VOCABULARY.index("<BLNK>")


def clean_text(text: str) -> str:
    """Lower-case text with numbers and abbreviations written out (coqui's English cleaner)."""
    return str(cleaners.english_cleaners(text))


def build_vits(
    model_args: dict[str, Any],
    n_speakers: int,
    n_channels: int,
    decoder: dict[str, Any] | None = None,
) -> Vits:
    """A coqui VITS with a speaker table of n_speakers rows of n_channels, random weights.

    With `decoder`, its HiFi-GAN gives way to a HarmonicDecoder of these arguments.
    """
    if decoder is not None:  # coqui makes its own decoder all the same: the smallest
        model_args = model_args | {"upsample_initial_channel_decoder": 16}
    args = VitsArgs(
        **model_args,
        num_chars=len(VOCABULARY),
        use_speaker_embedding=True,
        speaker_embedding_channels=n_channels,
        init_discriminator=False,
    )
    config = VitsConfig(
        model_args=args,
        use_speaker_embedding=True,
        speakers=[str(row) for row in range(n_speakers)],  # coqui sizes the table by their number
        characters=IPAPhonemes().to_config(),
        phoneme_language=phonemes.LANGUAGE,
    )
    model = Vits(config)
    if decoder is not None:
        model.waveform_decoder = HarmonicDecoder(args.hidden_channels, n_channels, **decoder)
    return model


class CoquiVits:
    """A multi-speaker coqui VITS, ready to speak; implements `Synthesizer`."""

    def __init__(
        self,
        model: Vits,
        front_end: phonemes.TextFrontEnd,
        speakers: dict[str, int],
        sample_rate: int,
        precision: Precision = "auto",
    ) -> None:
        """Take over a model with loaded weights; `speakers` are the rows that may be offered."""
        self.sample_rate, self._front_end = sample_rate, front_end
        self.speaker_ids, self._rows = list(speakers), list(speakers.values())
        self._model = model.eval()
        remove_weight_norm(model)
        own = model.waveform_decoder
        is_harmonic = isinstance(own, HarmonicDecoder)
        self._decoder: streaming.WaveformDecoder = own if is_harmonic else Hifigan(own, precision)
        self._renderer, self._device = self._decoder, "cpu"
        self._turns = threading.Semaphore(os.cpu_count() or 1)

    @classmethod
    def load(cls, directory: Path, precision: Precision = "auto") -> "CoquiVits":
        """Read `vits.json` and `vits.safetensors`, or coqui's own archive. Raises ModelError."""
        if not (directory / "vits.json").is_file() and (directory / "config.json").is_file():
            return _load_archive(directory, precision)
        return _load_own(directory, precision)

    def on(self, device: str) -> "CoquiVits":
        """The same voice decoded on another device, beside this one.

        The text side, all random numbers and what the decoder prepares stay on the CPU: the same
        seed gives the same speech, up to rounding.
        """
        other = copy.copy(self)
        other._renderer, other._device = copy.deepcopy(self._decoder).to(device), device
        other._turns = threading.Semaphore(os.cpu_count() or 1)
        return other

    @property
    def speaker_embeddings(self) -> Float32:
        """(N, S) rows of `emb_g` in the order of speaker_ids, raw scale."""
        table = self._model.emb_g.weight.detach()[self._rows]
        return np.asarray(table.numpy().copy(), dtype=np.float32)

    def to_ids(self, text: str) -> list[int]:
        """Phoneme ids of a text. Raises TextError if nothing in it can be spoken."""
        return self._front_end.to_ids(text)

    def synthesize(
        self, text: str, speaker_embedding: Float32, seed: int, rate: float = 1.0
    ) -> Speech:
        """Speak one sentence in the voice of a raw-scale speaker embedding (S,)."""
        return join(list(self.stream(text, speaker_embedding, seed, rate, streaming.LARGEST)))

    def stream(
        self,
        text: str,
        speaker_embedding: Float32,
        seed: int,
        rate: float = 1.0,
        first: int = streaming.FIRST,
    ) -> Iterator[Speech]:
        """The same in pieces, `first` frames at first; wrong arguments raise here, before them."""
        check_rate(rate)
        ids = torch.tensor([self.to_ids(text)])
        vector = torch.from_numpy(np.array(speaker_embedding, dtype=np.float32))
        return self._pieces(ids, vector[None, :, None], seed, rate, first)

    def _pieces(
        self, ids: torch.Tensor, g: torch.Tensor, seed: int, rate: float, first: int
    ) -> Iterator[Speech]:
        with self._turns:
            prepared = self._prepare(ids, g, seed, rate).to(self._device)
        waves = streaming.stream(self._renderer, prepared, g.to(self._device), first)
        while True:
            with self._turns:  # the next window, decoded in turn
                wav = next(waves, None)
            if wav is None:
                return
            yield Speech(wav.clamp(-1.0, 1.0).cpu().numpy(), self.sample_rate)

    def _prepare(self, ids: torch.Tensor, g: torch.Tensor, seed: int, rate: float) -> torch.Tensor:
        """Everything but the long decoding, in the order in which coqui draws random numbers."""
        with _RANDOM, torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)
            return self._decoder.prepare(self._latents(ids, g, rate), g)

    def _latents(self, ids: torch.Tensor, g: torch.Tensor, rate: float) -> torch.Tensor:
        """Ids (1, T) and speaker (1, S, 1) to latents (1, C, frames): `Vits.inference` up to there.

        At a rate other than 1 the ends of coqui's own durations are moved, so that the length is
        what the rate says; scaling before rounding up would lengthen every phoneme of fast speech.
        """
        model = self._model
        x, mean, log_scale, mask = model.text_encoder(ids, torch.tensor([ids.shape[1]]))
        conditions: dict[str, Any] = {"g": g if model.args.condition_dp_on_speaker else None}
        if model.args.use_sdp:
            conditions |= {"reverse": True, "noise_scale": model.inference_noise_scale_dp}
        log_durations = model.duration_predictor(x, mask, **conditions)
        durations = torch.ceil(torch.exp(log_durations) * mask * model.length_scale)[0, 0]
        ends = torch.round(torch.cumsum(durations, 0) / rate).long()
        counts = torch.diff(ends, prepend=ends.new_zeros(1))
        # coqui's memory layout, channels beside each other: it decides which noise is drawn
        mean, log_scale = (m.mT.repeat_interleave(counts, dim=1).mT for m in (mean, log_scale))
        noise = torch.randn_like(mean)
        z = mean + noise * torch.exp(log_scale) * model.inference_noise_scale
        z = model.flow(z, torch.ones_like(z[:, :1]), g=g, reverse=True)
        latents: torch.Tensor = z[:, :, : model.max_inference_len]
        return latents


def read_vits(directory: Path) -> tuple[Vits, dict[str, Any]]:
    """The model and settings of `vits.safetensors` and `vits.json`. Raises ModelError.

    The JSON holds model_args (of coqui's VitsArgs), sample_rate, vocabulary, blank, perhaps a
    `decoder`, all `speakers` in table order and the `hidden` ones among them, never offered.
    """
    try:
        settings = json.loads((directory / "vits.json").read_text())
        state = {k: v.float() for k, v in load_file(directory / "vits.safetensors").items()}
        rows, channels = state["emb_g.weight"].shape
        args, decoder = settings["model_args"], settings.get("decoder")
        model = _filled(lambda: build_vits(args, rows, channels, decoder), state)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise ModelError(f"cannot read the VITS in {directory}: {error}") from error
    return model, settings


def _load_own(directory: Path, precision: Precision) -> CoquiVits:
    model, settings = read_vits(directory)
    try:
        front_end = phonemes.TextFrontEnd(settings["vocabulary"], settings["blank"], clean_text)
        offered = {s: i for i, s in enumerate(settings["speakers"]) if s not in settings["hidden"]}
        return CoquiVits(model, front_end, offered, settings["sample_rate"], precision)
    except KeyError as error:
        raise ModelError(f"{directory}/vits.json has no {error}; export it again") from error


def _load_archive(directory: Path, precision: Precision) -> CoquiVits:
    """The front end is ours: coqui's would call an espeak binary, which need not be there."""
    archive = coqui_archive.read(directory)
    try:
        config = _archived_config(archive)
        model = _filled(lambda: Vits(config), archive.state)
        front_end = _archived_front_end(archive.config, model.tokenizer.characters)
    except Exception as error:  # coqui raises whatever it happens to meet
        raise ModelError(f"the config of {directory} does not fit its weights: {error}") from error
    speakers = {name: row for row, name in enumerate(archive.speakers)}
    return CoquiVits(model, front_end, speakers, config.audio.sample_rate, precision)


def _archived_config(archive: coqui_archive.CoquiArchive) -> VitsConfig:
    """The config as coqui reads it, without what only training or another machine has."""
    config = VitsConfig()
    config.from_dict(archive.config)
    letters = IPAPhonemes if config.use_phonemes else Graphemes
    config.characters = config.characters or letters().to_config()
    kind = config.characters.characters_class or f"{letters.__module__}.{letters.__name__}"
    if not kind.startswith("TTS."):  # coqui imports it, whatever it is
        raise ValueError(f"characters_class {kind!r} is not one of coqui's")
    config.characters.characters_class = kind
    config.use_phonemes = False
    args = config.model_args
    args.use_speaker_embedding = config.use_speaker_embedding = True
    config.speakers, args.speakers_file, config.speakers_file = archive.speakers, None, None
    args.init_discriminator = args.use_speaker_encoder_as_loss = False
    args.speaker_encoder_model_path = ""
    return config


def _archived_front_end(
    config: dict[str, Any], characters: BaseVocabulary
) -> phonemes.TextFrontEnd:
    """Cleaner, phonemizer and blanks as the config names them."""
    language = config.get("phoneme_language") if config.get("use_phonemes") else None
    language = phonemes.LANGUAGE if language == "en" else language
    if language and not language.startswith("en"):
        raise ValueError(f"it speaks {language!r}; vclip's text is English")
    if (config.get("phonemizer") or "espeak") != "espeak":
        raise ValueError(f"it needs the phonemizer {config['phonemizer']!r}; vclip has espeak")
    cleaner = getattr(cleaners, config["text_cleaner"]) if config.get("text_cleaner") else None
    return phonemes.TextFrontEnd(
        characters.vocab,
        characters.blank_id if config.get("add_blank", True) else None,
        functools.partial(cleaner, lang="en") if cleaner else str,
        language,
        Punctuation.default_puncs(),
        (characters.bos_id, characters.eos_id) if config.get("enable_eos_bos_chars") else None,
    )


def _filled(build: Callable[[], Vits], state: dict[str, torch.Tensor]) -> Vits:
    """A model with these weights; the posterior encoder only serves training and is left out."""
    with _RANDOM, torch.random.fork_rng(devices=[]):  # fresh weights draw from it
        model = build()
    del model.posterior_encoder
    model.load_state_dict({k: v for k, v in state.items() if "posterior_encoder." not in k})
    return model.eval()


def save_vits(directory: Path, state: dict[str, torch.Tensor], settings: dict[str, Any]) -> None:
    """Write `vits.safetensors` (half precision, no posterior encoder) and `vits.json`."""
    directory.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in state.items() if not k.startswith("posterior_encoder.")}
    half = {key: value.half().contiguous() for key, value in kept.items()}
    save_file(half, directory / "vits.safetensors")
    (directory / "vits.json").write_text(json.dumps(settings, ensure_ascii=False, indent=1) + "\n")
