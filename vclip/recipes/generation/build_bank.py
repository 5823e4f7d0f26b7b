"""The bank of a model directory: every speaker, embedded from what the VITS really says.

`python -m vclip.recipes.generation.build_bank` lets the directory's synthesizer speak. With
`--recordings coqui-vctk --rename c p --directory assets/models/vctk` it takes the synthesizer's own
audio from a manifest instead, so that a bank can be built without the weights; c225 becomes p225.

Writes bank.npz: speaker_ids (N,), voice_features (N, V), median f0 (N,) in Hz, sex (N,) 'F', 'M' or
'' (only with --manifest, on whose labelled voices a classifier is trained), and provenance, a JSON
text. Sex and pitch are for statistics of banks; the app never tells them.

The manifest is a CSV with the columns path, source, speaker, sex; docs/recipes.md says where its
recordings (VCTK, LibriSpeech) come from.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from tqdm import tqdm
from tyro.conf import arg

from vclip.association.voice_encoder import VoiceEncoder
from vclip.errors import DataError
from vclip.models.directory import BUNDLED
from vclip.recipes.data.encoders import VOICE_CHOICES, open_voice_encoder
from vclip.recipes.data.features import FeatureSource
from vclip.recipes.data.manifest import file_hash
from vclip.recipes.data.recordings import SpeakerVoices, mean_voice, median_f0, speaker_voices
from vclip.recipes.data.voice_sex import SexProbe
from vclip.recipes.generation.npz import write_npz
from vclip.recipes.generation.spoken_features import SENTENCES, speeches
from vclip.recipes.options import command
from vclip.speech.vits import CoquiVits

LABELLED = ("vctk", "librispeech")  # sources whose sex is known


@dataclass(frozen=True)
class BuildBankSettings:
    """Speakers, and how they are heard."""

    directory: Path = BUNDLED
    n_sentences: Literal[1, 2, 3, 4] = 3  # that each speaker says
    seed: int = 0
    manifest: Path | None = None  # recordings, some with known sex
    recordings: str = ""  # source of the manifest that is heard, not the VITS
    rename: tuple[str, str] | None = None  # beginning of names, old and new
    voice_encoder: Annotated[str, arg(help=VOICE_CHOICES)] = "resemblyzer"
    source: FeatureSource = field(default_factory=FeatureSource)


def spoken_voices(settings: BuildBankSettings, encoder: VoiceEncoder) -> SpeakerVoices:
    """The synthesizer's speakers, each heard in n_sentences."""
    synthesizer = CoquiVits.load(settings.directory)
    features, f0 = [], []
    for row in tqdm(synthesizer.speaker_embeddings, desc="speakers"):
        spoken = speeches(synthesizer, row, SENTENCES[: settings.n_sentences], settings.seed)
        features.append(mean_voice([encoder.encode(s.wav, s.sample_rate) for s in spoken]))
        f0.append(median_f0([(s.wav, s.sample_rate) for s in spoken]))
    ids = synthesizer.speaker_ids
    return SpeakerVoices(ids, np.stack(features), np.array(f0, dtype=np.float32), [""] * len(ids))


def renamed(speaker_id: str, rename: tuple[str, str] | None) -> str:
    """The name with its beginning replaced. Raises DataError if it begins otherwise."""
    if rename is None:
        return speaker_id
    if not speaker_id.startswith(rename[0]):
        raise DataError(f"the speaker {speaker_id!r} does not begin with {rename[0]!r}")
    return rename[1] + speaker_id.removeprefix(rename[0])


@command(BuildBankSettings)
def main(settings: BuildBankSettings) -> None:
    """Hear the speakers, classify their sex if there are labels, and write the bank."""
    manifest, spec = settings.manifest, settings.voice_encoder
    encoder, weights_hash = open_voice_encoder(spec)
    recordings = settings.source.open(manifest, voice_encoder=spec)[1] if manifest else None
    origin: dict[str, Any] = {"encoder": f"{spec.partition(':')[0]} {weights_hash[:12]}"}
    if settings.recordings:
        if manifest is None or recordings is None:
            raise DataError("--recordings needs the --manifest that lists them")
        voices = speaker_voices(manifest, settings.recordings, recordings)
        origin |= {"recordings": settings.recordings}
    else:
        voices = spoken_voices(settings, encoder)
        origin |= {"n_sentences": settings.n_sentences, "seed": settings.seed}
    sex = voices.sex
    if manifest and recordings:
        probe = SexProbe.fit([speaker_voices(manifest, source, recordings) for source in LABELLED])
        judged, figures = probe.classify(voices)
        sex = judged.tolist()
        origin |= {"manifest": file_hash(manifest), "sex": probe.figures | figures}
    arrays = {
        "speaker_ids": np.array([renamed(s, settings.rename) for s in voices.speaker_ids]),
        "voice_features": voices.voice_features.astype(np.float32),
        "f0": voices.f0,
        "sex": np.array(sex, dtype="<U1"),
    }
    path = settings.directory / "bank.npz"
    write_npz(path, arrays, origin)
    print(path, json.dumps(origin))


if __name__ == "__main__":
    raise SystemExit(main())
