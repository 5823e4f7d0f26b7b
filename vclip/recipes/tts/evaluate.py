"""Evaluation of the VITS of a model directory: `python -m vclip.recipes.tts.evaluate --data DIR`.

a  Intelligibility. PocketSphinx with a grammar of 60 sentences that no training text contains: is
   the right one recognised? With its own language model, on the seven sentences of coqui's shared
   audio: word error rate of ours against that of the shared audio, same voices, same sentences.
b  Fidelity, one decision per speaker: his synthesised sentences (Resemblyzer features averaged)
   among the speakers' recordings (averaged, all of them); median F0 (Praat) against theirs. The
   ceiling is every other recording against the rest; long ones count as their sentences.
c  Artefacts: samples that are not numbers or clipped, silence, loudness and seconds per phoneme
   against the recordings (brought to the peak of the training data), periodicity of the louder half
   of the frames: 1 is a tone, little is hoarse.
d  Generated speakers: a and c again, TacoSpawn's distances (ideal: g2s = g2g = s2s) over as many
   generated as known ones, range of F0.

Less of everything is quicker: --n-speakers, --n-sentences, --sentences-each; --n-voices 0 leaves
the word error rate out, --n-generated 0 part d. DIR is that of `vclip.recipes.tts.prepare`.
"""

import json
import random
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vclip.arrays import Float32
from vclip.association.voice_encoder import ResemblyzerEncoder
from vclip.errors import DataError
from vclip.models.directory import BUNDLED
from vclip.recipes.data import acoustics
from vclip.recipes.metrics.figures import Figure
from vclip.recipes.options import command
from vclip.recipes.tts import figures as tts_figures
from vclip.recipes.tts.figures import MeasuredUtterance
from vclip.recipes.tts.prepare import (
    PrepareTtsSettings,
    Utterance,
    read_recording,
    split_lines,
    transcribed,
)
from vclip.recipes.tts.recognition import Recogniser, of_known_words, spoken_words
from vclip.speakers.gmm import SpeakerGMM
from vclip.speech import phonemes
from vclip.speech.synthesizer import Synthesizer
from vclip.speech.vits import CoquiVits, clean_text


@dataclass(frozen=True)
class EvaluateTtsSettings:
    """The reported run."""

    data: Path  # folder with voices/manifest.csv and text/ljspeech_sentences.txt; docs/recipes.md
    directory: Path = BUNDLED
    n_sentences: int = 60
    n_speakers: int = 40
    sentences_each: int = 3
    n_voices: int = 12  # of coqui's, for the word error rate
    n_generated: int = 40
    seed: int = 0
    json: bool = False
    check: bool = False  # exit code 1 if a target is missed


def held_out_sentences(config: EvaluateTtsSettings) -> list[str]:
    """Sentences outside all training texts whose words the recogniser knows."""
    _, lines = split_lines(config.data, PrepareTtsSettings(config.data).seed)
    fitting = [line for line in lines if 40 <= len(line) <= 100]
    return of_known_words(fitting)[: config.n_sentences]


def count_phonemes(text: str) -> int:
    """Letters of the IPA; marks of stress and length are none."""
    ipa = phonemes.phonemize(clean_text(text))
    return sum(unicodedata.category(symbol) in ("Ll", "Lo") for symbol in ipa)


