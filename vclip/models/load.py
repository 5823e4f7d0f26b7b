"""Loads the components of a model directory into the objects of the pipeline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vclip.arrays import Float32
from vclip.association.model import Association, load_association
from vclip.association.zero_shot import ZeroShotHeads, speaker_profiles
from vclip.errors import ModelError
from vclip.face import clip, encoder
from vclip.face.clip import ClipTextEncoder
from vclip.face.encoder import ImageEncoder
from vclip.models import fitted
from vclip.models.clip_folder import clip_hash, find_clip
from vclip.models.directory import DESCRIPTION, ModelDirectory
from vclip.speakers.bank import SpeakerBank
from vclip.speakers.candidates import VoiceLibrary, encode_voice
from vclip.speech.synthesizer import Synthesizer

DEVICE = "cpu"  # of a CLIP: one picture at a time, the same scores on every machine


def load_clip_folder(directory: ModelDirectory) -> Path | None:
    """The CLIP that is the image encoder, fetched if need be; None if another one is. ModelError.

    One of the hub is pinned by its commit, one in the directory by the hash of its weights.
    """
    spec = directory.clip("image_encoder")
    if spec is None:
        return None
    folder = find_clip(spec)
    digest = directory.components["image_encoder"].get("sha256")
    if digest and clip_hash(folder) != digest:
        raise ModelError(
            f"{folder} is not the CLIP that {DESCRIPTION} describes (its SHA-256 differs); run "
            "`python -m vclip.recipes.generation.assemble --clip` if you made it"
        )
    return folder


def load_image_encoder(directory: ModelDirectory) -> ImageEncoder:
    """The image encoder: a CLIP, or a network of our own. Raises ModelError."""
    folder = load_clip_folder(directory)
    if folder is not None:
        return clip.ClipImageEncoder(folder, DEVICE)
    return encoder.load_face_encoder(directory.file("image_encoder"))


def load_heads(directory: ModelDirectory, bank: Mapping[str, Any]) -> Association | ZeroShotHeads:
    """The trained association's; zero-shot ones if there is a CLIP but no association. ModelError.

    bank: the arrays of bank.npz.
    """
    folder = None if directory.has("association") else load_clip_folder(directory)
    if folder is None:
        return load_association(directory.file("association"))
    profiles = speaker_profiles(bank)
    return ZeroShotHeads(ClipTextEncoder(folder, DEVICE), profiles, bank["voice_features"])


def load_voices(directory: ModelDirectory, synthesizer: Synthesizer) -> VoiceLibrary:
    """The bank with all that samples and predicts new voices. Raises ModelError."""
    with np.load(directory.file("bank"), allow_pickle=False) as file:
        bank = dict(file)
    ids, voice_features = bank["speaker_ids"].tolist(), bank["voice_features"]
    table, heads = _rows(synthesizer, ids), load_heads(directory, bank)
    if isinstance(heads, ZeroShotHeads):
        voice_emb = heads.voice_emb
    else:
        voice_emb = encode_voice(heads, torch.from_numpy(voice_features))
    return VoiceLibrary(
        bank=SpeakerBank(ids, voice_emb, fitted.search_index(voice_emb)),
        speaker_embeddings=table,
        gmm=fitted.speaker_gmm(directory, table),
        signature=fitted.signature_net(directory, table, voice_features),
        heads=heads,
    )


def load_reference_faces(directory: ModelDirectory, dimension: int) -> Float32:
    """image_features (N, dimension) of other people; none where the directory has none."""
    if not directory.has("faces"):
        return np.zeros((0, dimension), dtype=np.float32)
    with np.load(directory.file("faces"), allow_pickle=False) as file:
        return np.asarray(file["image_features"], dtype=np.float32)


def _rows(synthesizer: Synthesizer, speaker_ids: Sequence[str]) -> Float32:
    """Speaker embeddings (N, S) of these speakers. Raises ModelError."""
    rows = {speaker_id: i for i, speaker_id in enumerate(synthesizer.speaker_ids)}
    if unknown := [s for s in speaker_ids if s not in rows]:
        raise ModelError(f"the synthesizer cannot speak {unknown[0]!r} of the bank; rebuild it")
    return synthesizer.speaker_embeddings[[rows[s] for s in speaker_ids]]
