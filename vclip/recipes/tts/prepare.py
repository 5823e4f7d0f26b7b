"""Training data of the bundled VITS in one file: `python -m vclip.recipes.tts.prepare --data DIR`.

Reads the transcribed voices of DIR/voices/manifest.csv (ten read sentences in 130 voices: timbre)
and lets flite's, festival's and espeak-ng's voices speak some thousand different sentences of
DIR/text/ljspeech_sentences.txt (content: without them the text encoder learns positions instead of
phonemes and the alignment never forms). docs/recipes.md says where both come from. The engines are
system programs: `apt-get install flite festival festvox-kdlpc16k festvox-us-slt-hts espeak-ng`.

Output, a safetensors file: `wav` (sum T,) int16, `wav_offsets` (N + 1,), `f0` (sum frames,) float16
in Hz, 0 where unvoiced, `f0_offsets`, `ids` (sum L,) int16, `id_offsets`, `speaker` (N,),
`voice_features` (S, V) of the speakers; metadata: speakers, vocabulary, config.
"""

import json
import random
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import parselmouth
import torch
from safetensors.torch import save_file
from tqdm import tqdm

from vclip import audio
from vclip.arrays import Wav
from vclip.association.voice_encoder import ResemblyzerEncoder
from vclip.errors import DataError
from vclip.recipes.data.manifest import read_rows
from vclip.recipes.data.recordings import mean_voice
from vclip.recipes.options import command
from vclip.recipes.tts.dataset import HOP
from vclip.speech import phonemes
from vclip.speech.vits import BLANK, VOCABULARY, clean_text

ENGINES = {  # speaker -> command; {text} is a file with the sentence, {out} the sound to write
    "fslt": "flite -voice slt -f {text} -o {out}",
    "frms": "flite -voice rms -f {text} -o {out}",
    "fawb": "flite -voice awb -f {text} -o {out}",
    "fkal16": "flite -voice kal16 -f {text} -o {out}",
    "fked": "text2wave -eval (voice_ked_diphone) {text} -o {out}",
    "fslthts": "text2wave -eval (voice_cmu_us_slt_arctic_hts) {text} -o {out}",
    "fespeak": "espeak-ng -v en-us -f {text} -w {out}",
}
PREFIX = {
    "vctk": "",
    "coqui-vctk": "",
    "cmu-arctic": "cmu-",
    "hifi-tts": "hifi-",
    "m-ailabs": "mailabs-",
    "ljspeech": "",
}
HELD_OUT = 500  # the last sentences of the shuffled text are never trained on: evaluation's


@dataclass(frozen=True)
class PrepareTtsSettings:
    """Contents of the file."""

    data: Path  # folder with voices/manifest.csv and text/ljspeech_sentences.txt; docs/recipes.md
    out: Path = Path("build/tts.safetensors")
    flite_sentences: int = 3000  # different ones, spread over flite's four voices
    festival_sentences: int = 400  # others, spread over festival's two
    espeak_sentences: int = 100  # others again
    min_chars: int = 30
    max_chars: int = 120
    sample_rate: int = 22050
    peak: float = 0.7  # every utterance is scaled to this peak, so that loudness is one
    seed: int = 0


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence."""

    speaker: str
    text: str
    wav: Wav


def split_lines(data: Path, seed: int) -> tuple[list[str], list[str]]:
    """All sentences in a random order: those to train on, and those held out."""
    path = data / "text/ljspeech_sentences.txt"
    if not path.is_file():
        raise DataError(f"{path} is missing; give the folder that holds text/ with --data")
    lines = path.read_text().splitlines()
    random.Random(seed).shuffle(lines)
    return lines[:-HELD_OUT], lines[-HELD_OUT:]


def read_voices(config: PrepareTtsSettings) -> list[Utterance]:
    """The transcribed recordings of the manifest."""
    found = tqdm(transcribed(config.data), desc="recordings")
    return [one for name, text, path in found for one in read_recording(name, text, path, config)]


def read_recording(
    speaker: str, text: str, path: Path, config: PrepareTtsSettings
) -> list[Utterance]:
    """A recording, a long one as its sentences."""
    parts = split_sentences(text, level(audio.load_wav(path), config), config.sample_rate)
    return [Utterance(speaker, sentence, wav) for sentence, wav in parts]


def transcribed(data: Path) -> list[tuple[str, str, Path]]:
    """Speaker id, text and sound file of every transcribed recording. Raises DataError."""
    manifest = data / "voices/manifest.csv"
    rows = [row for _, row in read_rows(manifest, ("path", "source", "speaker", "text"))]
    return [
        (PREFIX[row["source"]] + row["speaker"], row["text"], manifest.parent / row["path"])
        for row in rows
        if row["source"] in PREFIX
    ]


def split_sentences(text: str, wav: Wav, sample_rate: int) -> list[tuple[str, Wav]]:
    """A recording of several sentences as one recording each, cut in the pauses between them.

    A pause is looked for where the share of characters says; without one there the sentences on its
    two sides stay together. Long recordings are slow to train on and hard to align.
    """
    sentences = re.split(r"(?<=[.!?]) ", text)
    pieces, first, start = [], 0, 0
    for i in range(1, len(sentences)):
        share = len(" ".join(sentences[:i])) / len(text)
        pause = find_pause(wav, sample_rate, share)
        if pause is not None:
            pieces.append((" ".join(sentences[first:i]), wav[start:pause]))
            first, start = i, pause
    return [*pieces, (" ".join(sentences[first:]), wav[start:])]


def find_pause(
    wav: Wav, sample_rate: int, share: float, within: float = 0.04, shortest: float = 0.09
) -> int | None:
    """Sample in the middle of the longest silence near a share of the sound; None without one."""
    hop = sample_rate // 100
    level = np.sqrt(np.square(wav[: len(wav) // hop * hop]).reshape(-1, hop).mean(axis=1))
    quiet = np.convolve(level, np.ones(3) / 3, "same") < 0.03 * np.percentile(level, 95)
    edges = np.flatnonzero(np.diff(quiet, prepend=False, append=False))
    runs = [(int(end - begin), (begin + end) / 2) for begin, end in edges.reshape(-1, 2)]
    near = [run for run in runs if abs(run[1] / len(quiet) - share) < within]
    length, middle = max(near, default=(0, 0.0))
    return int(middle * hop) if length >= shortest * 100 else None


def speak_engine(speaker: str, text: str, config: PrepareTtsSettings) -> Utterance:
    """One sentence by one of ENGINES; its speakers are f…, trained on but never offered."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "text.txt"), Path(folder, "speech.wav")
        source.write_text(text)
        command = [part.format(text=source, out=out) for part in ENGINES[speaker].split()]
        try:
            subprocess.run(command, capture_output=True, check=True)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise DataError(f"{' '.join(command)} failed ({error}); see --help") from None
        return Utterance(speaker, text, level(audio.load_wav(out), config))


