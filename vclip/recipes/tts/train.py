"""Training of the bundled multi-speaker VITS: `python -m vclip.recipes.tts.train`.

Reads the file of `vclip.recipes.tts.prepare`; resumes from its last checkpoint; runs on CPU or GPU
alike. Stages, written `name:steps,…`:
* decoder: the decoder alone learns to speak from the posterior's latents, which stay as they are;
* text: posterior encoder and decoder stay, text encoder, flow and durations learn;
* joint: VITS's losses all at once (arXiv 2106.06103, eq. 1-10) with light discriminators, and now
  and then the way that synthesis takes: speech from the prior, discriminated like that from the
  posterior, and brought to the pitch and the voice of its speaker.
From random weights: `--init "" --stages joint:1500,text:1000,joint:3000 --prior-steps 800`. The
defaults continue from the weights shipped before, whose alignment has formed (docs/log.md).
"""

import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from vclip import audio
from vclip.errors import DataError
from vclip.models.directory import BUNDLED
from vclip.recipes.options import command
from vclip.recipes.tts.dataset import HOP, TtsDataset, UtteranceBatch, batches
from vclip.recipes.tts.discriminators import (
    Discriminators,
    discriminator_loss,
    feature_loss,
    generator_loss,
)
from vclip.recipes.tts.objective import LossSettings, VitsObjective, Waves
from vclip.recipes.tts.warm_start import DISCRIMINATORS, SPEAKER_SPACE, speaker_space, warm_start
from vclip.speech.vits import BLANK, VOCABULARY, CoquiVits, build_vits, save_vits

MODEL_ARGS: dict[str, Any] = {
    "hidden_channels": 96,
    "hidden_channels_ffn_text_encoder": 384,
    "num_layers_text_encoder": 4,
    "num_layers_posterior_encoder": 8,
    "use_sdp": False,
}
# of HarmonicDecoder; the range makes the intonation that of recordings, nearly
DECODER: dict[str, Any] = {"sample_rate": 22050, "hop": HOP, "pitch_range": 2.2}
ADAM: dict[str, Any] = {"betas": (0.8, 0.99), "weight_decay": 0.01}
SAMPLE_TEXT = "A face goes in, and a voice comes out. Choose one of the voices, and let it speak."


@dataclass(frozen=True)
class TrainTtsSettings(LossSettings):
    """The shipped run in one piece; docs/log.md has the pieces that it was really made in."""

    data: Path = Path("build/tts.safetensors")  # what `vclip.recipes.tts.prepare` wrote
    out: Path = Path("build/tts")  # checkpoint, log and export
    init: str = str(BUNDLED / "vits")  # .safetensors and .json; empty for none
    stages: str = "decoder:800,joint:1650"
    batch: int = 12
    engines: float = 0.25  # share of a batch that flite, festival and espeak-ng speak
    lr: float = 1e-4
    decoder_lr: float = 1e-3
    speaker_lr: float = 1e-3  # of the speaker table; a row moves ten times this when it is seen
    warmup: int = 100  # steps over which the rates rise, since Adam begins without moments
    cooldown: float = 0.2  # last share of all steps, over which the rate falls to a tenth
    feature_weight: float = 2.0
    text_every: int = 2  # joint steps between two that train the text side, the dearer half
    prior_steps: int = 0  # diagonal prior on the alignment fades over these steps of a stage
    adversarial_from: int = 1500  # step at which the discriminators join
    ema: float = 0.998
    max_seconds: float = 8.0
    threads: int = 1
    save_every: int = 100
    seed: int = 0

    def plan(self) -> list[str]:
        """The stage of every step."""
        stages = re.findall(r"(decoder|joint|text):(\d+)", self.stages)
        if not stages or ",".join(map(":".join, stages)) != self.stages:
            raise DataError(f"--stages {self.stages!r}: write e.g. joint:1500,text:1000")
        return [name for name, steps in stages for _ in range(int(steps))]


