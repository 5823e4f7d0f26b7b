"""What shaping a voice does to its sound: `python -m vclip.recipes.generation.shapes
near|directions`.

`near` chooses generation.NEAR: for draws of several spreads around some voices, Resemblyzer's
cosine with the voice they surround, beside that of a voice with itself in another sentence and of
any two voices; how many of the draws are told from their siblings; and the signature's cosine.
`directions` correlates the coordinates of bank voices along the first principal directions with
pitch, brightness and pace.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr
from tqdm import tqdm

from vclip.arrays import Float32, Float64
from vclip.errors import reported
from vclip.face.encoder import ResemblyzerEncoder
from vclip.models.directory import ModelDirectory
from vclip.recipes.data.acoustics import (
    frames,
    level,
    silences,
)
from vclip.recipes.data.recordings import median_f0
from vclip.recipes.generation.speaking import (
    SENTENCES,
    bank_rows,
    speeches,
)
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet
from vclip.speakers.voice_id import DIRECTIONS
from vclip.speech import phonemes
from vclip.speech.synthesizer import Speech, join
from vclip.speech.vits import CoquiVits

SPREADS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
SOUNDS = ("semitones", "centroid, Hz", "seconds a phoneme")


class Studio:
    """A model directory's synthesizer, its bank and what listens to it."""

    def __init__(self, model: str) -> None:
        directory = ModelDirectory.open(model)
        self.synthesizer = CoquiVits.load(directory.folder("synthesizer"))
        self.gmm = SpeakerGMM.load(directory.file("generation"))
        self.signature = SignatureNet.load(directory.file("signature"))
        self.bank, _ = bank_rows(directory.path)
        self.encoder = ResemblyzerEncoder()

    def heard(self, rows: Float32, sentence: int, seed: int) -> Float32:
        """voice_features (N, V) of embeddings (N, S) that say one of the SENTENCES."""
        found = []
        for row in rows:
            (speech,) = speeches(self.synthesizer, row, SENTENCES[sentence : sentence + 1], seed)
            found.append(self.encoder.encode(speech.wav, speech.sample_rate))
        return np.stack(found)

    def expected(self, rows: Float32) -> Float32:
        """voice_features (N, V) by the signature network."""
        with torch.inference_mode():
            return np.asarray(self.signature(torch.from_numpy(rows)).numpy())


def near(studio: Studio, n_voices: int, n_draws: int, rng: np.random.Generator) -> None:
    """Print the table of spreads."""
    chosen = rng.choice(len(studio.bank), n_voices // 2, replace=False)
    centres = np.concatenate([studio.bank[chosen], studio.gmm.sample(n_voices // 2, rng)])
    own, again = studio.heard(centres, 0, 0), studio.heard(centres, 1, 7)
    print(f"itself in another sentence {np.mean((own * again).sum(1)):.3f}, ", end="")
    others = (own @ again.T)[~np.eye(len(own), dtype=bool)]
    print(f"another voice {others.mean():.3f} (95 % below {np.percentile(others, 95):.3f})")
    print("spread  with centre  siblings  told apart  signature with centre")
    for spread in SPREADS:
        figures = []
        for i, centre in enumerate(tqdm(centres, desc=f"spread {spread}", leave=False)):
            rows = studio.gmm.near(centre, n_draws, rng, spread)
            first, second = studio.heard(rows, 0, 0), studio.heard(rows, 1, 7)
            figures.append(
                [
                    float(np.mean(first @ again[i])),
                    float((first @ second.T)[~np.eye(n_draws, dtype=bool)].mean()),
                    float(np.mean((first @ second.T).argmax(1) == np.arange(n_draws))),
                    float(np.mean(studio.expected(rows) @ studio.expected(centre[None])[0])),
                ]
            )
        a, b, c, d = np.mean(figures, axis=0)
        print(f"{spread:6.1f}  {a:11.3f}  {b:8.3f}  {c:10.2f}  {d:21.3f}")


def sounds(spoken: Sequence[Speech], n_phonemes: int) -> list[float]:
    """Median F0 in semitones above 100 Hz, spectral centroid in Hz, seconds a phoneme."""
    speech = join(spoken)
    f0 = median_f0([(part.wav, part.sample_rate) for part in spoken])
    seconds = 0.0
    for part in spoken:
        leading, trailing, _ = silences(part.wav, part.sample_rate)
        seconds += part.seconds - leading - trailing
    pace = seconds / n_phonemes
    return [12 * float(np.log2(f0 / 100)), centroid(speech.wav, speech.sample_rate), pace]


def centroid(wav: Float32, sample_rate: int) -> float:
    """Mean frequency in Hz of the power of the louder half of frames of 25 ms."""
    parts = frames(wav, int(0.025 * sample_rate), int(0.01 * sample_rate))
    loudness = level(parts)
    loud = parts[loudness >= np.median(loudness)] * np.hanning(parts.shape[1])
    power = np.square(np.abs(np.fft.rfft(loud))).sum(0)
    return float(power @ np.fft.rfftfreq(parts.shape[1], 1 / sample_rate) / power.sum())


def directions(studio: Studio, n_voices: int, rng: np.random.Generator) -> None:
    """Print the rank correlations of coordinates and sounds."""
    rows = studio.bank[rng.choice(len(studio.bank), n_voices, replace=False)]
    places = np.array([studio.gmm.coordinates(row)[:DIRECTIONS] for row in rows])
    said = SENTENCES[:2]
    n_phonemes = sum(c.isalpha() for sentence in said for c in phonemes.phonemize(sentence))
    heard = [
        sounds(speeches(studio.synthesizer, row, said, 0), n_phonemes)
        for row in tqdm(rows, desc="voices")
    ]
    table: Float64 = np.array(heard)
    print(f"{n_voices} bank voices; Spearman's correlation (p)")
    print("direction  " + "".join(f"{name:>22}" for name in SOUNDS))
    for i in range(DIRECTIONS):
        found = [spearmanr(places[:, i], column) for column in table.T]
        cells = "".join(f"{f'{r.statistic:+.2f} ({r.pvalue:.4f})':>22}" for r in found)
        print(f"{i + 1:9d}  {cells}")


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vclip.recipes.generation.shapes", description=__doc__
    )
    parser.add_argument("what", choices=("near", "directions"))
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--voices", type=int, help="how many; 10 for near, 60 for directions")
    parser.add_argument("--draws", type=int, default=6, help="around each, for near")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    studio, rng = Studio(options.model), np.random.default_rng(options.seed)
    if options.what == "near":
        near(studio, options.voices or 10, options.draws, rng)
    else:
        directions(studio, options.voices or 60, rng)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
