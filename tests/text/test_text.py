"""What is typed and what is said for it: a table of pairs, and laws that hold for any text."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vclip.errors import TextError
from vclip.speech import phonemes
from vclip.speech.vits import clean_text
from vclip.text import characters, lexicon, numbers
from vclip.text.sentences import BLOCK, LONGEST, spoken, to_sentences

LARGE = "two hundred thirty-four thousand five hundred sixty-seven"
PAIRS = [
    # numbers
    ("1,204,507 ants", "one million two hundred four thousand five hundred seven ants"),
    ("3.05 is less than 3.5", "three point zero five is less than three point five"),
    ("-4 or −4", "minus four or minus four"),
    ("agent 007", "agent zero zero seven"),
    ("1000000000 stars", "one billion stars"),
    ("1234567890123", "one two three four five six seven eight nine zero one two three"),
    ("v2.0", "v two point zero"),
    ("3.2e-5 of 1.5E+10", "three point two times ten to the power of minus five of one point five "
     "times ten to the power of ten"),
    ("room 3E5", "room three E five"),
    ("978-3-16", "nine seven eight, three, one six"),
    ("version 3.11.2", "version three point eleven point two"),
    ("1\u202f234\u202f567", f"one million {LARGE}"),
    ("He was 1st, she 22nd.", "He was first, she twenty-second."),
    ("½ cup, 1½ cups, 3/4", "one half cup, one and a half cups, three quarters"),
    ("open 24/7", "open twenty-four seven"),
    ("pages 3–5, 10-12 people", "pages three to five, ten to twelve people"),
    ("5 - 3 = 2", "five minus three equals two"),
    ("5 × 3 ÷ 2", "five times three divided by two"),
    ("٣ birds", "three birds"),
    # years
    ("1984, 2007 and 2026", "nineteen eighty-four, two thousand seven and twenty twenty-six"),
    ("1900s, 1980s, the '80s", "nineteen hundreds, nineteen eighties, the eighties"),
    ("1914–18", "nineteen fourteen to eighteen"),
    ("1,984 sheep", "one thousand nine hundred eighty-four sheep"),
    # dates and times
    ("2026-11-21", "November twenty-first, twenty twenty-six"),
    ("21/11/2026", "November twenty-first, twenty twenty-six"),
    ("3/4/2026", "March fourth, twenty twenty-six"),
    ("3.4.2026", "April third, twenty twenty-six"),
    ("Nov. 21st, 2026", "November twenty-first, twenty twenty-six"),
    ("21 Nov 2026", "November twenty-first, twenty twenty-six"),
    ("the 4th of July", "the fourth of July"),
    ("May 5", "May fifth"),
    ("March 2026", "March twenty twenty-six"),
    ("12/31/99 or 3/4/26", "December thirty-first, nineteen ninety-nine or March fourth, twenty "
     "twenty-six"),
    ("Marching 5 miles", "Marching five miles"),
    ("at 3:30 pm", "at three thirty P M"),
    ("at 10:05 a.m. and on", "at ten oh five eigh M and on"),
    ("at 14:05 or 10:00", "at fourteen oh five or ten o'clock"),
    ("3-5 pm", "three to five P M"),
    ("9:00–17:00", "nine o'clock to seventeen hundred"),
    ("16:9", "sixteen to nine"),
    # money
    ("$3.50", "three dollars and fifty cents"),
    ("$1 and £1.01", "one dollar and one pound and one penny"),
    ("$0.99", "ninety-nine cents"),
    ("€1,234.56", "one thousand two hundred thirty-four euros and fifty-six cents"),
    ("5€ or 50¢", "five euros or fifty cents"),
    ("$3.5 million", "three point five million dollars"),
    ("$5/month", "five dollars per month"),
    ("£5m, $5bn, $5k", "five million pounds, five billion dollars, five thousand dollars"),
    ("$5-10", "five to ten dollars"),
    ("-$5", "minus five dollars"),
    ("US$20", "twenty dollars"),
    # units
    ("5 km, 70kg, 1 kg", "five kilometers, seventy kilograms, one kilogram"),
    ("20°C", "twenty degrees Celsius"),
    ("100 km/h", "one hundred kilometers per hour"),
    ("30 m²", "thirty square meters"),
    ("a 5-km run", "a five kilometer run"),
    ("5 lb. of tea", "five pounds of tea"),
    ("5-10%", "five to ten percent"),
    ("5 µm", "five micrometers"),
    ("6'2\" tall", "six feet two inches tall"),
    # abbreviations
    ("Mr. and Mrs. Lee", "Mister and Misses Lee"),
    ("Dr. Smith and Mr Jones", "Doctor Smith and Mister Jones"),
    ("St. Paul on Elm St.", "Saint Paul on Elm Street."),
    ("tea, e.g. green, i.e. good", "tea, for example green, that is good"),
    ("red vs. blue etc.", "red versus blue et cetera."),
    ("No. 5, #6, p. 7", "number five, number six, page seven"),
    ("Henry VIII and World War II", "Henry the eighth and World War two"),
    ("Chapter V", "Chapter five"),
    ("and/or", "and or"),
    # addresses
    ("a.b@example.com", "a dot b at example dot com"),
    ("https://example.org/a_b", "example dot org slash a underscore b"),
    ("www.example.org.", "w w w dot example dot org."),
    ("555-1234", "five five five, one two three four"),
    ("+44 20 7946", "plus four four, two zero, seven nine four six"),
    ("#fun from @user", "hashtag fun from at user"),
    # capitals
    ("NASA, the BBC and the CIA", "NASA, the BBC and the CIA"),
    ("the US, the UN, my FAQ", "the U S, the U N, my F eigh Q"),
    ("It is NOT so.", "It is NOT so."),
    ("DO NOT TELL US", "DO NOT TELL US"),
    ("the U.S. army", "the U S army"),
    ("J. R. R. Tolkien", "J R R Tolkien"),
    ("CO₂, H2O, MP3, COVID-19", "C O two, H two O, M P three, COVID-nineteen"),
    ("a 5G A4 B2B", "a five G eigh four B two B"),
    ("Plan A is C#", "Plan eigh is C sharp"),
    # characters
    ("“Hi”, don’t…", '"Hi", don\'t...'),
    ("ﬁne Ｈｅｌｌｏ", "fine Hello"),
    ("café Dvořák", "café Dvorák"),
    ("tea,coffee", "tea, coffee"),
    ("he said — no", "he said, no"),
    ("zero\u200bwidth and\x00 control", "zerowidth and control"),
    ("fun 😂😂 👍🏽", "fun, face with tears of joy, thumbs up,"),
    ("key 1️⃣", "key one"),
    ("Tom & Ann + x = 5%", "Tom and Ann plus x equals five percent"),
    ("π and x²", "pi and x squared"),
    ("**bold** _it_", "bold it"),
    ("un<b>kind</b> &amp; <a href='x'>rude</a>", "unkind and rude"),
    ("x <y and y> z, 5<6", "x y and y z, five less than six"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "said"), PAIRS)
def test_typed_and_said(typed: str, said: str) -> None:
    assert to_sentences(typed) == [said]


# the same ones in every run; no folder of remembered failures
MANY = settings(max_examples=200, deadline=None, derandomize=True, database=None)
ORDINARY = [
    "The cat sat by the window and watched the rain.",
    'She asked, "Who left the door open?"',
    "Well-known voices aren't always loved; some are, though.",
    "Oh no! That's the dogs' bowl (the old one).",
    "I read it: every word, twice over.",
]


@pytest.mark.parametrize("sentence", ORDINARY)
def test_ordinary_text_is_left_alone(sentence: str) -> None:
    assert clean_text(spoken(characters.plain(sentence))) == clean_text(sentence)


def test_sentences() -> None:
    typed = "Dr. Lee lives on Elm St. He left at 5 p.m. Then what?! Nothing.\n\n- tea\n- cake"
    assert to_sentences(typed) == [
        "Doctor Lee lives on Elm Street.",
        "He left at five P M.",
        "Then what?!",
        "Nothing.",
        "tea",
        "cake",
    ]


def test_paragraphs_of_html_stay_apart() -> None:
    assert to_sentences("<h1>News</h1><p class=a>It rains</p>Or<BR/>not") == [
        "News", "It rains", "Or", "not",
    ]  # fmt: skip


def test_a_single_line_break_is_a_space() -> None:
    assert to_sentences("one\ntwo. Three.") == ["one two.", "Three."]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("... ?!", "nothing in the text"),
        ("\u200b", "nothing in the text"),
        ("say 你好, 你", r"你 \(character 5\), 好 \(character 6\); "),
        ("😀 да", r"д \(character 3\), а \(character 4\); "),
        ("Ελλάδα", r"Ε \(character 1\), λ \(character 2\)"),
        ("a\ue000", r"U\+E000 \(character 2\)"),
        ("абвгдежзийклм", r"й \(character 10\) and 3 more; "),
        ("مرحبا", "Latin letters"),
        ("&#1076;", "д"),
    ],
)
def test_refused(typed: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        to_sentences(typed)


def test_long_sentences_are_cut_where_it_hurts_least() -> None:
    clauses = "while the rain fell on the roof, " * 20
    for piece in to_sentences(clauses)[:-1]:
        assert len(piece) <= LONGEST and piece.endswith("roof,")
    words = to_sentences("word " * 200)
    assert all(len(piece) <= LONGEST for piece in words)
    assert " ".join(words).split() == ["word"] * 200
    assert "".join(to_sentences("b" * 1000)) == "b" * 1000


def test_blocks_do_not_change_the_sentences() -> None:
    sentence = "We met on the bridge, as we did every year."
    n = 5 * BLOCK // len(sentence)
    assert to_sentences(f"{sentence} " * n) == [sentence] * n


# Letters, digits and signs from which rules are built, beside any Unicode at all
TRICKY = st.text(
    st.sampled_from("aAbIVXstSt. ,:;-–/$£€%°#@&()'\"\n0123456789½²µπé…😂👍"), max_size=60
)
ODD = ["12", "3.5", "1984", "5 pm", "10:30", "US", "A", "Then", "$", "-", ".", "the", "x"]
WORDS = st.lists(
    st.sampled_from(
        [*lexicon.INNER, *lexicon.FINAL, *lexicon.TITLES, *lexicon.UNITS, *numbers.MONTHS, *ODD]
    ),
    max_size=12,
).map(" ".join)


@MANY
@given(st.one_of(st.text(max_size=60), st.text(string.printable, max_size=60), TRICKY, WORDS))
def test_any_text_is_spoken_or_refused(typed: str) -> None:
    try:
        found = to_sentences(typed)
    except TextError:
        return
    for sentence in found:
        assert 0 < len(sentence) <= LONGEST
        assert not any(map(str.isdigit, sentence))
        assert phonemes.is_speakable(phonemes.phonemize(clean_text(sentence)))


@MANY
@given(st.one_of(st.text(string.printable, max_size=60), TRICKY, WORDS))
def test_what_is_said_is_said_the_same_again(typed: str) -> None:
    try:
        plain = characters.plain(typed)
    except TextError:
        return
    said = spoken(plain)
    assert spoken(characters.plain(said)) == said


@MANY
@given(st.integers(0, 10**9 - 1))
def test_cardinals_are_read_back(number: int) -> None:
    """The words give the number again, by a small reader of our own."""
    assert _read(numbers.cardinal(f"{number:,}")) == number


def _read(words: str) -> int:
    small = {numbers.cardinal(str(n)): n for n in (*range(20), *range(20, 100, 10))}
    big = {"thousand": 1000, "million": 10**6}
    total = group = 0
    for word in words.replace("-", " ").split():
        if word in big:
            total, group = total + group * big[word], 0
        else:
            group = group * 100 if word == "hundred" else group + small[word]
    return total + group


def test_espeak_spells_what_is_left_to_it() -> None:
    for word in lexicon.SPELLED:
        one, apart = (
            phonemes.phonemize(w.lower()).translate(str.maketrans("", "", "ˈˌ "))
            for w in (word, numbers.letters(word))
        )
        assert one.replace("ɹɹ", "ɹ") == apart, word
