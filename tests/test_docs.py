"""The pages say what is there: names, links, folders and figures; their examples run as printed.

README.md's front matter makes a Hugging Face Space out of the repository as it is.
"""

import importlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO
from huggingface_hub import SpaceCard, SpaceCardData, SpaceHardware, metadata_load
from pages import (
    DOCS,
    LOG,
    PAGES,
    README,
    SOURCES,
    cited,
    commands,
    exists,
    file_of,
    headings,
    packages,
    shown,
    slug,
    source_of,
    tree,
    without_history,
    words,
)

from vclip import audio
from vclip.recipes import options

# what README promises at a glance


def test_readme_is_short() -> None:
    assert len(README.read_bytes()) <= 8192
    assert len((DOCS / "method.md").read_bytes()) <= 12 * 1024


def test_the_tree_names_exactly_the_folders() -> None:
    named = [folder for folder, _ in tree(README.read_text())]
    assert len(named) == len(set(named)) and set(named) == packages(REPO / "vclip")


def test_every_row_of_the_headline_table_stands_in_results() -> None:
    """Also of the model card: a figure is changed in one place only if a test complains."""
    known = words(DOCS / "results.md").replace("*", "")
    for page in (README, DOCS / "model-card.md"):
        text = page.read_text().replace("*", "")
        figures = re.findall(r"[−\d.]+ \[[−\d.]+, [−\d.]+\]", text)
        assert len(figures) > 5
        assert [figure for figure in figures if figure not in known] == []


# links and names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            file = (page.parent / name) if name else page
            assert file.exists(), target
            assert not anchor or anchor in map(slug, headings(file)), target


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page != LOG] + [REPO / "Makefile"],
    ids=lambda page: page.relative_to(REPO).as_posix(),
)
def test_modules_that_pages_name_exist(page: Path) -> None:
    """By their new names; old ones stand in one table and beside the commit that has them."""
    named = set(re.findall(r"\bvclip(?:\.\w+)+", without_history(page.read_text())))
    assert sorted(name for name in named - {"vclip.json"} if not exists(name)) == []


def test_files_that_pages_name_exist() -> None:
    for page in [page for page in PAGES if page != LOG]:
        text = without_history(page.read_text())
        named = set(re.findall(r"(?<![\w/:.^-])(?:vclip|tests|assets|docs)/[\w./-]*\w", text))
        assert sorted(name for name in named if not (REPO / name).exists()) == [], page.name


def test_commands_that_pages_name_are_commands() -> None:
    for page in [page for page in PAGES if page != LOG] + [REPO / "Makefile"]:
        text = without_history(page.read_text())
        for name in set(re.findall(r"-m (vclip(?:\.\w+)*)(?![\w.]*…)", text)):
            file = file_of(name)
            assert file.is_file() and "__main__" in file.read_text(), f"{page.name}: {name}"


@pytest.mark.slow
def test_options_that_pages_show_exist() -> None:
    seen = [
        (page.name, command, option)
        for page in PAGES
        for command, rest in shown(page)
        for option in re.findall(r"(?<!\S)--([a-z][\w-]+)", rest)
    ]
    assert len(seen) > 40
    for page, command, option in seen:
        field, source = option.removeprefix("no-").replace("-", "_"), source_of(command)
        known = f'"--{option}"' in source or re.search(rf"^    {field}: ", source, re.M)
        assert known, f"{page}: {command} --{option}"


class Understood(Exception):
    """A command line was read; nothing is run."""


