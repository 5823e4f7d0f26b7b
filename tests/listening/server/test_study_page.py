"""Raters before the real server: by keyboard alone, through reloads and restarts, in two tabs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from accessibility import complaints
from playwright.sync_api import BrowserContext, Page, expect
from study_server import TOKEN, Served, browser, enrol, hear, remembered, served, study

from vclip.listening.simulation.http_rater import tone
from vclip.listening.store.store import load_ratings

NEXT = "#next"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A study of one question without gates, for tests of single screens."""
    path = study(tmp_path_factory.mktemp("study"), types="acr_fit", trials_per_rater=3)
    with served(path) as found:
        yield found


@pytest.fixture
def context(chromium: Any) -> Iterator[BrowserContext]:
    with browser(chromium) as found:
        yield found


def shown(page: Page) -> str:
    return page.locator("#progress span").inner_text()


def choose_by_key(page: Page) -> None:
    """What it says where it checks attention, which may come at any trial; else anything."""
    told = page.locator(".told")
    acr = page.locator("input[type=radio][value='5']").count()
    key = "4" if acr else "b"
    if told.count():
        key = re.search("“(.)", told.inner_text()).group(1)  # type: ignore[union-attr]
    page.keyboard.press(key)
    expect(page.locator("fieldset input:checked")).to_have_count(1)


def answer_by_keys(page: Page) -> None:
    """The trial on screen: hear everything, choose, confirm."""
    page.locator(".trial").evaluate("node => { node.id = 'before' }")
    hear(page)
    choose_by_key(page)
    page.keyboard.press("Enter")
    expect(page.locator("#before")).to_have_count(0)


def test_a_whole_session_by_keyboard_through_reload_and_restart(
    chromium: Any, tmp_path: Path
) -> None:
    gates = {"volume": True, "headphones": "off"}
    path = study(
        tmp_path, trials_per_rater=6, training=["i5"], attention=1, break_every=4, gates=gates
    )
    with served(path) as server, browser(chromium) as context:
        page = context.new_page()
        page.goto(server.url)
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        for key in ("Tab", "Space", "Tab", "Enter"):  # agree, begin
            page.keyboard.press(key)
        expect(page.get_by_role("heading", name="Keep your code")).to_be_focused()
        code = page.get_by_label("Your withdrawal code").inner_text()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Copied")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Set the volume")).to_be_focused()
        expect(page.locator(".play")).to_be_enabled()
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="It is comfortable")).to_be_enabled()
        page.keyboard.press("Enter")

        expect(page.locator(".badge")).to_contain_text("does not count")
        assert page.evaluate("window.started") == 1  # nothing but the volume's sound, by a key
        for _ in range(3):
            answer_by_keys(page)
        expect(page.locator(".badge")).to_have_count(0)

        hear(page)
        assert complaints(page) == []
        trial, prompt = shown(page), page.locator("h1").inner_text()
        page.reload()
        expect(page.locator("#progress span")).to_have_text(trial)
        expect(page.locator("h1")).to_have_text(prompt)
        expect(
            page.locator("fieldset input").first
        ).to_be_enabled()  # what was heard is not asked twice

        server.stop()
        choose_by_key(page)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Your answer is kept")
        server.start()
        page.get_by_role("button", name="Try now").press("Enter")
        expect(page.locator("#progress span")).not_to_have_text(trial)
        expect(page.get_by_role("alert")).to_be_empty()

        while not page.get_by_role("heading", name="Thank you").is_visible():
            if page.get_by_role("heading", name="break").is_visible():
                page.keyboard.press("Tab")
                page.keyboard.press("Enter")
                expect(page.get_by_role("heading", name="break")).to_have_count(0)
                breaks = True
            else:
                answer_by_keys(page)
            page.wait_for_timeout(50)
        assert breaks
        expect(page.get_by_label("Your completion code")).to_have_text(re.compile("^VCLIP-"))
        expect(page.get_by_label("Your withdrawal code")).to_have_text(code)
        assert complaints(page) == []

        ratings = load_ratings(server.store)
        assert [rating.position for rating in ratings] == list(range(9))
        assert {rating.purpose for rating in ratings} == {"rating", "training", "attention"}
        assert all(rating.heard >= 0.95 and min(rating.plays) >= 1 for rating in ratings)
        (told,) = [rating for rating in ratings if rating.purpose == "attention"]
        assert told.value == told.expected