class Trainer:
    """Model, discriminators, optimisers and averaged weights; everything a checkpoint holds."""

    def __init__(self, config: TrainTtsSettings, corpus: TtsDataset) -> None:
        torch.manual_seed(config.seed)  # weights and dropout
        torch.set_num_threads(config.threads)
        self.config, self.corpus, self.step = config, corpus, 0
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.plan = config.plan()
        self.model = build_vits(MODEL_ARGS, len(corpus.speakers), 128, DECODER).to(self.device)
        self.discriminators = Discriminators().to(self.device)
        if config.init:
            warm_start(self.model, self.discriminators, Path(config.init), corpus)
        else:
            self.model.emb_g.weight.data = speaker_space(corpus.voice_features, 128)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(self.groups(), **ADAM)
        judging = [{"params": [*self.discriminators.parameters()], "top": config.lr}]
        self.discriminator_optimizer = torch.optim.AdamW(judging, **ADAM)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.objective = VitsObjective(self.model, corpus.sample_rate, config, self.generator)
        self.parts: dict[str, Any] = {
            "model": self.model,
            "discriminators": self.discriminators,
            "optimizer": self.optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def groups(self) -> list[dict[str, Any]]:
        """Parameters by learning rate: speaker table, decoder, all else."""
        rates = {"emb_g": self.config.speaker_lr, "waveform_decoder": self.config.decoder_lr}
        found: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            top = rates.get(name.split(".")[0], self.config.lr)
            found.setdefault(top, []).append(parameter)
        return [{"params": parameters, "top": top} for top, parameters in found.items()]

    def update(self, batch: UtteranceBatch) -> dict[str, float]:
        """One step of the stage that the plan names."""
        for group in self.optimizer.param_groups + self.discriminator_optimizer.param_groups:
            group["lr"] = group["top"] * self.rate_share()
        losses = self.losses(batch, self.plan[self.step])
        self.optimizer.zero_grad()
        torch.stack([v for k, v in losses.items() if k != "discriminator"]).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self.step += 1
        for key, value in self.model.state_dict().items():
            self.average[key].lerp_(value, 1 - self.config.ema)
        return {key: value.item() for key, value in losses.items()}

    def losses(self, batch: UtteranceBatch, stage: str) -> dict[str, Tensor]:
        """All that is to be descended at a step, each weighted."""
        g = self.model.emb_g(batch.speaker).unsqueeze(-1)
        losses: dict[str, Tensor] = {}
        waves: list[Waves] = []
        if stage != "text":
            spoken, losses = self.objective.reconstruction(batch, g, learn=stage == "joint")
            waves.append(spoken)
        if stage == "text" or (stage == "joint" and self.step % self.config.text_every == 0):
            spoken_text, more = self.objective.text(batch, g, self.prior(), speak=stage == "joint")
            losses |= more
            waves += spoken_text
        if waves and self.step >= self.config.adversarial_from:
            losses |= self.adversarial(*(torch.cat(parts) for parts in zip(*waves, strict=True)))
        return losses

    def adversarial(self, real: Tensor, generated: Tensor) -> dict[str, Tensor]:
        """Adversarial losses (VITS eq. 8-10) of waveforms (B, T); the discriminators step too."""
        with self.objective.autocast():
            of_real = self.discriminators(real)
            loss = discriminator_loss(of_real, self.discriminators(generated.detach()))
            self.discriminator_optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.discriminator_optimizer.step()
            of_generated = self.discriminators(generated)
        return {
            "adversarial": generator_loss(of_generated),
            "feature": self.config.feature_weight * feature_loss(of_real, of_generated),
            "discriminator": loss.detach(),
        }

    def rate_share(self) -> float:
        """Share of the learning rate at this step: rising to 1, at last falling to a tenth."""
        left = (len(self.plan) - self.step) / max(1, self.config.cooldown * len(self.plan))
        return min(1.0, 0.1 + 0.9 * left, (self.step + 1) / max(1, self.config.warmup))

    def prior(self) -> float:
        """Weight of the diagonal prior, fading from 8 to 0 within a stage."""
        stage, before = self.plan[self.step], reversed(self.plan[: self.step])
        steps = sum(1 for _ in itertools.takewhile(lambda name: name == stage, before))
        return 8.0 * max(0.0, 1 - steps / max(1, self.config.prior_steps))

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"step": self.step, "average": self.average}
        state["generator"] = self.generator.get_state()
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.step, self.average = state["step"], state["average"]
        self.generator.set_state(state["generator"].cpu())