@pytest.mark.slow  # it imports all recipes
def test_recipes_understand_what_pages_show(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = options.parse

    def read(kind: type, argv: list[str], **more: object) -> None:
        parse(kind, argv, **more)
        raise Understood

    monkeypatch.setattr(options, "parse", read)

    for command, rest in [line for page in PAGES for line in shown(page)]:
        if command.startswith("vclip.recipes."):
            recipe = importlib.import_module(command)
            monkeypatch.setattr(recipe, "parse", read, raising=False)  # some read it themselves
            with pytest.raises(Understood):
                recipe.main(shlex.split(rest, comments=True))


def test_every_recipe_is_described() -> None:
    text = without_history((DOCS / "recipes.md").read_text())
    assert commands() - set(re.findall(r"vclip(?:\.\w+)+", text)) == set()


def test_old_names_lead_to_names_that_exist() -> None:
    section = re.search(r"^## Old names\n(.*?)(?=^## |\Z)", (DOCS / "recipes.md").read_text(),
                        re.DOTALL | re.MULTILINE)  # fmt: skip
    assert section is not None
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|$", section[1], re.MULTILINE)
    assert len(rows) >= 27  # the commands of `vclip.offline`, each once
    assert len({old for old, _ in rows}) == len(rows)
    for old, new in rows:
        names = re.findall(r"`(vclip(?:\.\w+)+)`", new)
        assert names or "58f16c9" in new, old
        assert all(map(exists, names)), (old, new)


# what the code cites


def test_cited_pages_are_in_the_repository() -> None:
    found = {str(path.relative_to(REPO)): list(cited(path)) for path in SOURCES + PAGES}
    assert {name: missing for name, missing in found.items() if missing} == {}


def test_cited_sections_of_the_method_exist() -> None:
    """As docs/method.md, Section; or the page as a whole, in parentheses."""
    titles = [title for title in headings(DOCS / "method.md") if title != "Method"]
    wanted = {"Vector spaces", "Association", "Data", "Generation", "Evaluation", "Protocols"}
    assert wanted | {"Settings"} <= set(titles)
    for path in SOURCES:
        for rest in re.findall(r"docs/method\.md(.{0,40})", words(path)):
            section = rest.lstrip(' ,:#"“`(')
            assert section.startswith((")", *titles)), f"{path}: docs/method.md{rest}"


def test_cited_sections_of_the_paper_are_those_that_the_method_names() -> None:
    known = set(re.findall(r"§([\d.]*\d)", (DOCS / "method.md").read_text()))
    for path in SOURCES:
        for section in re.findall(r"Vclip §([\d.]*\d)", path.read_text()):
            assert section in known, f"{path}: Vclip §{section}"


# the examples of docs/api.md

LOCAL = "http://127.0.0.1:7860"


def example(language: str, having: str) -> str:
    """The one block of docs/api.md in this language that holds a text."""
    text = (DOCS / "api.md").read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if having in block]
    return str(block)


def at(address: str, language: str) -> str:
    """The example that asks the app, with the address of the app under test."""
    return example(language, LOCAL).replace(LOCAL, address.rstrip("/"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As if in the repository, but what is written stays out of it."""
    (tmp_path / "assets").symlink_to(REPO / "assets")
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_curl(address: str, folder: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    shown = run(["bash", "-euo", "pipefail", "-c", at(address, "sh")], folder)
    assert shown.count('"speaker_id"') == 3 and '"status":"ok"' in shown
    wav, sample_rate = audio.load_wav(folder / "out.wav")
    assert 0.3 < len(wav) / sample_rate < 3


def test_gradio_client(address: str, folder: Path) -> None:
    checks = """
assert len(found["candidates"]) == 5 and others["seed"] == 1
assert path.endswith(".wav") and limits["rate"] == [0.5, 2.0]
"""
    run([sys.executable, "-W", "error", "-c", at(address, "python") + checks], folder)


@pytest.mark.slow  # it loads the model and speaks
def test_library(folder: Path) -> None:
    checks = """
assert len(voices) == len(others) == 10 and len(closer) == 5 and len(why.neighbours) == 3
assert speech.sample_rate == 22050 and share == 1.0
"""
    code = example("python", "from_pretrained") + checks
    run([sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(REPO)!r})\n{code}"], folder)


# the front matter

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
    found = metadata_load(README)
    assert found is not None
    return found


def test_front_matter_is_a_space_card(told: dict[str, Any]) -> None:
    card = SpaceCard.load(README)
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
