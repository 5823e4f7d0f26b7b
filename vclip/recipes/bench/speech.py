"""Speed of the synthesizers: the bundled one against the clock, any VITS against coqui's own.

The full-size VITS has coqui's default options, 109 speakers of 256 numbers, and random weights in
place of the published ones: time does not depend on what weights say. They are scaled so that the
sound is as loud as speech; as they were never trained it is noise, the hardest case for rounding.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from vclip.arrays import Float32
from vclip.models.directory import ModelDirectory
from vclip.pipeline import FaceToVoice
from vclip.recipes.bench.timing import in_turns, median
from vclip.speakers.candidates import Candidate
from vclip.speech import phonemes
from vclip.speech.hifigan import Precision
from vclip.speech.synthesizer import Speech
from vclip.speech.vits import BLANK, VOCABULARY, CoquiVits, build_vits, clean_text, read_vits

PARAGRAPH = (  # 15 s in most voices
    "The market opens before sunrise, and by seven the best bread is gone. "
    "Ask for the small round loaf with seeds. If it rains, the stalls move under the old bridge, "
    "where somebody usually plays the accordion. Bring a bag, a little patience and some coins."
)
SENTENCE = "Please bring the blue umbrella, because the weather looks rather uncertain today."
SPEAKERS, CHANNELS = 109, 256  # of coqui's VCTK model
NOTHING_ELSE = {"x_lengths": None, "d_vectors": None, "language_ids": None, "durations": None}


def bundled(times: int) -> dict[str, float]:
    """Real-time factor and milliseconds to the first sound, both from the text on, warm.

    A voice's first stream measures its loudness before it speaks, hence "of a new voice".
    """
    model = FaceToVoice.from_pretrained()
    voices = [model.candidate(speaker_id) for speaker_id in model.bank.speaker_ids]

    def first_sound(voice: Candidate, seed: int) -> Speech:
        return next(model.speak_stream(PARAGRAPH, voice, seed))[1]

    length = model.speak(PARAGRAPH, voices[0]).seconds
    first_sound(voices[0], 0)
    figures = {
        "real_time_factor": median(lambda i: model.speak(PARAGRAPH, voices[0], i), times) / length,
        "first_audio_ms": 1000 * median(lambda i: first_sound(voices[0], i), times),
        "first_audio_of_a_new_voice_ms": 1000
        * median(lambda i: first_sound(voices[i + 1], i), min(times, len(voices) - 1)),
        "paragraph_seconds": length,
    }
    return {f"bundled_{name}": value for name, value in figures.items()}


def bundled_against_coqui(times: int) -> dict[str, float]:
    """The adapter and coqui's inference on the bundled weights."""
    folder = ModelDirectory.open("bundled").folder("synthesizer")
    vits, (model, settings) = CoquiVits.load(folder), read_vits(folder)
    rows = [settings["speakers"].index(speaker_id) for speaker_id in vits.speaker_ids]
    return _against_coqui("bundled", vits, model, rows, times)


def full_size_against_coqui(times: int) -> dict[str, float]:
    """The same with a full-size VITS, as this processor does it best and in single precision."""
    figures: dict[str, float] = {}
    kinds: dict[str, Precision] = {"full_size": "auto", "full_size_float32": "float32"}
    for name, precision in kinds.items():
        adapted = adapt(make_full_size(), precision)
        figures |= _against_coqui(name, adapted, make_full_size(), range(SPEAKERS), times)
    return figures


def make_full_size() -> Any:
    """Coqui's VITS with default options; the same random weights every time."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = build_vits({}, SPEAKERS, CHANNELS).eval()
        for name, parameter in model.waveform_decoder.named_parameters():
            if "original0" in name or name.endswith("conv_post.weight"):  # weight norm's gains
                parameter.mul_(2.0)
    return model


def adapt(model: Any, precision: Precision = "auto") -> CoquiVits:
    """Our adapter of such a model, which it takes over."""
    front_end = phonemes.TextFrontEnd(VOCABULARY, BLANK, clean_text)
    speakers = {f"s{row}": row for row in range(SPEAKERS)}
    del model.posterior_encoder
    return CoquiVits(model, front_end, speakers, 22050, precision)


@torch.inference_mode()
def coqui(model: Any, ids: list[int], row: int, seed: int) -> Float32:
    """Coqui's own inference for a row of the speaker table."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inputs = NOTHING_ELSE | {"speaker_ids": torch.tensor([row])}
        wav = model.inference(torch.tensor([ids]), inputs)["model_outputs"][0, 0]
    return np.asarray(wav.clamp(-1, 1).numpy(), dtype=np.float32)


def _against_coqui(
    name: str, vits: CoquiVits, model: Any, rows: Sequence[int], times: int
) -> dict[str, float]:
    """Time in turns, and how far our spectrum is from coqui's with the same seed."""
    table = vits.speaker_embeddings

    def ours(seed: int) -> Float32:
        return vits.synthesize(SENTENCE, table[seed % len(table)], seed).wav

    def theirs(seed: int) -> Float32:
        return coqui(model, vits.to_ids(SENTENCE), rows[seed % len(table)], seed)

    taken = in_turns({"ours": ours, "coqui": theirs}, times)
    one, other = theirs(0), ours(0)
    length = len(one) / vits.sample_rate
    figures = {
        "time_of_coqui": taken["ours"] / taken["coqui"],
        "coqui_real_time_factor": taken["coqui"] / length,
        "sentence_seconds": length,
        "log_spectral_distance_db": log_spectral_distance(one, other),
    }
    return {f"{name}_{figure}": value for figure, value in figures.items()}


def log_spectral_distance(one: Float32, other: Float32, floor_db: float = -80.0) -> float:
    """Root mean square over bins, mean over frames, of the difference in dB.

    Both are floored at floor_db below the loudest bin of `one`: what nobody hears does not count.
    """
    window = torch.hann_window(1024)
    spectra = [
        torch.stft(torch.from_numpy(wav), 1024, 256, window=window, return_complex=True).abs()
        for wav in (one, other)
    ]
    floor = spectra[0].max() * 10 ** (floor_db / 20)
    a, b = (20 * torch.log10(spectrum.clamp_min(floor)) for spectrum in spectra)
    return float((a - b).square().mean(0).sqrt().mean())