def test_jumping_is_not_hearing(site: Served, context: BrowserContext) -> None:
    page = enrol(context, site.url)
    expect(page.locator(".play")).to_be_enabled()
    expect(page.locator("fieldset input").first).to_be_disabled()
    expect(page.locator("#lock")).to_contain_text("when you have heard the whole sound")
    page.keyboard.press("4")
    expect(page.locator("fieldset input:checked")).to_have_count(0)
    expect(page.locator("#live")).to_contain_text("when you have heard")
    page.locator(".track input").fill("700")
    page.locator(".play").press("Space")  # from there to the end
    expect(page.locator(".share")).to_have_text(re.compile("^(2.|3.) %"))
    expect(page.locator(".player")).not_to_contain_class("playing")  # or Space would pause it
    expect(page.locator("fieldset input").first).to_be_disabled()
    expect(page.locator(NEXT)).to_be_disabled()
    page.locator(".play").press("Space")  # from the start
    expect(page.locator("fieldset input").first).to_be_enabled()
    expect(page.locator("#live")).to_contain_text("you can answer now")
    expect(page.locator(NEXT)).to_be_disabled()  # nothing is chosen yet
    page.get_by_label("Fits poorly").check()
    page.locator(NEXT).click()
    expect(page.locator("#progress span")).to_have_text("2 of 3")
    (rating,) = [r for r in load_ratings(site.store) if r.position == 0]
    assert rating.value == "2" and rating.plays == (1,)


def test_two_tabs_cannot_both_answer(site: Served, context: BrowserContext) -> None:
    first = enrol(context, site.url)
    expect(first.locator("#progress span")).to_have_text("1 of 3")
    second = context.new_page()
    second.goto(site.url)
    expect(second.locator("#progress span")).to_have_text("1 of 3")
    first.bring_to_front()
    hear(first)
    first.keyboard.press("5")
    first.keyboard.press("Enter")
    expect(first.get_by_role("heading", name="Not in this window")).to_be_focused()
    assert complaints(first) == []
    first.get_by_role("button", name="Continue here").press("Enter")
    expect(first.locator("#progress span")).to_have_text("2 of 3")  # the answer was not lost
    second.bring_to_front()
    hear(second)
    second.keyboard.press("1")
    second.keyboard.press("Enter")
    second.get_by_role("button", name="Continue here").click()
    expect(second.locator("#progress span")).to_have_text("2 of 3")
    rater = max(rating.rater for rating in load_ratings(site.store))
    values = [r.value for r in load_ratings(site.store) if r.rater == rater]
    assert values == ["5"]


def test_an_answer_survives_a_reload_without_a_network(
    site: Served, context: BrowserContext
) -> None:
    page = enrol(context, site.url)
    hear(page)
    page.keyboard.press("3")
    page.route("**/study/api/answer", lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("No connection")
    request = remembered(page)["pending"]["request"]
    page.unroute("**/study/api/answer")
    with page.expect_request("**/study/api/answer") as sent:
        page.reload()
    assert sent.value.post_data_json["request"] == request
    expect(page.locator("#progress span")).to_have_text("2 of 3")


def test_a_rater_can_withdraw(site: Served, context: BrowserContext) -> None:
    page = enrol(context, site.url)
    hear(page)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#progress span")).to_have_text("2 of 3")
    before = len(load_ratings(site.store))
    page.get_by_role("button", name="Withdraw").click()
    dialog = page.get_by_role("dialog", name="Withdraw my answers")
    code = dialog.get_by_label("code").input_value()
    dialog.get_by_label("code").fill("ABCD-EFGH-JKLM-NPQR")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog.get_by_role("alert")).to_contain_text("nobody has this code")
    assert complaints(page) == []
    dialog.get_by_label("code").fill(code.lower())
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="Deleted")).to_be_focused()
    assert len(load_ratings(site.store)) == before - 1
    page.reload()
    expect(page.locator("#agree")).to_be_visible()


