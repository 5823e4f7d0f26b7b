"""Speakers of a manifest of recordings: mean voice features, median F0 and sex of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vclip.arrays import Float32
from vclip.audio import load_wav
from vclip.errors import DataError
from vclip.recipes.data.acoustics import pitch
from vclip.recipes.data.manifest import key_of, read_rows, sex_of
from vclip.recipes.data.shards import Shards

COLUMNS = ("path", "source", "speaker", "sex")


@dataclass(frozen=True)
class SpeakerVoices:
    """Speakers with voice_features (N, V) of unit norm, median F0 (N,) in Hz, and sex.

    sex is 'F', 'M' or '' where the manifest does not tell.
    """

    speaker_ids: list[str]
    voice_features: Float32
    f0: Float32
    sex: list[str]

    def __len__(self) -> int:
        return len(self.speaker_ids)


def mean_voice(features: Sequence[Float32]) -> Float32:
    """The speaker's features (V,): the mean over utterances, at unit norm as each of them."""
    mean = np.mean(features, axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def median_f0(wavs: Sequence[tuple[Float32, int]]) -> float:
    """Median F0 in Hz over the voiced frames of (wav, sample_rate) pairs. Raises DataError."""
    f0 = np.concatenate([pitch(wav, sample_rate) for wav, sample_rate in wavs])
    if not len(f0):
        raise DataError("no frame of the recordings is voiced; use recordings of speech")
    return float(np.median(f0))


def read_speakers(manifest: Path, source: str) -> dict[str, tuple[str, list[Path]]]:
    """Sex and files of every speaker of a source. Raises DataError if it has none."""
    speakers: dict[str, tuple[str, list[Path]]] = {}
    sources = set()
    for line, row in read_rows(manifest, COLUMNS):
        sources.add(row["source"])
        if row["source"] == source:
            sex = sex_of(row["sex"], f"{manifest}, line {line}")
            known, paths = speakers.setdefault(row["speaker"], (sex, []))
            if known != sex:
                raise DataError(f"{manifest}, line {line}: {row['speaker']} has two sexes")
            paths.append(manifest.parent / row["path"])
    if not speakers:
        raise DataError(f"{manifest} has no source {source!r}; it has {', '.join(sorted(sources))}")
    return speakers


def speaker_voices(manifest: Path, source: str, recordings: Shards) -> SpeakerVoices:
    """Every speaker of a source; recordings: the manifest's voice features.

    Raises DataError if a speaker has no usable recording.
    """
    speakers = read_speakers(manifest, source)
    features, f0 = [], []
    for speaker, (_, files) in tqdm(speakers.items(), desc=f"pitch of {source}", disable=None):
        keys = {path: key_of(path, manifest.parent) for path in files}
        usable = [path for path in files if keys[path] in recordings]
        if not usable:
            reason = recordings.why_not(keys[files[0]])
            raise DataError(f"no recording of {speaker} can be used; {reason}")
        features.append(mean_voice(list(recordings.matrix([keys[path] for path in usable]))))
        f0.append(median_f0([load_wav(path) for path in usable]))
    sexes = [sex for sex, _ in speakers.values()]
    return SpeakerVoices(list(speakers), np.stack(features), np.array(f0, dtype=np.float32), sexes)
