"""Build the bank of a model directory: every speaker, embedded from what the VITS really says.

`python -m vclip.offline.build_bank` writes bank.npz: speaker_ids (N,), voice_features (N, V).
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vclip.encoders import ResemblyzerEncoder
from vclip.errors import reported
from vclip.offline.speaking import SENTENCES, heard
from vclip.tts import CoquiVits
from vclip.weights import BUNDLED


def build(directory: Path, n_sentences: int, seed: int) -> Path:
    """Synthesise n_sentences per speaker, encode them and write the bank."""
    synthesizer, encoder = CoquiVits.load(directory), ResemblyzerEncoder()
    rows = tqdm(synthesizer.speaker_embeddings, desc="speakers")
    sentences = SENTENCES[:n_sentences]
    features = [heard(synthesizer, encoder, row, sentences, seed) for row in rows]
    path = directory / "bank.npz"
    np.savez(
        path,
        speaker_ids=np.array(synthesizer.speaker_ids),
        voice_features=np.stack(features).astype(np.float32),
    )
    return path


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m vclip.offline.build_bank", description=__doc__)
    parser.add_argument("--directory", type=Path, default=BUNDLED)
    parser.add_argument("--n-sentences", type=int, default=3, choices=range(1, len(SENTENCES) + 1))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    print(build(arguments.directory, arguments.n_sentences, arguments.seed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