def export(trainer: Trainer, directory: Path) -> None:
    """Write the averaged weights as the app reads them; what only training needs beside them."""
    config = asdict(trainer.config)
    settings = {
        "model_args": MODEL_ARGS,
        "decoder": DECODER,
        "speaker_space": SPEAKER_SPACE,
        "sample_rate": trainer.corpus.sample_rate,
        "vocabulary": VOCABULARY,
        "blank": BLANK,
        "speakers": trainer.corpus.speakers,
        "hidden": [s for s in trainer.corpus.speakers if s.startswith("f")],
        "made_by": "python -m vclip.recipes.tts.train",
        "config": {name: str(v) if isinstance(v, Path) else v for name, v in config.items()},
        "step": trainer.step,
    }
    save_vits(directory, {k: v.cpu() for k, v in trainer.average.items()}, settings)
    rest = {k: v for k, v in trainer.average.items() if k.startswith("posterior_encoder.")}
    rest |= {f"{DISCRIMINATORS}{k}": v for k, v in trainer.discriminators.state_dict().items()}
    halves = {key: value.cpu().half().contiguous() for key, value in rest.items()}
    save_file(halves, directory / "vits_training.safetensors")


def write_samples(directory: Path, speakers: tuple[str, ...] = ("p225", "p226", "c230")) -> None:
    """Let the exported model speak, to be listened to while it trains."""
    voice = CoquiVits.load(directory)
    for name in set(speakers) & set(voice.speaker_ids):
        row = voice.speaker_embeddings[voice.speaker_ids.index(name)]
        speech = voice.synthesize(SAMPLE_TEXT, row, seed=0)
        audio.save(directory / f"sample_{name}.wav", speech.wav, speech.sample_rate)


def stream(config: TrainTtsSettings, corpus: TtsDataset, step: int) -> Iterator[UtteranceBatch]:
    """Batches from here on; a resumed run draws others than the first steps saw."""
    rng = np.random.default_rng([config.seed, step])
    return batches(corpus, config.batch, rng, config.max_seconds, engines=config.engines)


def train(config: TrainTtsSettings) -> Path:
    """Run or resume all stages; returns the exported directory."""
    out = config.out
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, TtsDataset(config.data))
    if (out / "checkpoint.pt").is_file():
        trainer.resume(out / "checkpoint.pt")
    data = stream(config, trainer.corpus, trainer.step)
    with tqdm(total=len(trainer.plan), initial=trainer.step, mininterval=10) as progress:
        while trainer.step < len(trainer.plan):
            losses = trainer.update(next(data).to(trainer.device))
            progress.update()
            progress.set_postfix({k: f"{v:.2f}" for k, v in losses.items()}, refresh=False)
            record = {"step": trainer.step, "time": round(time.time(), 1)} | losses
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
            if trainer.step % config.save_every == 0 or trainer.step == len(trainer.plan):
                trainer.save(out / "checkpoint.pt")
                export(trainer, out / "export")
                write_samples(out / "export")
    return out / "export"


@command(TrainTtsSettings)
def main(settings: TrainTtsSettings) -> None:
    print(train(settings))


if __name__ == "__main__":
    raise SystemExit(main())
