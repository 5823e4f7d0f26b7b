"""What the files of a model directory become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vclip.arrays import Float32
from vclip.association import model
from vclip.association.zero_shot import Bridge, people
from vclip.errors import ModelError
from vclip.face import clip, encoder
from vclip.face.clip import ClipTextEncoder
from vclip.face.encoder import ImageEncoder
from vclip.models import fitted
from vclip.models.clip_folder import find, weights_hash
from vclip.models.directory import DESCRIPTION, ModelDirectory
from vclip.speakers.bank import SpeakerBank
from vclip.speakers.candidates import Voices, encode_voice
from vclip.speakers.heads import Heads
from vclip.speech.synthesizer import Synthesizer

DEVICE = "cpu"  # of a CLIP: one picture at a time, the same scores on every machine


@dataclass(frozen=True)
class Space:
    """The searched space: what leads into it, and the voice_emb (N, D) of the bank."""

    heads: Heads
    voice_emb: Float32


def clip_folder(directory: ModelDirectory) -> Path | None:
    """The CLIP that is the image encoder, fetched if need be; None if another one is. ModelError.

    One of the hub is pinned by its commit, one in the directory by the hash of its weights.
    """
    spec = directory.clip("image_encoder")
    if spec is None:
        return None
    folder = find(spec)
    digest = directory.components["image_encoder"].get("sha256")
    if digest and weights_hash(folder) != digest:
        raise ModelError(
            f"{folder} is not the CLIP that {DESCRIPTION} describes (its SHA-256 differs); run "
            "`python -m vclip.recipes.generation.assemble --clip` if you made it"
        )
    return folder


def image_encoder(directory: ModelDirectory) -> ImageEncoder:
    """The directory's. Raises ModelError."""
    folder = clip_folder(directory)
    if folder is not None:
        return clip.ClipImageEncoder(folder, DEVICE)
    return encoder.load_face_encoder(directory.file("image_encoder"))


def space(directory: ModelDirectory, bank: Mapping[str, Any]) -> Space:
    """Of the association; of the zero-shot bridge if there is a CLIP but none. ModelError."""
    folder = None if directory.has("association") else clip_folder(directory)
    if folder is not None:
        bridge = Bridge(ClipTextEncoder(folder, DEVICE), people(bank), bank["voice_features"])
        return Space(bridge, bridge.voice_emb)
    heads = model.load(directory.file("association"))
    return Space(heads, encode_voice(heads, torch.from_numpy(bank["voice_features"])))


def voices(directory: ModelDirectory, synthesizer: Synthesizer) -> Voices:
    """The bank and what is drawn from it. Raises ModelError."""
    with np.load(directory.file("bank"), allow_pickle=False) as file:
        bank = dict(file)
    ids, voice_features = bank["speaker_ids"].tolist(), bank["voice_features"]
    table, found = _rows(synthesizer, ids), space(directory, bank)
    return Voices(
        bank=SpeakerBank(ids, found.voice_emb, fitted.search_index(found.voice_emb)),
        speaker_embeddings=table,
        gmm=fitted.generation(directory, table),
        signature=fitted.signature(directory, table, voice_features),
        heads=found.heads,
    )


def reference_faces(directory: ModelDirectory, dimension: int) -> Float32:
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
