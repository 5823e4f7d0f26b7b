"""Ways to choose voices for a face, which the table of generation compares (Vclip §4.3).

All but the direct mapping rank the same candidates, draws of the speaker mixture, by the cosine of
the face with what each of them is expected to sound like; they differ in that expectation. What is
chosen are speaker embeddings (N, k, S), best first, for each of N faces.
"""

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from vclip.arrays import Float32
from vclip.recipes.evaluation.model_features import encode_voices
from vclip.recipes.generation import distill
from vclip.speakers.bank import top_k
from vclip.speakers.candidates import Heads
from vclip.speakers.signature import RIDGES, SignatureNet

HELD_OUT = 0.1  # of the heard draws, which stop a signature network's training


def expected_voices(net: SignatureNet, speaker_embeddings: Float32) -> Float32:
    """voice_features (M, V) that a signature network expects of speaker embeddings (M, S)."""
    with torch.inference_mode():
        return np.asarray(net(torch.from_numpy(speaker_embeddings)).numpy())


def rank(
    expected: Float32, candidates: Float32, heads: Heads, image_emb: Float32, k: int
) -> Float32:
    """The k of candidates (M, S), expected to sound like (M, V), nearest to image_emb (N, D)."""
    scores = image_emb @ encode_voices(heads, expected).T  # (N, M)
    return np.stack([candidates[top_k(row, k)] for row in scores])


def random_draws(candidates: Float32, n_faces: int, k: int, seed: int) -> Float32:
    """k of the candidates for each face, whatever it looks like."""
    rng = np.random.default_rng([seed, 3])
    chosen = [rng.choice(len(candidates), k, replace=False) for _ in range(n_faces)]
    return candidates[np.stack(chosen)]


def nearest_draws(expected: Float32, candidates: Float32, voices: Float32) -> Float32:
    """The one candidate that is expected to sound most like each true voice (N, V).

    The reference of a TTS that cannot clone: no method that does not hear the person does better.
    """
    best = (normalize(voices) @ normalize(expected).T).argmax(axis=1)  # (N, V) @ (V, M)
    return np.asarray(candidates[best][:, None])


def direct_mapping(known_faces: Float32, known_speakers: Float32, faces: Float32) -> Float32:
    """Speaker embeddings regressed from image_features; one for each of faces (N, F).

    Linear, from training people's known_faces (M, F) to known_speakers (M, S), with the ridge
    penalty of the least leave-one-out error.
    """
    ridge = make_pipeline(StandardScaler(), RidgeCV(RIDGES))
    ridge.fit(known_faces.astype(np.float64), known_speakers)
    return np.asarray(ridge.predict(faces), dtype=np.float32)[:, None]


def train_signature(
    draws: Float32, heard: Float32, bank: tuple[Float32, Float32], seed: int
) -> SignatureNet:
    """A signature network from draws (n, S) and how they sounded (n, V), and from the bank's."""
    held = max(2, round(HELD_OUT * len(draws)))
    rows = [
        torch.from_numpy(np.concatenate([drawn[:-held], known]).astype(np.float32))
        for drawn, known in zip((draws, heard), bank, strict=True)
    ]
    test = torch.from_numpy(draws[-held:]), torch.from_numpy(heard[-held:])
    with torch.random.fork_rng(devices=[]):
        return distill.fit(distill.DistillSettings(seed=seed), (rows[0], rows[1]), test)
