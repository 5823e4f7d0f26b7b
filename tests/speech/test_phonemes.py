"""espeak-ng from its wheel gives the phonemes that VITS models expect."""

import pytest

from vclip.speech import phonemes
from vclip.speech.vits import BLANK, VOCABULARY, clean_text


def test_known_words_with_stress_and_punctuation() -> None:
    assert phonemes.phonemize("hello, world!") == "həlˈoʊ, wˈɜːld!"


def test_homographs_need_their_sentence() -> None:
    assert phonemes.phonemize("i read it yesterday") != phonemes.phonemize("i will read it")


def test_ids_are_the_vocabulary_s_with_blanks_between() -> None:
    ids = phonemes.to_ids("wˈɜːld!", VOCABULARY, BLANK)
    assert len(ids) == 2 * len("wˈɜːld!") + 1
    assert set(ids[::2]) == {BLANK}
    assert "".join(VOCABULARY[i] for i in ids[1::2]) == "wˈɜːld!"
    assert phonemes.to_ids("wˈɜːld!", VOCABULARY, None) == ids[1::2]


def test_unknown_symbols_are_dropped() -> None:
    assert phonemes.to_ids("a☃b", ["a", "b"], None) == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["Dr. Smith paid $5 in 1999.", "3.5 km at 10:30", "Ça va? naïve café 🙂", "e-mail a@b.org"],
)
def test_all_symbols_of_ordinary_text_are_in_the_vocabulary(text: str) -> None:
    ipa = phonemes.phonemize(clean_text(text))
    assert set(ipa) <= set(VOCABULARY)
    assert phonemes.is_speakable(ipa)


@pytest.mark.parametrize("text", ["", "...", "?!", "\n", "- - -"])
def test_unspeakable(text: str) -> None:
    assert not phonemes.is_speakable(phonemes.phonemize(clean_text(text)))
