"""Voice ids: what is parsed is written the same way again, and nothing else gets through."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vclip.errors import SpeakerError
from vclip.speakers import voice_id
from vclip.speakers.voice_id import (
    DIRECTIONS,
    MAX_LENGTH,
    MAX_MOVE,
    N_GENERATED,
    N_NEAR,
    BankVoice,
    BlendedVoice,
    GeneratedVoice,
    MovedVoice,
    NearbyVoice,
    parse,
)
from vclip.speech.synthesizer import MAX_SEED

NAMES = st.text("abcxyz0189_-. é", min_size=1, max_size=6).filter(
    lambda name: name == name.strip() and not name.startswith("gen-")
)
SEEDS = st.integers(0, MAX_SEED)
TENTHS = st.integers(-300, 300).map(lambda hundredths: hundredths / 100)


def grow(inner: st.SearchStrategy[voice_id.Voice]) -> st.SearchStrategy[voice_id.Voice]:
    moves = st.lists(TENTHS, min_size=1, max_size=DIRECTIONS).filter(lambda m: m[-1] != 0)
    shares = st.integers(1, 99).map(lambda hundredths: hundredths / 100)
    return st.one_of(
        st.builds(NearbyVoice, inner, SEEDS, st.integers(0, N_NEAR - 1)),
        st.builds(BlendedVoice, inner, inner, shares),
        st.builds(MovedVoice, inner, moves.map(tuple)),
    )


LEAVES = st.one_of(
    st.builds(BankVoice, NAMES), st.builds(GeneratedVoice, SEEDS, st.integers(0, N_GENERATED - 1))
)
VOICES = st.recursive(LEAVES, grow, max_leaves=5).filter(lambda v: len(str(v)) <= MAX_LENGTH)


@given(VOICES)
def test_round_trip(voice: voice_id.Voice) -> None:
    assert parse(str(voice)) == voice
    assert str(parse(str(voice))) == str(voice)


@given(st.text(max_size=60) | st.text("nearblndmov(;),.-+0123456789gp ", max_size=60))
def test_anything_is_an_id_or_one_line(text: str) -> None:
    try:
        voice = parse(text)
    except SpeakerError as error:
        assert str(error).isprintable()
    else:
        assert parse(str(voice)) == voice and len(str(voice)) <= len(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" p225 ", "p225"),
        ("gen-007-01", "gen-7-1"),
        ("near( p225 ; 03 ; 4 )", "near(p225;3;4)"),
        ("blend(p225;p226;0.50)", "blend(p225;p226;0.5)"),
        ("blend(p225;p226;0.004)", "p225"),
        ("blend(p225;gen-1-2;1)", "gen-1-2"),
        ("move(p225;1.00,0.000,-0.5,0)", "move(p225;1,0,-0.5)"),
        ("move(p225;-0,+0,0.001,0)", "p225"),
        ("move(p225; +3 , -3.00)", "move(p225;3,-3)"),
        ("near(move(blend(a;b;0.25);0);1;2)", "near(blend(a;b;0.25);1;2)"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "p(1)", "p,1", "p;1", "p\n1", "p\x001", "gen-1", "gen-1-5000", "gen-x-1"],
        *["gen-4294967296-0", "gen-²-1", "gen--1-1", "near()", "near(p1)", "near(p1;1)"],
        *["near(p1;1;1000)", "near(p1;-1;0)", "near(p1;1;0;0)", "near(;0;0)", "near(p1;0;0"],
        *["near(p1;0;0))", "(near(p1;0;0)", "near(p1);(p2;0;0)", "near (p1;0;0)", "NEAR(p1;0;0)"],
        *["near(p1;4294967296;0)", "near(p1;1.0;0)", "near(p1;٣;0)", "blend(p1;p2)"],
        *["blend(p1;p2;1.01)", "blend(p1;p2;-0.1)", "blend(p1;p2;nan)", "blend(p1;p2;1e-1)"],
        *["blend(p1;p2;inf)", "blend(p1;p2;)", "move(p1;)", "move(p1)", "move(p1;1,)"],
        *["move(p1;3.01)", "move(p1;-4)", "move(p1;1,1,1,1,1)", "move(p1;1;1)", "move(p1;.5)"],
        *["move(p1;1.)", "move(p1;999999999999)", "turn(p1;1)", "move(near(p1;0);1)"],
        *["(" * 200, "near(" * 40, ")" * 200, "x" * 201, "0" * 10**6],
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(SpeakerError) as caught:
        parse(text)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1200


def test_too_long_says_what_to_do() -> None:
    voice = "p225"
    with pytest.raises(SpeakerError, match="limit is 200; start again from a voice of the map"):
        for _ in range(30):
            voice = voice_id.near(voice, 0, 1)


def test_builders_write_canonical_ids() -> None:
    assert voice_id.near("gen-01-2", 3, 4) == "near(gen-1-2;3;4)"
    assert voice_id.blend("a", "b", 1 / 3) == "blend(a;b;0.33)"
    assert voice_id.move("a", [0.5, 0.0, -1.004, 0.0]) == "move(a;0.5,0,-1)"
    assert voice_id.move("a", [0.0] * DIRECTIONS) == "a" == voice_id.blend("a", "b", 0.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300, MAX_MOVE + 0.01])
def test_builders_refuse_numbers_that_are_none(bad: float) -> None:
    with pytest.raises(SpeakerError):
        voice_id.move("a", [bad, 0, 0, 0])
    with pytest.raises(SpeakerError):
        voice_id.blend("a", "b", bad)


def test_a_name_cannot_smuggle_in_another_form() -> None:
    for name in ("a;b", "a);near(b", "a;0;1)", "move(a"):
        with pytest.raises(SpeakerError):
            voice_id.near(name, 0, 1)
