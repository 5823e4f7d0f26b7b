"""The floor plan, read from the source: imports run one way, and every room is of a human size."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from conftest import REPO

FILES = {
    ".".join(path.relative_to(REPO).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((REPO / "vclip").rglob("*.py"))
}
WEB = {"gradio", "fastapi", "starlette", "uvicorn"}


def imported(path: Path) -> set[str]:
    """All names that a file imports, anywhere in it: a local import hides nothing."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module_of(name: str) -> str | None:
    """The file of ours from which a name comes, if any."""
    while name and name not in FILES:
        name = name.rpartition(".")[0]
    return name or None


IMPORTS = {
    module: {found for name in imported(path) if (found := module_of(name)) not in (None, module)}
    for module, path in FILES.items()
}


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Some cycle of a graph; nothing where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def between_children(folder: str) -> dict[str, set[str]]:
    """Which of a folder's files and folders import which other ones."""
    graph: dict[str, set[str]] = {}
    for module, targets in IMPORTS.items():
        for target in targets:
            if module.startswith(f"{folder}.") and target.startswith(f"{folder}."):
                one, other = (n.removeprefix(f"{folder}.").split(".")[0] for n in (module, target))
                if one != other:
                    graph.setdefault(one, set()).add(other)
    return graph


def folders() -> Iterable[str]:
    return sorted({module.rpartition(".")[0] for module in FILES} - {""})


def test_a_planted_cycle_is_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) and not cycle({"a": {"b"}, "b": {"c"}})


def test_no_file_imports_itself_through_others() -> None:
    assert cycle(IMPORTS) == []


@pytest.mark.parametrize("folder", folders())
def test_what_lies_in_a_folder_is_imported_one_way(folder: str) -> None:
    assert cycle(between_children(folder)) == []


def test_nothing_imports_recipes() -> None:
    for module, targets in IMPORTS.items():
        if not module.startswith("vclip.recipes"):
            assert not any(t.startswith("vclip.recipes") for t in targets), module


def test_bank_and_mixture_do_not_know_each_other() -> None:
    assert "vclip.speakers.gmm" not in IMPORTS["vclip.speakers.bank"]
    assert "vclip.speakers.bank" not in IMPORTS["vclip.speakers.gmm"]


@pytest.mark.parametrize(
    ("packages", "homes"),
    [
        ({"TTS"}, ["vclip.speech.vits"]),
        (WEB, ["vclip.ui", "vclip.listening.server", "vclip.listening.simulate"]),
        ({"matplotlib"}, ["vclip.ui.map", "vclip.listening.analysis"]),
        ({"sqlalchemy"}, ["vclip.listening.store"]),
    ],
)
def test_packages_stay_in_their_place(packages: set[str], homes: list[str]) -> None:
    found = {m for m, p in FILES.items() if packages & {n.split(".")[0] for n in imported(p)}}
    assert {m for m in found if not any(m.startswith(home) for home in homes)} == set()


def test_listening_stands_alone() -> None:
    """Studies, ratings and their analysis know no model and no page of ours."""
    known = {"vclip", "vclip.errors", "vclip.audio", "vclip.arrays"}
    more = {
        "vclip.listening.build": {"vclip.pipeline", "vclip.runtime"},
        "vclip.listening.stimuli.files": {"vclip.face.photo"},
    }
    for module, targets in IMPORTS.items():
        if module.startswith("vclip.listening"):
            others = {t for t in targets if not t.startswith("vclip.listening")}
            assert others <= known | more.get(module, set()), module


@pytest.mark.slow
def test_listening_loads_neither_torch_nor_gradio() -> None:
    """Not by what it imports, either."""
    names = [m for m in FILES if m.startswith("vclip.listening") and "migrations" not in m]
    code = f"import sys, importlib\nfor name in {names}: importlib.import_module(name)\n"
    code += "assert not {'torch', 'gradio', 'TTS'} & set(sys.modules), 'loaded'"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPO, timeout=120)


def declared(*names: str) -> set[str]:
    """Distributions that requirement files name, in one spelling."""
    lines = [line for name in names for line in (REPO / name).read_text().splitlines()]
    found = [re.match(r"[A-Za-z0-9_.-]+", line) for line in lines]
    return {plain(match[0]) for match in found if match}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


OPTIONAL = {"resemblyzer"}  # a voice encoder of recipes; who lacks it is told what to install
APP, DEV = ("requirements.txt",), ("requirements.txt", "requirements-dev.txt")


def test_what_is_imported_is_declared() -> None:
    """By the app in requirements.txt; by recipes and tests there or in requirements-dev.txt."""
    homes = {"parselmouth": ["praat-parselmouth"], **packages_distributions()}
    tests = sorted((REPO / "tests").rglob("*.py"))
    ours = {"vclip", "app", *(path.stem for path in tests)}
    missing = []
    for path in [REPO / "app.py", *FILES.values(), *tests]:
        recipe = "recipes" in path.parts or "tests" in path.parts
        allowed = declared(*(DEV if recipe else APP))
        for name in {name.split(".")[0] for name in imported(path)} - ours:
            known = name in sys.stdlib_module_names or name in OPTIONAL
            if not known and not {plain(home) for home in homes.get(name, [name])} & allowed:
                missing.append(f"{path.relative_to(REPO)}: {name}")
    assert missing == []


def rooms() -> list[Path]:
    """Files but the faces of packages."""
    return [path for path in FILES.values() if path.name != "__init__.py"]


def test_folders_hold_few_files() -> None:
    """As many as one can look over; not fewer than make a folder."""
    counts = Counter(path.parent for path in rooms())
    small = {folder.name for folder in counts if not any(f.is_dir() for f in folder.iterdir())}
    crowded = {str(f.relative_to(REPO)): n for f, n in counts.items() if n > 12}
    empty = {str(f.relative_to(REPO)): n for f, n in counts.items() if f.name in small and n < 4}
    assert (crowded, empty) == ({}, {})


def test_files_are_neither_giants_nor_crumbs() -> None:
    lengths = {str(p.relative_to(REPO)): len(p.read_text().splitlines()) for p in rooms()}
    assert {name: n for name, n in lengths.items() if not 30 <= n <= 300} == {}


def test_no_name_is_handed_on() -> None:
    """A name is imported from where it is defined."""
    again = {p: re.findall(r"import (\w+) as \1\b", p.read_text()) for p in FILES.values()}
    assert {str(path.relative_to(REPO)): names for path, names in again.items() if names} == {}


def test_array_types_are_defined_once() -> None:
    for module, path in FILES.items():
        if module != "vclip.arrays":
            assert not re.search(r"^\w+ = npt\.NDArray", path.read_text(), re.MULTILINE), path


def test_docstrings_say_what_a_module_is() -> None:
    firsts = {p: (ast.get_docstring(ast.parse(p.read_text())) or "-").split()[0] for p in rooms()}
    vague = {"-", "What", "How", "Where", "Who", "Whatever"}
    assert [str(p.relative_to(REPO)) for p, first in firsts.items() if first in vague] == []


def test_no_name_means_two_things() -> None:
    """Public classes have names of their own."""
    homes: dict[str, list[str]] = {}
    for module, path in FILES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
