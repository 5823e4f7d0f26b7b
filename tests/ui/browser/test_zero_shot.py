"""A zero-shot model in the browser: it says so, and voices are found for words."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from running import Visitor, started
from toy_zero_shot import make_zero_shot
from visiting import settle

from vclip.ui.texts import ENGLISH


@pytest.fixture(scope="module")
def zero_shot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = make_zero_shot(tmp_path_factory.mktemp("toy"))
    with started(tmp_path_factory.mktemp("app"), "--model", str(directory)) as found:
        yield found


def find(page: Page, words: str) -> None:
    """As people do, once more if nothing comes of it: see visiting.settle."""
    settle(page)
    page.get_by_label(ENGLISH.words_label).fill(words)
    for patience in (10, 10, 60):
        settle(page)
        page.get_by_role("button", name=ENGLISH.read).click()
        with contextlib.suppress(AssertionError):
            found = page.locator("#face")
            expect(found).to_contain_text(f"for the words “{words}”", timeout=1000 * patience)
            return
    raise AssertionError(f"nothing was found for {words}")


def test_words_find_voices(zero_shot: str, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor(zero_shot)
    expect(page.locator("#zero-shot")).to_contain_text("Zero-shot fallback")
    page.get_by_role("tab", name=ENGLISH.words).click()
    find(page, "an old <b>man")
    expect(page.locator("#voices [role=option]")).to_have_count(10)
    page.get_by_label(ENGLISH.words_label).fill(" ")
    page.get_by_role("button", name=ENGLISH.read).click()
    expect(page.locator("#face-message")).to_contain_text("description is empty")
    expect(page.locator("#voices [role=option]")).to_have_count(10)
    page.locator("#forget").click()
    expect(page.locator("#voices [role=option]")).to_have_count(0)
    expect(page.get_by_label(ENGLISH.words_label)).to_have_value("")


def test_a_trained_model_has_no_such_tab(visitor: Visitor) -> None:
    page = visitor()
    expect(page.locator("#zero-shot")).to_have_count(0)
    expect(page.get_by_role("tab", name=ENGLISH.words)).to_have_count(0)
