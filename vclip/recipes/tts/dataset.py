"""Batches for VITS from the file that `vclip.recipes.tts.prepare` writes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from vclip.arrays import Indices
from vclip.errors import DataError

HOP = 256  # samples a frame


@dataclass(frozen=True)
class UtteranceBatch:
    """Padded utterances with their true lengths."""

    ids: Tensor  # (B, L) int64
    id_lengths: Tensor  # (B,)
    wav: Tensor  # (B, T) float32, T a multiple of HOP
    frames: Tensor  # (B,) spectrogram frames
    speaker: Tensor  # (B,) rows of the speaker table
    f0: Tensor  # (B, frames) in Hz, 0 where unvoiced
    voice: Tensor  # (B, V) voice features of the speakers

    def windows(self, frames: int, generator: torch.Generator) -> "UtteranceBatch":
        """A random window of every utterance, for what needs no text; ids stay whole."""
        starts = self.starts(frames, generator)
        wav = window(self.wav, starts * HOP, frames * HOP)
        lengths = self.frames.clamp(max=frames)
        return replace(self, wav=wav, frames=lengths, f0=window(self.f0, starts, frames))

    def starts(self, frames: int, generator: torch.Generator) -> Tensor:
        """A random first frame (B,) of a window of so many frames in every utterance."""
        room = (self.frames - frames).clamp(min=0).cpu() + 1
        return (torch.rand(len(room), generator=generator) * room).long()

    def to(self, device: torch.device) -> "UtteranceBatch":
        """The same on another device."""
        return UtteranceBatch(*(tensor.to(device) for tensor in vars(self).values()))


def window(x: Tensor, starts: Tensor, length: int) -> Tensor:
    """x (B, …, T) from each item's start on, padded with zeros: (B, …, length)."""
    padded = torch.nn.functional.pad(x, (0, length))
    return torch.stack([padded[i, ..., s : s + length] for i, s in enumerate(starts.tolist())])


class TtsDataset:
    """All utterances of a prepared file, in memory as 16-bit samples."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DataError(f"{path} is missing; run `python -m vclip.recipes.tts.prepare` first")
        with safe_open(path, "pt") as file:
            self._tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = {key: json.loads(value) for key, value in file.metadata().items()}
        self.speakers: list[str] = metadata["speakers"]
        self.sample_rate: int = metadata["config"]["sample_rate"]
        self.speaker = self._tensors["speaker"].numpy()
        self.voice_features = self._tensors["voice_features"]
        self.n_samples = np.diff(self._tensors["wav_offsets"].numpy())
        self.synthetic = np.array([self.speakers[s].startswith("f") for s in self.speaker])

    def _slice(self, key: str, i: int) -> Tensor:
        """Utterance i's part of a packed tensor."""
        begin, end = self._tensors[f"{key.removesuffix('s')}_offsets"][i : i + 2].tolist()
        part: Tensor = self._tensors[key][begin:end]
        return part

    def batch(self, rows: Indices) -> UtteranceBatch:
        """The utterances of these rows, padded with zeros."""
        ids = [self._slice("ids", i).long() for i in rows]
        wavs = [self._slice("wav", i)[: self.n_samples[i] // HOP * HOP] for i in rows]
        pad = torch.nn.utils.rnn.pad_sequence
        return UtteranceBatch(
            ids=pad(ids, batch_first=True),
            id_lengths=torch.tensor([len(i) for i in ids]),
            wav=pad(wavs, batch_first=True).float() / 32768,
            frames=torch.tensor([len(w) // HOP for w in wavs]),
            speaker=torch.tensor(self.speaker[rows]),
            f0=pad([self._slice("f0", i).float() for i in rows], batch_first=True),
            voice=self.voice_features[self.speaker[rows]],
        )


def batches(
    corpus: TtsDataset,
    size: int,
    rng: np.random.Generator,
    max_seconds: float,
    engines: float = 0.5,
) -> Iterator[UtteranceBatch]:
    """Endless batches of similar lengths, a share of them the engines' many sentences.

    A batch is drawn around one random quantile of length in both parts, so that little is padding.
    """
    usable = corpus.n_samples <= max_seconds * corpus.sample_rate
    parts = []
    for part, share in ((corpus.synthetic, engines), (~corpus.synthetic, 1 - engines)):
        rows = np.flatnonzero(part & usable)
        if len(rows):
            parts.append((rows[np.argsort(corpus.n_samples[rows])], share))
    total = sum(share for _, share in parts)
    while True:
        quantile = rng.random()
        drawn = []
        for rows, share in parts:
            near = quantile + rng.normal(0, 0.03, round(size * share / total))
            drawn.append(rows[(np.clip(near, 0, 0.9999) * len(rows)).astype(int)])
        yield corpus.batch(np.concatenate(drawn))