def level(sound: tuple[Wav, int], config: PrepareTtsSettings) -> Wav:
    """The sound at the training rate and peak."""
    wav = audio.resample(*sound, config.sample_rate)
    return np.asarray(wav * (config.peak / max(float(np.abs(wav).max()), 1e-4)), dtype=np.float32)


def jobs(config: PrepareTtsSettings) -> list[tuple[str, str]]:
    """(speaker, text) of every sentence that an engine is to speak, each text once."""
    counts = config.flite_sentences, config.festival_sentences, config.espeak_sentences
    voices = ("fslt", "frms", "fawb", "fkal16"), ("fked", "fslthts"), ("fespeak",)
    speakers = [v[i % len(v)] for v, n in zip(voices, counts, strict=True) for i in range(n)]
    lines, _ = split_lines(config.data, config.seed)
    texts = [s for s in lines if config.min_chars <= len(s) <= config.max_chars]
    return list(zip(speakers, texts, strict=False))


def read_engines(config: PrepareTtsSettings) -> list[Utterance]:
    """All sentences, each by one of the engines' voices."""
    work = jobs(config)
    with ThreadPoolExecutor(2) as pool:
        spoken = pool.map(lambda job: speak_engine(job[0], job[1], config), work)
        return list(tqdm(spoken, total=len(work), desc="engines"))


def fundamental(wav: Wav, sample_rate: int) -> npt.NDArray[np.float16]:
    """F0 in Hz at the middle of every frame of HOP samples, 0 where unvoiced (Praat)."""
    sound = parselmouth.Sound(wav.astype(np.float64), sample_rate)
    pitch = sound.to_pitch_ac(
        time_step=HOP / 2 / sample_rate, pitch_floor=60.0, pitch_ceiling=500.0
    )
    middles = (np.arange(len(wav) // HOP) + 0.5) * HOP / sample_rate
    nearest = np.abs(pitch.xs()[None] - middles[:, None]).argmin(axis=1)
    return np.asarray(pitch.selected_array["frequency"][nearest], dtype=np.float16)


def voice_features(
    speakers: list[str], utterances: list[Utterance], sample_rate: int, most: int = 10
) -> torch.Tensor:
    """Resemblyzer's features (S, V) of each speaker, the mean over its longest utterances."""
    encoder, features = ResemblyzerEncoder(), []
    for speaker in tqdm(speakers, desc="voices"):
        wavs = sorted((u.wav for u in utterances if u.speaker == speaker), key=len)[-most:]
        features.append(mean_voice([encoder.encode(wav, sample_rate) for wav in wavs]))
    return torch.from_numpy(np.stack(features))


@command(PrepareTtsSettings)
def main(config: PrepareTtsSettings) -> None:
    """Pack all utterances into one safetensors file."""
    utterances = read_voices(config) + read_engines(config)
    speakers = sorted({u.speaker for u in utterances})
    ids = [
        phonemes.to_ids(phonemes.phonemize(clean_text(u.text)), VOCABULARY, BLANK)
        for u in tqdm(utterances, desc="phonemes")
    ]
    wavs = [np.round(u.wav * 32767).astype(np.int16) for u in utterances]
    f0 = [fundamental(u.wav, config.sample_rate) for u in tqdm(utterances, desc="pitch")]
    tensors = {
        "wav": torch.from_numpy(np.concatenate(wavs)),
        "wav_offsets": torch.tensor(np.cumsum([0] + [len(w) for w in wavs])),
        "f0": torch.from_numpy(np.concatenate(f0)),
        "f0_offsets": torch.tensor(np.cumsum([0] + [len(f) for f in f0])),
        "ids": torch.tensor(np.concatenate(ids), dtype=torch.int16),
        "id_offsets": torch.tensor(np.cumsum([0] + [len(i) for i in ids])),
        "speaker": torch.tensor([speakers.index(u.speaker) for u in utterances]),
        "voice_features": voice_features(speakers, utterances, config.sample_rate),
    }
    metadata = {"speakers": speakers, "vocabulary": VOCABULARY, "config": asdict(config)}
    config.out.parent.mkdir(parents=True, exist_ok=True)
    told = {key: json.dumps(value, default=str) for key, value in metadata.items()}
    save_file(tensors, config.out, metadata=told)
    hours = sum(map(len, wavs)) / config.sample_rate / 3600
    print(f"{config.out}: {len(wavs)} utterances, {len(speakers)} speakers, {hours:.1f} h")


if __name__ == "__main__":
    raise SystemExit(main())
