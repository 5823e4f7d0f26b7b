"""The speaker GMM, signature network and search index that a model directory does not bring.

All are made on first use: they follow from the synthesizer's speaker table and the bank in seconds
(the index of a large bank in minutes), so that weights that were just fetched can speak in new
voices at once. What was fitted is cached by the hash of its inputs. The distilled signature
(`vclip.recipes.generation.distill`) is better and takes hours.
"""

import functools
import hashlib
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from vclip.arrays import Float32
from vclip.models.cache import cache_folder
from vclip.models.directory import ModelDirectory
from vclip.speakers import bank
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet

log = logging.getLogger(__name__)

VERSION = 1  # raise it when a fit changes
N_COMPONENTS = 8  # held-out likelihood chooses it for the speakers of a VITS trained on VCTK
SEED = 0


Fitted = TypeVar("Fitted", SpeakerGMM, SignatureNet, bank.FaissIndex)


def speaker_gmm(directory: ModelDirectory, table: Float32) -> SpeakerGMM:
    """The directory's speaker GMM, or one fitted to the bank's speakers (N, S). ModelError."""
    if directory.has("generation"):
        return SpeakerGMM.load(directory.file("generation"))
    n_components = max(1, min(N_COMPONENTS, len(table) // 10))
    return _cached(
        f"generation-{_key(table)}.npz",
        SpeakerGMM.load,
        lambda: SpeakerGMM.fit(table, n_components, SEED),
    )


def signature_net(
    directory: ModelDirectory, table: Float32, voice_features: Float32
) -> SignatureNet:
    """The directory's signature network, or a ridge from table (N, S) to voice_features (N, V)."""
    if directory.has("signature"):
        return SignatureNet.load(directory.file("signature"))
    return _cached(
        f"signature-{_key(table, voice_features)}.safetensors",
        SignatureNet.load,
        lambda: SignatureNet.ridge(table, voice_features),
    )


def search_index(voice_emb: Float32) -> bank.SearchIndex:
    """The index of a bank's voice_emb (N, D); a large one is built once."""
    if len(voice_emb) <= bank.EXACT_UP_TO:
        return bank.build_index(voice_emb)
    return _cached(
        f"index-{_key(voice_emb, recipe=bank.RECIPE)}.faiss",
        functools.partial(bank.FaissIndex.load, table=voice_emb),
        lambda: bank.FaissIndex.build(voice_emb),
    )


def _key(*inputs: Float32, recipe: str = "") -> str:
    digest = hashlib.sha256(f"{(VERSION, N_COMPONENTS, SEED)}{recipe}".encode())
    for array in inputs:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, "<f4").data)
    return digest.hexdigest()[:16]


def _cached(name: str, load: Callable[[Path], Fitted], fit: Callable[[], Fitted]) -> Fitted:
    """What an earlier run fitted, or a fresh fit; a cache that cannot be written is no error."""
    path = cache_folder() / "fitted" / name
    if path.is_file():
        return load(path)
    fitted = fit()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # other processes fit, too
            fitted.save(Path(folder) / name)
            (Path(folder) / name).replace(path)
    except OSError as error:
        log.warning("what was fitted cannot be kept in %s: %s", path.parent, error)
    return fitted
