"""Visitors beside each other, visitors who come again, and a talk without a network."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect
from running import Visitor, started
from visiting import offered, speak, take_example


def test_two_visitors_never_see_each_other(visitor: Visitor, address: str) -> None:
    one, two = visitor(), visitor()
    take_example(one, 0)
    expect(two.locator("#map .mark")).to_have_count(0)
    expect(two.locator("#face img")).to_have_count(0)
    take_example(two, 3)
    assert offered(one) != offered(two)
    tokens = [speak(page, text) for page, text in ((one, "First."), (two, "Second."))]
    assert tokens[0] != tokens[1]
    for page, own, other in ((one, "First.", "Second."), (two, "Second.", "First.")):
        expect(page.locator("#takes")).to_contain_text(own)
        expect(page.locator("#takes")).not_to_contain_text(other)
    one.click("#forget")
    expect(one.locator("#takes li")).to_have_count(0)
    gone, stays = (httpx.get(f"{address}/takes/{token}.wav").status_code for token in tokens)
    assert (gone, stays) == (404, 200)
    expect(two.locator("#map .mark")).to_have_count(10)


def test_a_reload_begins_anew(page: Page) -> None:
    take_example(page, 0)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#map .mark")).to_have_count(0)
    expect(page.locator("#face img")).to_have_count(0)
    take_example(page, 1)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("stage"), "--stage") as found:
        yield found


def test_a_talk_needs_keys_only_and_no_network(visitor: Visitor, stage: str) -> None:
    """The fixture refuses whatever is not the app itself, and fails if anything was tried."""
    page = visitor(stage)
    expect(page.locator("#map .mark")).to_have_count(10)  # an example is ready
    expect(page.locator("#keys")).to_be_visible()
    before = offered(page)
    page.keyboard.press("3")
    expect(page.locator("#voices [aria-selected=true]")).to_have_attribute("data-id", before[2])
    page.keyboard.press("r")
    expect(page.locator("#seed input")).to_have_value("1")
    page.keyboard.press(" ")
    expect(page.locator("#takes [data-play]")).not_to_have_count(0)
    page.locator("#text textarea").focus()
    page.keyboard.type(" r 5")
    expect(page.locator("#text textarea")).to_have_value("Hello! This is a voice that might go with the face in the picture. r 5")  # fmt: skip  # noqa: E501
    expect(page.locator("#seed input")).to_have_value("1")
    page.keyboard.press("Escape")
    expect(page.locator("#face img")).to_have_count(0)
    expect(page.locator("#voices [role=option]")).to_have_count(0)
    expect(page.locator("#takes [data-play]")).to_have_count(0)
    size = page.locator("#text textarea").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    assert size >= 20
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
