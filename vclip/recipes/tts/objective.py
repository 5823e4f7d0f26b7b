"""The training objective of the VITS: losses of its speech from posterior and text."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vclip.recipes.tts.dataset import HOP, UtteranceBatch, window
from vclip.recipes.tts.losses import (
    MelDistance,
    SpectralDistance,
    VoiceDistance,
    filled,
    pitch_loss,
    spectrogram,
    text_losses,
)

REACH = 16  # frames: eight layers of kernel 5 in the posterior encoder
FLOW_REACH = 32  # frames: four couplings of four layers of kernel 5

Waves = tuple[Tensor, Tensor]  # real and generated waveforms (B, T) of the same windows


@dataclass(frozen=True)
class LossSettings:
    """Weight of each loss, and length of the windows."""

    segment: int = 48  # frames per utterance that are reconstructed and discriminated
    text_segment: int = 128  # frames spoken from the text: Resemblyzer hears 1.5 s at a time
    mel_weight: float = 45.0  # VITS's
    spectral_weight: float = 45.0
    kl_weight: float = 3.0  # VITS has 1; more keeps the posterior to what a text can say
    pitch_weight: float = 1.0
    voice_weight: float = 10.0  # of the speaker consistency of speech from text
    prior_share: float = 0.3  # of the mel weight, for speech from text
    bf16: bool = True  # four times faster where the processor has it


class VitsObjective:
    """The losses of a model with a HarmonicDecoder; adversarial ones apart."""

    def __init__(
        self, model: Any, sample_rate: int, weights: LossSettings, generator: torch.Generator
    ) -> None:
        self.model, self.weights, self.generator = model, weights, generator
        self.device: torch.device = model.emb_g.weight.device
        self.mel = MelDistance(sample_rate).to(self.device)
        self.spectral = SpectralDistance()
        self.voice = VoiceDistance(sample_rate).to(self.device)

    def autocast(self) -> torch.autocast:
        """Half precision for every network; losses are computed in single precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.weights.bf16)

    def reconstruction(
        self, batch: UtteranceBatch, g: Tensor, learn: bool
    ) -> tuple[Waves, dict[str, Tensor]]:
        """Speech from the posterior, at the recording's own pitch (VITS eq. 2).

        Without `learn`, posterior encoder and speakers stay as they are.
        """
        decoder, weights = self.model.waveform_decoder, self.weights
        g = g if learn else g.detach()
        with self.autocast():
            with torch.set_grad_enabled(learn):
                part, z = encode_window(self.model, batch, g, weights.segment, self.generator)
            log_f0, voicing = decoder.pitch(z, g)
            wav = decoder.render(decoder.excitation(z, *filled(part.f0)), g).squeeze(1)
        losses = {
            "pitch": weights.pitch_weight * pitch_loss(log_f0, voicing, part.f0),
            "mel": weights.mel_weight * self.mel(wav, part.wav),
            "spectral": weights.spectral_weight * self.spectral(wav, part.wav),
        }
        return (part.wav, wav), losses

    def text(
        self, batch: UtteranceBatch, g: Tensor, prior: float, speak: bool
    ) -> tuple[list[Waves], dict[str, Tensor]]:
        """Losses of the text side; with `speak`, also of the speech that it makes.

        Without, posterior encoder and decoder stay as they are. `prior`: see `align`.
        """
        with self.autocast():
            with torch.set_grad_enabled(speak):
                posterior = encode(self.model, batch, g)
            losses, sample = text_losses(self.model, batch, posterior, g, prior)
            losses["kl"] = self.weights.kl_weight * losses["kl"]
        if not speak:
            return [], losses
        waves, more = self.speech(batch, sample, posterior[3], g)
        return [waves], losses | more

    def speech(
        self, batch: UtteranceBatch, sample: Tensor, mask: Tensor, g: Tensor
    ) -> tuple[Waves, dict[str, Tensor]]:
        """Speech of a window from a sample (B, C, frames) of the prior, as synthesis makes it.

        Decoder and speakers learn from it. The text side does not: what makes a sample's speech
        better narrows the prior, which the divergence then pulls wide. Nor does the pitch: a sample
        says little about it, so that what is right on average is flat (docs/log.md).
        """
        decoder, weights = self.model.waveform_decoder, self.weights
        length = weights.text_segment
        starts = batch.starts(length, self.generator)
        sample, mask = (
            window(F.pad(x, (FLOW_REACH, 0)), starts, length + 2 * FLOW_REACH)
            for x in (sample * mask, mask)
        )
        with torch.no_grad(), self.autocast():
            z = self.model.flow(sample, mask, g=g, reverse=True)[:, :, FLOW_REACH:-FLOW_REACH]
            log_f0, voicing = decoder.pitch(z, g)
        with self.autocast():
            wav = decoder.render(decoder.excitation(z, log_f0, voicing.sigmoid()), g).squeeze(1)
        real = window(batch.wav, starts * HOP, length * HOP)
        losses = {
            "text_mel": weights.prior_share * weights.mel_weight * self.mel(wav, real),
            "voice": weights.voice_weight * self.voice(wav, batch.voice),
        }
        end = weights.segment * HOP  # the discriminators take windows of one length
        return (real[:, :end], wav[:, :end]), losses


def encode(model: Any, batch: UtteranceBatch, g: Tensor) -> tuple[Tensor, ...]:
    """The posterior's z, mean, log scale (B, C, frames) and mask (B, 1, frames)."""
    return tuple(model.posterior_encoder(spectrogram(batch.wav), batch.frames, g=g))


def encode_window(
    model: Any, batch: UtteranceBatch, g: Tensor, frames: int, generator: torch.Generator
) -> tuple[UtteranceBatch, Tensor]:
    """A random window of every utterance and the posterior's z (B, C, frames) of it.

    It is encoded with the posterior encoder's reach on both sides, which is then cut off.
    """
    wide = batch.windows(frames + 2 * REACH, generator)
    z = encode(model, wide, g)[0][:, :, REACH:-REACH]
    wav, f0 = wide.wav[:, REACH * HOP : -REACH * HOP], wide.f0[:, REACH:-REACH]
    return replace(wide, wav=wav, f0=f0), z
