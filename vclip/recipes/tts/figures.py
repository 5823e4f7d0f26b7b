"""Figures of measured utterances, with targets: the table of `vclip.recipes.tts.evaluate`."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from vclip.arrays import Float32, Float64, Floating
from vclip.recipes.data.acoustics import Sound, harmonics_to_noise
from vclip.recipes.data.recordings import mean_voice
from vclip.recipes.data.voice_sex import by_pitch
from vclip.recipes.metrics.figures import Figure, bootstrapped, estimated, share_of
from vclip.recipes.metrics.speaker_generation import generation_distances, nearest
from vclip.recipes.tts.recognition import spoken_words, word_error_rate, word_errors


@dataclass(frozen=True)
class MeasuredUtterance:
    """An utterance of a recorded or a synthetic voice, and what was measured of it."""

    speaker: str
    text: str
    n_phonemes: int
    sound: Sound
    voice_features: Float32  # (V,), unit norm
    heard: str = ""  # by the recogniser

    @property
    def said(self) -> str:
        """The words of the text."""
        return spoken_words(self.text)


Utterances = Sequence[MeasuredUtterance]


def by_speaker(utterances: Utterances) -> dict[str, list[MeasuredUtterance]]:
    """The utterances of every speaker, in order of first appearance."""
    groups: dict[str, list[MeasuredUtterance]] = {}
    for utterance in utterances:
        groups.setdefault(utterance.speaker, []).append(utterance)
    return groups


def voices(speakers: Sequence[Utterances]) -> Float32:
    """Mean voice features (N, V) of each speaker's utterances, at unit norm."""
    return np.stack([mean_voice([u.voice_features for u in group]) for group in speakers])


def median_f0(speakers: Sequence[Utterances]) -> Float64:
    """Median (N,) over all voiced frames of each speaker, in Hz; nan without any."""
    f0 = [np.concatenate([utterance.sound.f0 for utterance in group]) for group in speakers]
    return np.array([np.median(frames) if len(frames) else nan for frames in f0])


def sentences_right(utterances: Utterances) -> Figure:
    """Closed-set recognition: each utterance is one decision."""
    right = [utterance.heard == utterance.said for utterance in utterances]
    return share_of("a", "right_sentence", right, "utterances", least=0.9)


def word_error_ratio(ours: Utterances, shared: Utterances) -> list[Figure]:
    """Open-vocabulary word error rates of the same sentences and voices, and their ratio."""
    one, other = by_speaker(ours), by_speaker(shared)
    counts = [
        [word_errors([u.said for u in group[s]], [u.heard for u in group[s]]) for s in one]
        for group in (one, other)
    ]  # (2, voices, 2)
    rates = [functools.partial(word_error_rate, rows) for rows in counts]

    def ratio(weight: Float64) -> float:
        return rates[0](weight) / (rates[1](weight) or nan)

    n, note = len(one), f"{len(one)} voices, {len(ours)} utterances"
    return [
        estimated("a", "word_error_rate", bootstrapped(rates[0], n)),
        estimated("a", "word_error_rate_of_shared", bootstrapped(rates[1], n)),
        estimated("a", "word_error_ratio", bootstrapped(ratio, n), most=1.2, note=note),
    ]


def fidelity(ours: Utterances, references: Utterances) -> list[Figure]:
    """Whether a speaker sounds like his own recordings: one decision per speaker."""
    groups, references_of = by_speaker(ours), by_speaker(references)
    spoken, recorded = [*groups.values()], [references_of[speaker] for speaker in groups]
    scores = voices(spoken) @ voices(recorded).T  # (N, N)
    own = np.diag(scores).astype(np.float64)
    mean = bootstrapped(lambda counts: float(np.average(own, weights=counts)), len(own))
    return [
        share_of("b", "speaker_first", first(scores), "speakers", least=0.85),
        estimated("b", "similarity", mean, note="to the speaker's recordings"),
        *ceiling(recorded),
        *pitch(spoken, recorded),
    ]


def first(scores: Floating) -> list[bool]:
    """For every row of scores (N, N), whether its own column is the highest."""
    return list(scores.argmax(axis=1) == np.arange(len(scores)))


def ceiling(recorded: Sequence[Utterances]) -> list[Figure]:
    """Upper bound from recordings: every other recording of a speaker against the rest."""
    rows = [i for i, group in enumerate(recorded) if len(group) > 1]
    if not rows:
        return []
    halves = [[recorded[i][k::2] for i in rows] for k in (0, 1)]
    scores = voices(halves[0]) @ voices(halves[1]).T  # (n, n)
    own, whole = np.diag(scores), voices(recorded)
    others = (whole @ whole.T - 2 * np.eye(len(whole)))[rows]  # (n, N), below all with oneself
    close = np.abs(median_f0(halves[0]) / median_f0(halves[1]) - 1) < 0.1
    twins, note = list(others.max(axis=1) > own), "half to other half"
    return [
        share_of("b", "ceiling_speaker_first", first(scores), f"speakers, {note}"),
        Figure("b", "ceiling_similarity", float(own.mean()), note=note),
        share_of("b", "ceiling_f0_within_10_percent", list(close), f"speakers, {note}"),
        share_of("b", "twins", twins, "speakers nearer to another than to their other half"),
    ]


