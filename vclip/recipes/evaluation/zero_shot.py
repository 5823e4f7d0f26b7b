"""The zero-shot bridge as a baseline: it knows what speakers are, not how they sound.

In place of each voice stands the description of its speaker, from what the manifest or VoxCeleb's
metadata say (sex, age, accent, nationality). That is more than any voice tells, so a figure of the
bridge is one of CLIP's eyes, with perfect knowledge on the other side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from vclip.arrays import Float32, Float64
from vclip.association import zero_shot
from vclip.association.zero_shot import SpeakerProfile, TextEncoder
from vclip.errors import DataError
from vclip.face.clip import ClipTextEncoder
from vclip.models.clip_folder import clip_hash, find_clip
from vclip.recipes.data.manifest import read_rows, sex_of
from vclip.recipes.data.shards import PairFeatures
from vclip.recipes.evaluation.media import read_metadata

COLUMNS = ("VoxCeleb1 ID", "Gender", "Nationality")


def text_encoder(faces: Mapping[str, Any]) -> ClipTextEncoder:
    """Of the CLIP whose image_features the shards hold; faces: their part of features.json.

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
        name: SpeakerProfile(sex_of(sex, f"{meta}, {name}"), country=country)
        for name, sex, country in read_metadata(meta, COLUMNS)
    }


def pair_scores(
    features: PairFeatures, people: Mapping[str, SpeakerProfile], encoder: TextEncoder
) -> Float64:
    """Cosines (N, N) of every row's face with the description of every row's person."""
    speakers = [people.get(pair.person, SpeakerProfile()) for pair in features.pairs]
    return zero_shot.description_scores(encoder, features.first()[0], speakers).astype(np.float64)


@dataclass(frozen=True)
class DescribedVoices:
    """A side of features in which descriptions stand for voices: unit rows in CLIP's space."""

    keys: list[str]
    person_of: Callable[[str], str]  # of a key
    people: Mapping[str, SpeakerProfile]
    encoder: TextEncoder

    @property
    def dimension(self) -> int:
        """F."""
        return self.encoder.dimension

    def matrix(self, keys: Sequence[str]) -> Float32:
        """The descriptions of some keys' persons, (n, F)."""
        found = [self.people.get(self.person_of(key), SpeakerProfile()) for key in keys]
        return zero_shot.embed_descriptions(self.encoder, [person.describe() for person in found])


@dataclass(frozen=True)
class IdentityHeads:
    """Heads for two sides whose features lie in one space of F dimensions already."""

    dimension: int

    @property
    def image_dimension(self) -> int:
        """F."""
        return self.dimension

    @property
    def voice_dimension(self) -> int:
        """F, too."""
        return self.dimension

    def encode_image(self, image_features: Tensor) -> Tensor:
        """(N, F), raw -> unit norm."""
        return F.normalize(image_features, dim=1)

    def encode_voice(self, voice_features: Tensor) -> Tensor:
        """(N, F), raw -> unit norm."""
        return F.normalize(voice_features, dim=1)
