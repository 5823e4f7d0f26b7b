"""The signature network of a model directory: the TTS's feedback, distilled (Vclip §3.2).

`python -m vclip.recipes.generation.distill` draws speaker embeddings from the GMM, lets the TTS
speak one sentence with each, encodes what it hears, adds the bank, and regresses voice features on
speaker embeddings by cosine. What was heard is kept in build/, so an interrupted run goes on.
"""

import copy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from vclip.arrays import Float32
from vclip.models.directory import BUNDLED
from vclip.models.download import sha256
from vclip.recipes.data.encoders import open_voice_encoder
from vclip.recipes.generation.spoken_features import SENTENCES, bank_rows, heard, synthesizer_folder
from vclip.recipes.options import command
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet
from vclip.speech.vits import CoquiVits


@dataclass(frozen=True)
class DistillSettings:
    """The reported run."""

    directory: Path = BUNDLED
    voice_encoder: str = "resemblyzer"  # or hasp:FILE; the one that the bank was heard with
    n_draws: int = 2000
    held_out: int = 200  # of the draws; stops the training and is reported
    epochs: int = 200
    batch: int = 128
    lr: float = 1e-3
    weight_decay: float = 1e-2
    save_every: int = 100
    seed: int = 0


def listen(config: DistillSettings, cache: Path) -> tuple[Float32, Float32]:
    """Draws (n, S) and what was heard of them (n, V); resumes from the cache."""
    directory = config.directory
    folder = synthesizer_folder(directory)
    encoder, weights_hash = open_voice_encoder(config.voice_encoder)
    synthesizer = CoquiVits.load(folder)
    gmm = SpeakerGMM.load(directory / "generation.npz")
    draws = gmm.sample(config.n_draws, np.random.default_rng([config.seed, 1]))
    weights = next(p for p in (folder / "vits.safetensors", *folder.glob("*.pth")) if p.is_file())
    hashes = [sha256(weights), sha256(directory / "generation.npz"), weights_hash]
    path = cache / f"heard-{'-'.join(text[:12] for text in hashes)}-{config.seed}.npy"
    features: list[Float32] = list(np.load(path)) if path.is_file() else []
    cache.mkdir(parents=True, exist_ok=True)
    for i in tqdm(range(len(features), len(draws)), desc="listening", mininterval=5):
        sentence = SENTENCES[i % len(SENTENCES)]
        features.append(heard(synthesizer, encoder, draws[i], [sentence], seed=i))
        if (i + 1) % config.save_every == 0 or i + 1 == len(draws):
            np.save(path, np.stack(features))
    return draws, np.stack(features[: len(draws)])


def fit(
    config: DistillSettings, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]
) -> SignatureNet:
    """The network at its best epoch on the held-out draws; loss 1 - cosine."""
    torch.manual_seed(config.seed)  # initial weights and dropout
    net = SignatureNet(train[0].shape[1], train[1].shape[1])
    net.standardise(train[0])
    optimizer = torch.optim.AdamW(net.parameters(), config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs)
    best, kept = -1.0, copy.deepcopy(net.state_dict())
    for _ in tqdm(range(config.epochs), desc="signature", mininterval=5):
        net.train()
        for rows in torch.split(torch.randperm(len(train[0])), config.batch):
            loss = 1 - F.cosine_similarity(net(train[0][rows]), train[1][rows]).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
        score = agreement(net, test)
        if score > best:
            best, kept = score, copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return net.eval()


@torch.inference_mode()
def agreement(net: SignatureNet, pairs: tuple[Tensor, Tensor]) -> float:
    """Mean cosine of predicted and heard voice features."""
    return float(F.cosine_similarity(net.eval()(pairs[0]), pairs[1]).mean())


@torch.inference_mode()
def top1(net: SignatureNet, pairs: tuple[Tensor, Tensor]) -> float:
    """Share of draws whose heard features are nearest to their own prediction among all draws'."""
    scores = F.normalize(pairs[1], dim=-1) @ net.eval()(pairs[0]).T  # (n, n)
    return float((scores.argmax(1) == torch.arange(len(scores))).float().mean())


@command(DistillSettings)
def main(config: DistillSettings) -> None:
    """Listen, fit, report and write signature.safetensors."""
    directory = config.directory
    heard_pairs = [torch.from_numpy(x) for x in listen(config, Path("build/distill"))]
    bank_pairs = [torch.from_numpy(x) for x in bank_rows(directory)]
    n = config.n_draws - config.held_out
    train = tuple(torch.cat([h[:n], b]) for h, b in zip(heard_pairs, bank_pairs, strict=True))
    test = (heard_pairs[0][n:], heard_pairs[1][n:])
    net = fit(config, (train[0], train[1]), test)
    constant = F.cosine_similarity(train[1].mean(0, keepdim=True), test[1]).mean()
    figures = {
        "held_out_cosine": round(agreement(net, test), 4),
        "held_out_cosine_of_the_mean_voice": round(float(constant), 4),
        f"top1_of_{config.held_out}": round(top1(net, test), 4),
    }
    path = directory / "signature.safetensors"
    options = asdict(config) | {"directory": directory.name}
    net.save(path, {"config": options, "figures": figures})
    print(path, figures)


if __name__ == "__main__":
    raise SystemExit(main())
