"""The zero-shot baseline: CLIP compares faces with descriptions of the true speakers.

In place of each voice stands the description of its speaker, from what the manifest or VoxCeleb's
metadata say (sex, age, accent, nationality). That is more than any voice tells, so this
baseline measures CLIP on the face side with perfect knowledge on the voice side.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.preprocessing import normalize

from vclip.arrays import Float32, Float64
from vclip.association import zero_shot
from vclip.association.zero_shot import SpeakerProfile, TextEncoder
from vclip.errors import DataError
from vclip.face.clip import ClipTextEncoder
from vclip.models.clip_folder import clip_hash, find_clip
from vclip.recipes.data.manifest import read_rows, sex_of
from vclip.recipes.data.shards import PairFeatures, Shards
from vclip.recipes.evaluation.media import media_key, person_of, read_metadata
from vclip.recipes.evaluation.protocol_evaluation import EmbeddedMedia
from vclip.recipes.evaluation.trials import PublishedProtocol


def text_encoder(faces: Mapping[str, Any]) -> ClipTextEncoder:
    """Text tower of the CLIP that made the shards; faces: their part of features.json.

    Raises DataError if they are of no CLIP, or of another one than is there now.
    """
    spec = str(faces["spec"])
    if spec == "bundled" or spec.endswith(".safetensors"):
        raise DataError(
            f"the zero-shot bridge reads image features of a CLIP, these are of {spec}; make "
            "features with --image-encoder clip"
        )
    folder = find_clip(spec)
    if clip_hash(folder) != faces["weights_sha256"]:
        raise DataError(f"{folder} is another CLIP than the one that the features were made with")
    return ClipTextEncoder(folder)


def read_manifest(manifest: Path) -> dict[str, SpeakerProfile]:
    """Persons of a manifest of pairs: sex, and age and accent where it has such columns."""
    people = {}
    for line, row in read_rows(manifest, ("person", "sex")):
        sex = sex_of(row["sex"], f"{manifest}, line {line}")
        age = row.get("age", "")
        years = float(age) if age.replace(".", "", 1).isdigit() else None
        people[row["person"]] = SpeakerProfile(sex, years, row.get("accent", ""))
    return people


def read_meta(meta: Path) -> dict[str, SpeakerProfile]:
    """Persons of vox1_meta.csv by VoxCeleb id. Raises DataError."""
    return {
        number: SpeakerProfile(person.sex, country=person.country)
        for number, person in read_metadata(meta).items()
    }


def pair_scores(
    features: PairFeatures, people: Mapping[str, SpeakerProfile], encoder: TextEncoder
) -> Float64:
    """Cosines (N, N) of every row's face with the description of every row's person."""
    speakers = [people.get(pair.person, SpeakerProfile()) for pair in features.pairs]
    return zero_shot.description_scores(encoder, features.first()[0], speakers).astype(np.float64)


def embed_media(
    protocol: PublishedProtocol,
    ids: Mapping[str, str],
    sides: tuple[Shards, Shards],
    people: Mapping[str, SpeakerProfile],
) -> tuple[EmbeddedMedia, EmbeddedMedia]:
    """The protocol's faces as CLIP sees them, and its voices as their persons' descriptions.

    Raises DataError if the features of faces are not a CLIP's.
    """
    (faces, voices), encoder = sides, text_encoder(sides[0].about)

    def embed_voices(paths: Sequence[str]) -> Float32:
        persons = [people.get(person_of(media_key(p, ids)), SpeakerProfile()) for p in paths]
        return zero_shot.embed_descriptions(encoder, [person.describe() for person in persons])

    return (
        EmbeddedMedia(protocol.media("face"), faces, ids, lambda x: normalize(faces.matrix(x))),
        EmbeddedMedia(protocol.media("voice"), voices, ids, embed_voices),
    )