def test_headphones_are_screened_by_ear(chromium: Any, tmp_path: Path) -> None:
    gates = {"volume": False, "headphones": "require"}
    with served(study(tmp_path, gates=gates)) as server, browser(chromium) as context:
        page = enrol(context, server.url)
        token = remembered(page)["token"]
        assert token not in page.url
        for attempt in range(2):
            for n in range(6):
                expect(page.locator(".card .quiet")).to_have_text(f"Check {n + 1} of 6")
                expect(page.locator(".play")).to_be_enabled()
                sound = httpx.get(
                    f"{server.url}/api/headphones/{n}",
                    headers={"Authorization": f"Bearer {token}"},
                )
                right = tone(sound.content)
                chosen = right if attempt else (right + 1) % 3
                page.keyboard.press("Space")
                page.wait_for_selector("fieldset:enabled")
                page.keyboard.press(str(chosen + 1))
                page.keyboard.press("Enter")
            if not attempt:
                expect(page.locator(".message")).to_contain_text("Not all six were right")
        expect(page.locator(".trial")).to_be_visible()


def test_every_kind_of_question_on_a_phone(chromium: Any, tmp_path: Path) -> None:
    kinds = {"acr_naturalness": ["a"], "abx": ["a", "b"], "afc": [], "multi": [], "ab": ["a", "b"]}
    training = [{"question": q, "item": "i0", "conditions": names} for q, names in kinds.items()]
    types = " ".join(kinds)
    path = study(tmp_path, types=types, training=training, trials_per_rater=1, language="de")
    options = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    with served(path) as server, browser(chromium, **options, has_touch=True) as context:
        page = context.new_page()
        page.goto(server.url)
        expect(page.locator("html")).to_have_attribute("lang", "de")
        assert complaints(page) == []
        page.get_by_label("Ich habe das gelesen").tap()
        page.get_by_role("button", name="Beginnen").tap()
        page.get_by_role("button", name="Weiter").tap()
        for n in range(6):
            expect(page.locator("#progress span")).to_have_text(f"{n + 1} von 6")
            for player in page.locator(".player").all():
                player.locator(".play").tap()
                expect(player).to_contain_class("done")
            assert complaints(page) == []
            assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
            small = page.locator(".play, .choice, #next").evaluate_all(
                "nodes => nodes.filter((one) => one.getBoundingClientRect().height < 44).length"
            )
            assert small == 0
            for slider in page.locator(".scale input").all():
                slider.fill("70")
            for choice in page.locator(".choice").all()[:1]:
                choice.tap()
            page.locator(NEXT).tap()
        expect(page.get_by_role("heading", name="Vielen Dank")).to_be_focused()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
        ratings = load_ratings(server.store)
        assert {rating.type for rating in ratings} == set(kinds)
        assert {"A": 70, "B": 70} in [rating.value for rating in ratings]


def test_the_researcher_sees_ratings_come(
    site: Served, context: BrowserContext, chromium: Any, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(f"{site.url}/results")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type("not the token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not the study's token")
    assert complaints(page) == []
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="A toy")).to_be_focused()
    expect(page.locator(".grid")).to_be_visible()
    before = len(load_ratings(site.store))
    ratings = page.locator("#totals div", has_text="Ratings").locator("dd")
    expect(ratings).to_have_text(str(before))
    with browser(chromium) as another:  # of a rater, who answers meanwhile
        rater = enrol(another, site.url)
        for _ in range(3):
            answer_by_keys(rater)
    expect(ratings).to_have_text(str(before + 3))
    expect(page.locator("figure img")).to_have_count(2)
    assert page.locator("figure img").first.evaluate("img => img.naturalWidth") > 0
    expect(page.locator(".words")).to_contain_text("No rater in these data broke a rule")
    page.get_by_label("Raw").check()
    expect(page.locator(".words")).to_contain_text("raw results")
    assert complaints(page) == []
    with page.expect_download() as got:
        page.get_by_role("button", name="CSV").click()
    assert got.value.suggested_filename == "toy_raw.csv"
    got.value.save_as(tmp_path / "toy.csv")
    assert len((tmp_path / "toy.csv").read_text().splitlines()) == before + 4
    page.reload()  # the token is asked for once
    expect(page.get_by_role("heading", name="A toy")).to_be_focused()
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("figure img")).to_have_count(2)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    page.get_by_role("button", name="Forget the token").click()
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()
