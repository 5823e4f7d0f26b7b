"""The bench measures the real page; how fast this machine is, no test knows."""

from playwright.sync_api import Page
from running import PATIENCE, Visitor

from vclip.recipes.bench import waits


def test_waits_of_a_visitor_are_measured(page: Page) -> None:
    shown = [waits.face_to_map(page, turn) for turn in range(2)]
    heard = [waits.speak_to_first_sound(page) for _ in range(2)]
    print(f"face to map {shown} s, Speak to first sound {heard} s")
    assert all(0 < seconds < PATIENCE for seconds in [*shown, *heard])


def test_the_first_sound_is_that_of_the_new_take(visitor: Visitor) -> None:
    """While the last one still sounds, too: Speak silences it, and counts from its own click."""
    page = visitor()
    waits.face_to_map(page, 0)
    waits.speak_to_first_sound(page)
    last = page.evaluate("window.vclip.timings.first_sound")
    waits.speak_to_first_sound(page)
    timings = page.evaluate("window.vclip.timings")
    assert last < timings["click"] < timings["first_sound"]
