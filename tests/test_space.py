"""The front matter of README.md makes a Hugging Face Space out of the repository as it is."""

import re
from typing import Any

import pytest
from conftest import REPO
from huggingface_hub import SpaceCard, SpaceCardData, SpaceHardware, metadata_load

COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
KNOWN = {
    "title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file",
    "pinned", "license", "license_name", "license_link", "short_description",
    "suggested_hardware", "tags", "thumbnail", "models", "datasets", "header",
}  # fmt: skip
REQUIREMENTS = dict(
    re.findall(r"^([\w.-]+)==([\w.]+)", (REPO / "requirements.txt").read_text(), re.MULTILINE)
)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    found = metadata_load(REPO / "README.md")
    assert found is not None
    return found


def test_front_matter_is_a_space_card(told: dict[str, Any]) -> None:
    card = SpaceCard.load(REPO / "README.md")
    assert isinstance(card.data, SpaceCardData)
    assert card.data.to_dict() == told and set(told) <= KNOWN
    assert card.text.lstrip().startswith("# vclip")


def test_it_names_what_is_here(told: dict[str, Any]) -> None:
    assert (REPO / told["app_file"]).is_file() and (REPO / told["license_link"]).is_file()
    assert told["sdk"] == "gradio" and told["sdk_version"] == REQUIREMENTS["gradio"]
    assert re.fullmatch(r"3\.(11|12)(\.\d+)?", told["python_version"])  # numpy 2.4 needs 3.11


def test_values_are_those_that_spaces_know(told: dict[str, Any]) -> None:
    assert {told["colorFrom"], told["colorTo"]} <= COLOURS
    assert len(told["short_description"]) <= 60 and len(told["title"]) <= 60
    assert told["suggested_hardware"] in {hardware.value for hardware in SpaceHardware}
    assert told["emoji"] and not told["emoji"].isascii()
    assert told["pinned"] is False and all(isinstance(tag, str) for tag in told["tags"])


def test_no_system_package_is_asked_for() -> None:
    """espeak-ng is a wheel; a Space would install what packages.txt names."""
    assert not (REPO / "packages.txt").exists() and "espeakng-loader" in REQUIREMENTS
