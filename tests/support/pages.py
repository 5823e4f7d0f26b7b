"""Pages of the repository, and what they and the code say of each other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from conftest import REPO

README, DOCS = REPO / "README.md", REPO / "docs"
PAGES = sorted([README, *DOCS.glob("*.md"), *(REPO / "assets").rglob("*.md")])
LOG = DOCS / "log.md"  # history, with the names of its day
SOURCES = [REPO / "app.py", *sorted((REPO / "vclip").rglob("*.py"))]


def words(path: Path) -> str:
    """Its text on one line, so that what is broken over two is found."""
    return re.sub(r"\s+", " ", path.read_text())


def without_history(text: str) -> str:
    """A page without its table of old names and without commands of an old commit."""
    text = re.sub(r"^## Old names\n.*?(?=^## |\Z)", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"^ *```.*?^ *```", text, flags=re.DOTALL | re.MULTILINE)
    for block in blocks:
        if "git worktree" in block:
            text = text.replace(block, "")
    return text


def packages(folder: Path) -> set[str]:
    """Folders of a folder that hold modules, two levels deep; migrations are data of the store."""
    found = {path.parent.relative_to(folder) for path in folder.rglob("*.py")} - {Path()}
    return {f.as_posix() for f in found if len(f.parts) < 3 and f.name != "migrations"}


def tree(text: str) -> Iterator[tuple[str, str]]:
    """Folder and sentence of every line of README's tree below vclip/."""
    lines = re.search(r"^vclip/ .*?\n(.*?)^\S", text, re.DOTALL | re.MULTILINE)
    assert lines is not None
    above = ""
    for line in lines[1].splitlines():
        found = re.fullmatch(r"( {2}| {4})(\w+)/ +(\S.*)", line)
        assert found is not None, f"not a folder and a sentence: {line!r}"
        above = above if len(found[1]) == 4 else found[2]
        yield (f"{above}/{found[2]}" if len(found[1]) == 4 else above), found[3]


def slug(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def headings(path: Path) -> list[str]:
    """Titles of a page, not lines of its code."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def exists(name: str) -> bool:
    """Whether a dotted name is a module of ours, or a name that one defines."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        path = REPO.joinpath(*parts[:n])
        if path.with_suffix(".py").is_file() and n > 1:
            return n == len(parts) or parts[n] in defined(path.with_suffix(".py"))
        if (path / "__init__.py").is_file():
            return n == len(parts) or parts[n] in defined(path / "__init__.py")
    return False


def defined(path: Path) -> set[str]:
    """Names of a module's top level."""
    return {
        name
        for node in ast.parse(path.read_text()).body
        for name in (
            [node.name]
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
            else [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
            + [n.asname or n.name for n in getattr(node, "names", [])]
        )
    }


def file_of(name: str) -> Path:
    """The file of a module that is run, app.py among them."""
    path = REPO.joinpath(*name.removesuffix(".py").split("."))
    return path / "__main__.py" if path.is_dir() else path.with_suffix(".py")


def source_of(name: str) -> str:
    """A module's text and those of ours that it imports from: where its options are defined.

    Also of those that these take groups of options from.
    """
    files = {file_of(name), *imported(file_of(name), r"\w+")}
    nested = [imported(file, group) for file in files for group in groups(file)]
    return "\n".join(file.read_text() for file in files.union(*nested))


def groups(file: Path) -> list[str]:
    """Names of the dataclasses that a module's settings consist of, besides plain options."""
    return re.findall(
        r"^    \w+: (\w+) = field\(default_factory=\1\)", file.read_text(), re.MULTILINE
    )


def imported(file: Path, wanted: str) -> set[Path]:
    """Files of ours from which a file imports names of this pattern, or which these names are."""
    imports = re.findall(
        r"^from (vclip[\w.]*) import (?:\(([^)]*)|(.*))", file.read_text(), re.MULTILINE
    )
    names = set()
    for base, *some in imports:
        found = re.findall(rf"\b{wanted}\b", " ".join(some))
        names |= {base for _ in found} | {f"{base}.{one}" for one in found}
    return {path for path in map(file_of, filter(exists, names)) if path.is_file()}


def shown(page: Path) -> list[tuple[str, str]]:
    """Module, or app.py, and arguments of every command in a page's blocks of shell."""
    text = without_history(page.read_text()).replace("\\\n", " ")
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [re.findall(r"(?:-m |python )(vclip[\w.]*|app\.py)\b(.*)", block) for block in blocks]
    return [line for found in lines for line in found] if page != LOG else []


def commands() -> set[str]:
    """Every module of the recipes that can be run."""
    found = [p for p in SOURCES if "recipes" in p.parts and '== "__main__"' in p.read_text()]
    return {".".join(path.relative_to(REPO).with_suffix("").parts) for path in found}


def cited(path: Path) -> Iterator[str]:
    """Pages that a file names and nobody has; and words that cite none in particular."""
    for name in re.findall(r"[\w./-]+\.md\b", path.read_text()):
        homes = (REPO / name, DOCS / name, path.parent / name)
        if not any(home.is_file() for home in homes):
            yield name
    yield from re.findall(r"\(docs:|\bpaper §|\bthe paper's §", words(path))
