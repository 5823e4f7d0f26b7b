"""What is heard on the real page, and kept: takes, comparisons, cards."""

import json
from pathlib import Path

from playwright.sync_api import Page, expect
from visiting import CARD, chosen, offered, row, speak, take_example, wait_until_dropped

from vclip.__main__ import main


def test_sound_before_the_end_and_silence_at_once(page: Page, address: str) -> None:
    take_example(page)
    page.fill("#text textarea", "This is a long text that is spoken for a while. " * 40)
    page.click("#speak")
    page.wait_for_function("window.vclip.timings.first_sound")
    token = str(page.locator("#player [data-token]").get_attribute("data-token"))
    page.click("#stop")
    wait_until_dropped(page, address, token)  # so that it can never come to an end
    expect(page.locator("#player [data-state=live]")).to_have_count(1)
    expect(page.locator("#takes li")).to_have_count(0)
    speak(page, "And on it goes.")


def test_asking_again_while_it_speaks(page: Page) -> None:
    take_example(page)
    page.fill("#text textarea", "This is a long text that is spoken for a while. " * 40)
    page.click("#speak")
    page.wait_for_function("window.vclip.timings.first_sound")
    page.fill("#text textarea", "Something else.")
    page.click("#speak")
    expect(page.locator("#takes li").first).to_contain_text("Something else.")
    page.wait_for_function("window.vclip.timings.first_sound > window.vclip.timings.click")


def test_compare(page: Page, address: str, tmp_path: Path) -> None:
    take_example(page)
    page.fill("#text textarea", "Same words.")
    page.get_by_role("tab", name="Compare").click()
    page.click("#compare-run")
    rows = page.locator("#compare li")
    expect(page.locator("#compare [data-play]")).to_have_count(10)
    tokens = page.locator("#compare [data-play]").evaluate_all("e => e.map((x) => x.dataset.play)")
    assert len(set(tokens)) == 10
    rows.nth(4).locator("[data-play]").press("Enter")
    expect(rows.nth(4).locator("[data-play]")).to_have_attribute("aria-pressed", "true")
    third = offered(page)[2]
    rows.nth(2).locator("[data-voice]").press("Enter")
    expect(row(page, third)).to_have_attribute("aria-selected", "true")


def test_a_comparison_can_be_stopped_and_says_what_is_wrong(page: Page) -> None:
    take_example(page)
    page.fill("#text textarea", "This is a long text that is spoken for a while. " * 40)
    page.get_by_role("tab", name="Compare").click()
    page.click("#compare-run")
    expect(page.locator("#compare .pending")).to_have_count(10)
    page.click("#compare-stop")
    expect(page.locator("#compare .pending.stopped")).not_to_have_count(0)
    waiting = page.locator("#compare .pending").count()
    page.wait_for_timeout(1500)
    expect(page.locator("#compare .pending.stopped")).to_have_count(waiting)
    page.fill("#text textarea", "")
    page.click("#compare-run")
    expect(page.locator("#speech-message")).to_be_visible()
    expect(page.locator("#speech-message")).to_contain_text("empty")


def test_a_take_can_be_made_again_from_its_card(page: Page, tmp_path: Path) -> None:
    take_example(page)
    page.locator("#sliders input[type=range]").first.fill("0.5")
    page.wait_for_selector("#voices [data-id^='move(']")
    speak(page, "Say it again. And again.")
    got = {}
    for kind in ("wav", "mp3", "json"):
        with page.expect_download() as download:
            page.locator(f"#takes a[href*='.{kind}']").first.click()
        assert download.value.suggested_filename.endswith(f"_seed0.{kind}")
        got[kind] = tmp_path / f"take.{kind}"
        download.value.save_as(got[kind])
    beside = json.loads(got["json"].read_text())
    assert beside["text"] == "Say it again. And again." and "synthetic" in beside["note"]
    again = tmp_path / "again.wav"
    assert main(["speak", "--voice", str(got["json"]), "-o", str(again)]) == 0
    assert again.read_bytes() == got["wav"].read_bytes()


def test_a_voice_found_once_can_be_used_again(page: Page, tmp_path: Path) -> None:
    take_example(page)
    page.locator("#sliders input[type=range]").first.fill("2")
    page.wait_for_selector("#voices [data-id^='move(']")
    voice = chosen(page)
    with page.expect_download() as download:
        page.click("#keep a.download")
    download.value.save_as(tmp_path / "voice.json")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.set_input_files(CARD, tmp_path / "voice.json")
    expect(row(page, voice)).to_have_attribute("aria-selected", "true")  # without any face
    speak(page, "Here I am again.")
    (tmp_path / "bad.json").write_text("{}")
    page.set_input_files(CARD, tmp_path / "bad.json")
    expect(page.locator("#card-message .message")).to_have_count(1)
