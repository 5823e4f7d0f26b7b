"""The error tree, and that every command line answers it with one line and exit code 2."""

import importlib
from pathlib import Path

import pytest
from conftest import REPO

from vclip import errors

RECIPES = sorted(
    ".".join(path.relative_to(REPO / "vclip/recipes").with_suffix("").parts)
    for path in (REPO / "vclip/recipes").rglob("*.py")
    if "\ndef main(" in path.read_text()
)
# options that make a recipe fail at once, where an empty folder alone does not
FAULTS = {
    "generation.describe_bank": ["--directory", "{tmp}", "--manifest", "{tmp}/none.csv"],
    "tts.prepare": ["--data", "{tmp}"],
    "tts.train": ["--data", "{tmp}/none", "--out", "{tmp}"],
    "tts.evaluate": ["--directory", "{tmp}", "--data", "{tmp}"],
    "evaluation.association": ["--pairs", "{tmp}/none.csv"],
    "face_encoder.evaluate": ["--london", "{tmp}/none.csv"],
    "association.train": ["--pairs", "{tmp}/none.csv", "--out", "{tmp}/a.safetensors"],
    "face_encoder.train": ["--utk", "{tmp}/none.csv", "--work", "{tmp}"],
    "showcase.icon": ["--model", "{tmp}"],
    "showcase.screenshots": ["--out", "/dev/null/pictures"],
    "showcase.example_faces": ["--manifest", "{tmp}/none.csv", "--landmarks", "{tmp}/none"],
    "data.prepare": ["folder", "--root", "{tmp}/none", "--out", "{tmp}/m.csv"],
    "data.features": [
        "--pairs",
        "{tmp}/none.csv",
        "--out",
        "{tmp}/f",
        "--voice-encoder",
        "resemblyzer",
    ],
    "evaluation.protocols": [
        "p1",
        "--lists",
        "{tmp}/none",
        "--faces",
        "{tmp}",
        "--voices",
        "{tmp}",
        "--out",
        "{tmp}/m.csv",
    ],
    "generation_table.table": ["bundled", "--pairs", "{tmp}/none.csv"],
}


def test_the_docstring_draws_the_whole_tree() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    drawn = {c.__name__ for c in classes if issubclass(c, errors.VclipError)}
    assert drawn and all(name in (errors.__doc__ or "") for name in drawn)


def test_reported_keeps_other_errors_and_results() -> None:
    assert errors.reported(lambda argv: 7)(["x"]) == 7
    with pytest.raises(ZeroDivisionError):
        errors.reported(lambda argv: 1 // 0)()


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "bench.run"])
def test_recipes_report_bad_input(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = importlib.import_module(f"vclip.recipes.{name}")
    options = FAULTS.get(name, ["--directory", "{tmp}"])
    assert recipe.main([option.replace("{tmp}", str(tmp_path)) for option in options]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("vclip: ")