def pitch(spoken: Sequence[Utterances], recorded: Sequence[Utterances]) -> list[Figure]:
    """Median F0 of each speaker's speech against that of his recordings."""
    ours, theirs = median_f0(spoken), median_f0(recorded)
    off = np.nan_to_num(np.abs(ours / theirs - 1), nan=1.0)  # nothing voiced is as wrong as can be
    median = bootstrapped(lambda n: float(np.median(np.repeat(off, n.astype(int)))), len(off))
    same = list(by_pitch(ours) == by_pitch(theirs))
    return [
        share_of("b", "f0_within_10_percent", list(off < 0.1), "speakers", least=0.85),
        estimated("b", "f0_deviation", median, most=0.1, note="median, relative"),
        share_of("b", "f0_same_side_of_165_hz", same, "speakers"),
    ]


def seconds_per_phoneme(utterances: Utterances) -> float:
    """From the first sound to the last, pauses inside included."""
    spoken = sum(utterance.sound.spoken for utterance in utterances)
    return spoken / sum(utterance.n_phonemes for utterance in utterances)


def lufs(utterances: Utterances) -> float:
    """Median loudness of the utterances."""
    return float(np.median([utterance.sound.lufs for utterance in utterances]))


def artefacts(ours: Utterances, references: Utterances) -> list[Figure]:
    """Clipping, silence and other artefacts; speakers without recordings are compared with all."""
    recorded = by_speaker(references)
    pairs = [(group, recorded.get(s, references)) for s, group in by_speaker(ours).items()]
    paces = [seconds_per_phoneme(one) / seconds_per_phoneme(other) for one, other in pairs]
    off = max((lufs(one) - lufs(other) for one, other in pairs), key=abs)
    sounds, others = [u.sound for u in ours], [u.sound for u in references]

    def worst(name: str, most: float, unit: str) -> Figure:
        value, usual = (float(max(getattr(s, name) for s in x)) for x in (sounds, others))
        note = f"{unit}, worst utterance; recordings {usual:.2g}"
        return Figure("c", name, value, most=most, note=note)

    return [
        worst("not_finite", 0, "samples"),
        worst("clipped", 0, "samples"),
        worst("silence", 0.2, "share between first and last sound"),
        worst("leading", 0.3, "seconds of silence"),
        worst("trailing", 0.3, "seconds of silence"),
        Figure("c", "loudness", lufs(ours), note=f"LUFS; recordings {lufs(references):.1f}"),
        Figure("c", "loudness_off", off, least=-6, most=6, note="LU, worst speaker"),
        Figure("c", "pace_lowest", min(paces), least=0.5, note="of seconds per phoneme"),
        Figure("c", "pace_highest", max(paces), most=2, note="of seconds per phoneme"),
        *phonation(sounds, others),
    ]


def phonation(ours: Sequence[Sound], others: Sequence[Sound]) -> list[Figure]:
    """Hoarseness, voicing and melody against those of the recordings.

    Periodicity is also told as harmonics to noise in dB, intonation in semitones.
    """
    one, other = (float(np.mean([s.periodicity for s in x])) for x in (ours, others))
    noise = f"{harmonics_to_noise(one):.1f} dB HNR; recordings {harmonics_to_noise(other):.1f}"
    voiced = [sum(len(s.f0) * 0.01 for s in x) / sum(s.spoken for s in x) for x in (ours, others)]
    melody = [float(np.mean([s.intonation for s in x])) for x in (ours, others)]
    moves = f"semitones (standard deviation); recordings {melody[1]:.2f}"
    return [
        Figure("c", "periodicity", one, note=noise),
        Figure("c", "periodicity_ratio", one / other, least=0.9, note="to recordings"),
        Figure("c", "voiced", voiced[0], note=f"share of time; recordings {voiced[1]:.2f}"),
        Figure("c", "intonation", melody[0], note=moves),
    ]


def of_generated(figures: Sequence[Figure]) -> list[Figure]:
    """The same figures as those of generated speakers, part d."""
    return [replace(figure, part="d", name=f"generated_{figure.name}") for figure in figures]


def generation(
    ours: Utterances,
    generated: Utterances,
    references: Utterances,
    tables: tuple[Float32, Float32],
) -> list[Figure]:
    """TacoSpawn's distances among equally many speakers, as vectors and as heard; range of F0."""
    parts = (ours, generated, references)
    speakers, new, recorded = (list(by_speaker(part).values()) for part in parts)
    n = min(len(speakers), len(new))
    heard = voices(speakers[:n]), voices(new[:n])
    figures = [
        Figure("d", f"{kind}_{name}", value)
        for name, (one, other) in {"embedding": tables, "heard": heard}.items()
        for kind, value in vars(generation_distances(one[:n], other[:n])).items()
    ]
    apart, note = np.median(nearest(voices(recorded[:n]))), "less heard above: voices collapse"
    figures.append(Figure("d", "s2s_recordings", float(apart), note=note))
    for percent in (5, 50, 95):
        known, f0 = (np.nanpercentile(median_f0(group), percent) for group in (speakers, new))
        note = f"Hz; speakers as synthesised {known:.0f}"
        figures.append(Figure("d", f"generated_f0_percentile_{percent}", float(f0), note=note))
    return figures
