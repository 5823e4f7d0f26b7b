"""The speaking side: a `Synthesizer` protocol and the adapter for coqui's VITS.

The only file that imports coqui's `TTS`. What it takes care of:
* torchaudio's wheel is a CUDA build whose extension cannot load beside a CPU-only torch; VITS needs
  none of it, so a stub stands in, only where the real one fails.
* coqui L2-normalises `d_vectors`; rows of its speaker table `emb_g` are used raw. A speaker
  embedding therefore travels through a spare row of that table.
* VITS draws from torch's global generator: each call forks and seeds it.
* One model serves many users: a lock guards row and generator, and the row is wiped afterwards.
"""

import json
import sys
import threading
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from vclip import phonemes
from vclip.errors import ModelError, TextError
from vclip.harmonic import HarmonicDecoder

Array = npt.NDArray[np.float32]


def _stub_torchaudio_extension() -> None:
    """Let torchaudio import where its compiled extension cannot load."""
    try:
        import torchaudio  # noqa: F401
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stub = types.ModuleType("torchaudio._extension")
        stub.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            fail_if_no_align=lambda function: function,
        )
        sys.modules["torchaudio._extension"] = stub


_stub_torchaudio_extension()

from TTS.tts.configs.vits_config import VitsArgs, VitsConfig  # noqa: E402
from TTS.tts.models.vits import Vits  # noqa: E402
from TTS.tts.utils.text.characters import IPAPhonemes  # noqa: E402
from TTS.tts.utils.text.cleaners import english_cleaners  # noqa: E402

VOCABULARY: list[str] = list(IPAPhonemes().vocab)
BLANK: int = VOCABULARY.index("<BLNK>")


@dataclass(frozen=True)
class Speech:
    """Synthetic speech: wav (T,) float32 in [-1, 1] at sample_rate Hz."""

    wav: Array
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.wav) / self.sample_rate


def join(parts: Sequence[Speech]) -> Speech:
    """One speech out of its sentences."""
    return Speech(np.concatenate([part.wav for part in parts]), parts[0].sample_rate)


class Synthesizer(Protocol):
    """What the pipeline asks of a multi-speaker text-to-speech model."""

    sample_rate: int
    speaker_ids: list[str]

    @property
    def speaker_embeddings(self) -> Array:
        """(N, S) raw-scale embeddings of the speakers that may be offered."""
        ...

    def synthesize(self, text: str, speaker_embedding: Array, seed: int) -> Speech:
        """Speak one sentence; the same arguments give the same samples. Raises TextError."""
        ...


def clean_text(text: str) -> str:
    """Lower-case text with numbers and abbreviations written out (coqui's English cleaner)."""
    return str(english_cleaners(text))


def build_vits(
    model_args: dict[str, Any],
    n_speakers: int,
    n_channels: int,
    decoder: dict[str, Any] | None = None,
) -> Vits:
    """A coqui VITS with a speaker table of n_speakers rows of n_channels, random weights.

    With `decoder`, its HiFi-GAN gives way to a HarmonicDecoder of these arguments.
    """
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
    """A coqui VITS read from `vits.json` and `vits.safetensors`; implements `Synthesizer`.

    The JSON holds model_args (of coqui's VitsArgs), sample_rate, vocabulary, blank, all `speakers`
    in table order and the `hidden` ones among them, which are never offered.
    """

    def __init__(self, model: Vits, settings: dict[str, Any]) -> None:
        self.sample_rate: int = settings["sample_rate"]
        self._vocabulary: list[str] = settings["vocabulary"]
        self._blank: int | None = settings["blank"]
        self._rows = [i for i, s in enumerate(settings["speakers"]) if s not in settings["hidden"]]
        self.speaker_ids: list[str] = [settings["speakers"][i] for i in self._rows]
        self._spare = len(settings["speakers"])  # the table's last row, empty between calls
        self._model = model.eval()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, directory: Path) -> "CoquiVits":
        """Read a model directory's VITS. Raises ModelError if it is missing or does not fit."""
        try:
            settings = json.loads((directory / "vits.json").read_text())
            state = load_file(directory / "vits.safetensors")
            table = state["emb_g.weight"].float()
            state["emb_g.weight"] = torch.cat([table, torch.zeros(1, table.shape[1])])
            model = build_vits(settings["model_args"], len(table) + 1, table.shape[1])
            result = model.load_state_dict(state, strict=False)
        except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
            raise ModelError(f"cannot read the VITS in {directory}: {error}") from error
        # the posterior encoder only serves training and is left out of what ships
        missing = [key for key in result.missing_keys if not key.startswith("posterior_encoder.")]
        if missing or result.unexpected_keys:
            raise ModelError(f"{directory}/vits.safetensors does not fit its vits.json: {result}")
        return cls(model, settings)

    @property
    def speaker_embeddings(self) -> Array:
        """(N, S) rows of `emb_g` in the order of speaker_ids, raw scale."""
        table = self._model.emb_g.weight.detach()[self._rows]
        return np.asarray(table.numpy().copy(), dtype=np.float32)

    def to_ids(self, text: str) -> list[int]:
        """Phoneme ids of a text. Raises TextError if nothing in it can be spoken."""
        ipa = phonemes.phonemize(clean_text(text))
        if not phonemes.is_speakable(ipa):
            raise TextError("nothing in the text can be spoken; type English words or numbers")
        return phonemes.to_ids(ipa, self._vocabulary, self._blank)

    def synthesize(self, text: str, speaker_embedding: Array, seed: int) -> Speech:
        """Speak one sentence in the voice of a raw-scale speaker embedding (S,)."""
        ids = torch.tensor([self.to_ids(text)])
        vector = torch.from_numpy(np.asarray(speaker_embedding, dtype=np.float32))
        with self._lock, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            wav = self._infer(ids, vector)
        return Speech(wav, self.sample_rate)

    @torch.inference_mode()
    def _infer(self, ids: torch.Tensor, vector: torch.Tensor) -> Array:
        table = self._model.emb_g.weight
        table[self._spare] = vector
        try:
            inputs = {"x_lengths": None, "speaker_ids": torch.tensor([self._spare])}
            inputs |= {"d_vectors": None, "language_ids": None, "durations": None}
            wav = self._model.inference(ids, inputs)["model_outputs"][0, 0]  # (1, 1, T) -> (T,)
        finally:
            table[self._spare] = 0.0
        return np.asarray(wav.clamp(-1.0, 1.0).numpy(), dtype=np.float32)


def save_vits(directory: Path, state: dict[str, torch.Tensor], settings: dict[str, Any]) -> None:
    """Write `vits.safetensors` (half precision, no posterior encoder) and `vits.json`."""
    directory.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in state.items() if not k.startswith("posterior_encoder.")}
    half = {key: value.half().contiguous() for key, value in kept.items()}
    save_file(half, directory / "vits.safetensors")
    (directory / "vits.json").write_text(json.dumps(settings, ensure_ascii=False, indent=1) + "\n")
