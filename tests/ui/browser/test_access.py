"""What axe-core finds, state by state: nothing serious, in any theme or language."""

from typing import Any

import pytest
from accessibility import complaints
from playwright.sync_api import Page, expect
from running import Visitor


def use(page: Page) -> None:
    """Bring the page into a state in which every part of it shows something."""
    page.locator("#examples button").first.click()
    expect(page.locator("#map .mark")).to_have_count(10)
    page.click("#speak")
    expect(page.locator("#takes li")).to_have_count(1)
    page.click("#shuffle")
    expect(page.locator("#control table")).to_be_visible()


@pytest.mark.parametrize("options", [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"locale": "de-DE", "viewport": {"width": 360, "height": 740}},
], ids=["light", "dark", "German on a phone"])  # fmt: skip
def test_nothing_keeps_anybody_out(visitor: Visitor, options: dict[str, Any]) -> None:
    page = visitor(**options)
    assert complaints(page) == []
    use(page)
    assert complaints(page) == []
    page.get_by_role("tab", name="Compare").or_(page.get_by_role("tab", name="Vergleich")).click()
    page.click("#compare-run")
    expect(page.locator("#compare [data-play]")).to_have_count(10)
    assert complaints(page) == []


def test_the_page_speaks_the_visitors_language(visitor: Visitor) -> None:
    page = visitor(locale="de-DE")
    expect(page.locator("#speak")).to_have_text("Sprechen")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert visitor(locale="fr-FR").locator("#speak").inner_text() == "Speak"
