"""Build the bank of a model directory: every speaker, embedded from what the VITS really says.

`python -m vclip.recipes.generation.build_bank` lets the directory's synthesizer speak. With
`--recordings coqui-vctk --rename c p --directory assets/models/vctk` it takes the synthesizer's own
audio from a manifest instead, so that a bank can be built without the weights; c225 becomes p225.

Writes bank.npz: speaker_ids (N,), voice_features (N, V), median f0 (N,) in Hz, sex (N,) 'F', 'M' or
'' (only with --manifest, whose labelled voices train the judge), and provenance, a JSON text. Sex
and pitch are for statistics of banks; the app never tells them.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vclip.association.voice_encoder import VoiceEncoder
from vclip.errors import DataError, reported
from vclip.models.directory import BUNDLED
from vclip.recipes.data.encoders import VOICE_CHOICES, voice_encoder
from vclip.recipes.data.features import STORE, make_features
from vclip.recipes.data.manifest import file_hash
from vclip.recipes.data.recordings import SpeakerVoices, listen, mean_voice, median_f0
from vclip.recipes.data.shards import open_features
from vclip.recipes.data.voice_sex import SexProbe
from vclip.recipes.generation.spoken_features import SENTENCES, speeches
from vclip.speech.vits import CoquiVits

LABELLED = ("vctk", "librispeech")  # sources whose sex is known


def spoken_voices(
    directory: Path, encoder: VoiceEncoder, n_sentences: int, seed: int
) -> SpeakerVoices:
    """The synthesizer's speakers, each heard in n_sentences."""
    synthesizer = CoquiVits.load(directory)
    features, f0 = [], []
    for row in tqdm(synthesizer.speaker_embeddings, desc="speakers"):
        spoken = speeches(synthesizer, row, SENTENCES[:n_sentences], seed)
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


def save(
    path: Path, ids: list[str], voices: SpeakerVoices, sex: list[str], origin: dict[str, Any]
) -> None:
    """Write bank.npz."""
    np.savez(
        path,
        speaker_ids=np.array(ids),
        voice_features=voices.voice_features.astype(np.float32),
        f0=voices.f0,
        sex=np.array(sex, dtype="<U1"),
        provenance=np.array(json.dumps(origin)),
    )


def build(arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """Hear the speakers, judge their sex if there are labels, and write the bank."""
    manifest: Path | None = arguments.manifest
    encoder, weights_hash = voice_encoder(arguments.voice_encoder)
    spec, store = arguments.voice_encoder, arguments.store
    made = make_features(manifest, voice_encoder=spec, store=store) if manifest else None
    recordings = open_features(made)[1] if made else None
    kind = arguments.voice_encoder.partition(":")[0]
    origin: dict[str, Any] = {"encoder": f"{kind} {weights_hash[:12]}"}
    if arguments.recordings:
        if manifest is None or recordings is None:
            raise DataError("--recordings needs the --manifest that lists them")
        voices = listen(manifest, arguments.recordings, recordings)
        origin |= {"recordings": arguments.recordings}
    else:
        asked = (arguments.n_sentences, arguments.seed)
        voices = spoken_voices(arguments.directory, encoder, *asked)
        origin |= {"n_sentences": arguments.n_sentences, "seed": arguments.seed}
    sex = voices.sex
    if manifest and recordings:
        probe = SexProbe.fit([listen(manifest, source, recordings) for source in LABELLED])
        judged, figures = probe.judge(voices)
        sex = judged.tolist()
        origin |= {"manifest": file_hash(manifest), "sex": probe.figures | figures}
    path: Path = arguments.directory / "bank.npz"
    ids = [renamed(speaker_id, arguments.rename) for speaker_id in voices.speaker_ids]
    arguments.directory.mkdir(parents=True, exist_ok=True)
    save(path, ids, voices, sex, origin)
    return path, origin


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vclip.recipes.generation.build_bank", description=__doc__
    )
    parser.add_argument("--directory", type=Path, default=BUNDLED)
    parser.add_argument("--n-sentences", type=int, default=3, choices=range(1, len(SENTENCES) + 1))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--manifest", type=Path, help="CSV of recordings, some with known sex")
    parser.add_argument("--recordings", metavar="SOURCE", help="of the manifest, not the VITS")
    parser.add_argument("--rename", nargs=2, metavar=("OLD", "NEW"), help="beginning of names")
    parser.add_argument("--voice-encoder", default="resemblyzer", help=VOICE_CHOICES)
    parser.add_argument("--store", type=Path, default=STORE, help="folder of features made here")
    path, origin = build(parser.parse_args(argv))
    print(path, json.dumps(origin))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
