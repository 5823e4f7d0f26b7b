"""Is the bundled VITS plain speech? `python -m vclip.offline.evaluate_tts [--json]` measures it.

* intelligibility: PocketSphinx with a grammar of 60 sentences that no training text contains; share
  of utterances recognised as the right sentence, with a bootstrap 95 % interval;
* pitch: median F0 of synthesised speech against the speaker's recording, share within 15 %, and
  share on the same side of 165 Hz (which agrees with the sex label of 98 % of VCTK's voices);
* speaker: Resemblyzer ranks the speaker's own recording first among all evaluated speakers';
* artefacts: clipped or non-finite samples.
"""

import argparse
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pocketsphinx
from tqdm import tqdm

from vclip import audio
from vclip.encoders import ResemblyzerEncoder
from vclip.errors import reported
from vclip.metrics import bootstrap, share
from vclip.offline.options import add_fields, from_arguments
from vclip.offline.prepare_tts import Config as PrepareConfig
from vclip.offline.prepare_tts import split_lines, transcribed
from vclip.tts import CoquiVits, Speech, clean_text
from vclip.weights import BUNDLED

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Config:
    """The reported run."""

    directory: str = str(BUNDLED)
    data: str = "../shared/data"
    n_sentences: int = 60
    n_speakers: int = 40
    seed: int = 0


class Recogniser:
    """Which sentence of a closed set was said."""

    def __init__(self, sentences: list[str]) -> None:
        rules = " | ".join(sentences)
        self._decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
        self._decoder.add_jsgf_string(
            "closed", f"#JSGF V1.0; grammar closed; public <s> = {rules};"
        )
        self._decoder.activate_search("closed")

    def recognise(self, speech: Speech) -> str:
        """The most likely sentence, or an empty string."""
        wav = audio.to_int16(audio.resample(speech.wav, speech.sample_rate, 16000))
        self._decoder.start_utt()
        self._decoder.process_raw(wav.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""


def spoken_words(text: str) -> str:
    """Lower-case words only, as the recogniser's dictionary has them."""
    return " ".join(re.findall(r"[a-z']+", clean_text(text)))


def held_out_sentences(config: Config) -> list[str]:
    """Sentences outside all training texts whose words the recogniser knows."""
    _, lines = split_lines(Path(config.data), PrepareConfig().seed)
    dictionary = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    known = [
        line
        for line in lines
        if 40 <= len(line) <= 100
        and all(dictionary.lookup_word(word) for word in spoken_words(line).split())
    ]
    return known[: config.n_sentences]


def recordings(config: Config) -> dict[str, Path]:
    """One recording of every speaker."""
    return {speaker: path for speaker, _, path in transcribed(Path(config.data))}


def median_f0(wav: Array, sample_rate: int) -> float:
    """Median fundamental frequency in Hz over the louder half of the frames (YIN)."""
    f0 = librosa.yin(wav, fmin=60, fmax=400, sr=sample_rate, frame_length=2048, hop_length=512)
    rms = librosa.feature.rms(y=wav, frame_length=2048, hop_length=512)[0][: len(f0)]
    return float(np.median(f0[: len(rms)][rms > np.median(rms)]))


def measure(config: Config) -> list[dict[str, Any]]:
    """One row per utterance: every sentence once, speakers in turn."""
    synthesizer, encoder = CoquiVits.load(Path(config.directory)), ResemblyzerEncoder()
    sentences, originals = held_out_sentences(config), recordings(config)
    recogniser = Recogniser([spoken_words(s) for s in sentences])
    speakers = [s for s in synthesizer.speaker_ids if s in originals]
    random.Random(config.seed).shuffle(speakers)
    speakers = sorted(speakers[: config.n_speakers])
    table, rows = synthesizer.speaker_embeddings, []
    references = {speaker: audio.load_wav(originals[speaker]) for speaker in speakers}
    voices = {speaker: encoder.encode(*sound) for speaker, sound in references.items()}
    pitches = {speaker: median_f0(*sound) for speaker, sound in references.items()}
    for i in tqdm(range(max(len(sentences), len(speakers))), desc="utterances", mininterval=5):
        speaker, sentence = speakers[i % len(speakers)], sentences[i % len(sentences)]
        embedding = table[synthesizer.speaker_ids.index(speaker)]
        speech = synthesizer.synthesize(sentence, embedding, seed=i)
        rows.append(
            {
                "speaker": speaker,
                "recognised": recogniser.recognise(speech) == spoken_words(sentence),
                "f0": median_f0(speech.wav, speech.sample_rate),
                "f0_recording": pitches[speaker],
                "clipped": float(np.mean(~(np.abs(speech.wav) < 0.999))),  # a NaN counts
                "seconds_per_character": speech.seconds / len(sentence),
                "features": encoder.encode(speech.wav, speech.sample_rate),
            }
        )
    for row in rows:
        scores = {s: float(reference @ row["features"]) for s, reference in voices.items()}
        row["speaker_first"] = max(scores, key=lambda s: scores[s]) == row["speaker"]
        del row["features"]
    return rows


def summarise(rows: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """The figures, shares with a bootstrap 95 % interval over utterances."""
    rng = np.random.default_rng(seed)
    f0 = np.array([[row["f0"], row["f0_recording"]] for row in rows])
    shares = {
        "recognised": np.array([row["recognised"] for row in rows]),
        "f0_within_15_percent": np.abs(f0[:, 0] / f0[:, 1] - 1) < 0.15,
        "f0_same_side_of_165_hz": (f0[:, 0] > 165) == (f0[:, 1] > 165),
        "speaker_first": np.array([row["speaker_first"] for row in rows]),
    }
    figures: dict[str, Any] = {"utterances": len(rows)}
    found = bootstrap(
        lambda counts: [share(hits, counts) for hits in shares.values()],
        np.arange(len(rows)),
        2000,
        rng,
    )
    for name, estimate in zip(shares, found, strict=True):
        numbers = {"share": estimate.value, "low": estimate.low, "high": estimate.high}
        figures[name] = {key: round(number, 4) for key, number in numbers.items()}
    figures["clipped"] = max(row["clipped"] for row in rows)
    figures["seconds_per_character"] = float(np.mean([r["seconds_per_character"] for r in rows]))
    return figures


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vclip.offline.evaluate_tts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_fields(parser, Config())
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    config = from_arguments(Config, arguments)
    figures = summarise(measure(config), config.seed)
    if arguments.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        if isinstance(value, dict):
            print("{:24s} {share:.3f} [{low:.3f}, {high:.3f}]".format(name, **value))
        else:
            print(f"{name:24s} {value:.4g}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