class TtsEvaluation:
    """The voices and sentences of one run."""

    def __init__(self, config: EvaluateTtsSettings, synthesizer: Synthesizer) -> None:
        self._config, self._synthesizer = config, synthesizer
        self._sentences = held_out_sentences(config)
        self._encoder = ResemblyzerEncoder()
        self._closed = Recogniser([spoken_words(s) for s in self._sentences])
        self._recordings: dict[str, list[tuple[str, Path]]] = {}
        for speaker, text, path in transcribed(config.data):
            self._recordings.setdefault(speaker, []).append((text, path))
        self._ids = [s for s in synthesizer.speaker_ids if s in self._recordings]
        if not self._ids:
            raise DataError(f"no speaker of {config.directory} has a recording in {config.data}")
        random.Random(config.seed).shuffle(self._ids)

    def figures(self) -> list[Figure]:
        """Every figure of the table."""
        speakers = sorted(self._ids[: self._config.n_speakers])
        table = self._table(speakers)
        ours = self._measure(self._read(speakers, table), self._closed)
        references = self._measure(self._recorded(speakers))
        figures = [tts_figures.sentences_right(ours)]
        if self._config.n_voices:
            figures += self._dictation()
        figures += tts_figures.fidelity(ours, references)
        figures += tts_figures.artefacts(ours, references)
        if self._config.n_generated:
            figures += self._generation(table, ours, references)
        return figures

    def _measure(
        self, said: Iterable[Utterance], recogniser: Recogniser | None = None
    ) -> list[MeasuredUtterance]:
        """Each utterance with its measures; with a recogniser also its words."""
        rate, found = self._synthesizer.sample_rate, []
        for one in said:
            sound = acoustics.measure(one.wav, rate)
            wav = np.nan_to_num(one.wav)  # counted already; the encoder would not survive it
            features = self._encoder.encode(wav, rate)
            heard = recogniser.recognise(wav, rate) if recogniser else ""
            measures = count_phonemes(one.text), sound, features, heard
            found.append(MeasuredUtterance(one.speaker, one.text, *measures))
        return found

    def _table(self, speakers: list[str]) -> Float32:
        rows = [self._synthesizer.speaker_ids.index(s) for s in speakers]
        return self._synthesizer.speaker_embeddings[rows]

    def _speak(self, jobs: list[tuple[str, str, Float32]]) -> Iterator[Utterance]:
        for i, (speaker, text, embedding) in enumerate(tqdm(jobs, desc="speech", mininterval=5)):
            wav = self._synthesizer.synthesize(text, embedding, seed=i).wav
            yield Utterance(speaker, text, wav)

    def _read(self, speakers: list[str], table: Float32) -> Iterator[Utterance]:
        """Some of the held-out sentences by every speaker, going through all of them in turn."""
        each, n = self._config.sentences_each, len(self._sentences)
        return self._speak(
            [
                (speaker, self._sentences[(each * i + k) % n], table[i])
                for i, speaker in enumerate(speakers)
                for k in range(each)
            ]
        )

    def _recorded(self, speakers: list[str]) -> Iterator[Utterance]:
        """The speakers' recordings at the training data's peak, long ones as their sentences."""
        rate = self._synthesizer.sample_rate
        prepare = PrepareTtsSettings(self._config.data, sample_rate=rate)
        for speaker in tqdm(speakers, desc="recordings", mininterval=5):
            for text, path in self._recordings[speaker]:
                yield from read_recording(speaker, text, path, prepare)

    def _dictation(self) -> list[Figure]:
        """Our voices and the shared audio say the same sentences to an open vocabulary."""
        coqui = [s for s in self._ids if self._recordings[s][0][1].parent.name == "coqui-vctk"]
        voices, recogniser = sorted(coqui[: self._config.n_voices]), Recogniser()
        table = self._table(voices)
        jobs = [
            (s, text, table[i]) for i, s in enumerate(voices) for text, _ in self._recordings[s]
        ]
        ours = self._measure(self._speak(jobs), recogniser)
        shared = self._measure(self._recorded(voices), recogniser)
        return tts_figures.word_error_ratio(ours, shared)

    def _generation(
        self, table: Float32, ours: list[MeasuredUtterance], references: list[MeasuredUtterance]
    ) -> list[Figure]:
        gmm = SpeakerGMM.load(self._config.directory / "generation.npz")
        new = gmm.sample(self._config.n_generated, np.random.default_rng(self._config.seed))
        names = [f"generated {i}" for i in range(len(new))]
        generated = self._measure(self._read(names, new), self._closed)
        return [
            *tts_figures.of_generated([tts_figures.sentences_right(generated)]),
            *tts_figures.of_generated(tts_figures.artefacts(generated, references)),
            *tts_figures.generation(ours, generated, references, (table, new)),
        ]


@command(EvaluateTtsSettings)
def main(config: EvaluateTtsSettings) -> int:
    figures = TtsEvaluation(config, CoquiVits.load(config.directory)).figures()
    if config.json:
        print(json.dumps({figure.name: figure.as_dict() for figure in figures}))
    else:
        print(*figures, sep="\n")
    return int(config.check and any(figure.ok is False for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
