"""A recipe's main of settings is a command: its line, its errors, its exit code."""

from dataclasses import dataclass

import pytest
import torch

from vclip.errors import DataError
from vclip.recipes.options import command


@dataclass(frozen=True)
class Greeting:
    """Whom to greet."""

    name: str
    times: int = 1


@command(Greeting)
def greet(settings: Greeting) -> int | None:
    if settings.times < 1:
        raise DataError("--times must be at least 1")
    print(f"hello {settings.name}")
    return 3 if settings.times == 3 else None


@pytest.mark.parametrize(("line", "code"), [("--name you", 0), ("--name you --times 3", 3)])
def test_settings_are_read_and_the_code_is_main_s(
    line: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert greet(line.split()) == code and capsys.readouterr().out == "hello you\n"


def test_what_cannot_be_used_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["greet", "--name", "you", "--times", "0"])
    assert greet() == 2 and capsys.readouterr().err == "vclip: --times must be at least 1\n"
    with pytest.raises(SystemExit) as stopped:
        greet(["--times", "one"])
    assert stopped.value.code == 2


def test_threads_are_those_asked_for() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []
    asked = before + 1
    command(Greeting, threads=asked)(lambda settings: seen.append(torch.get_num_threads()))(
        ["--name", "you"]
    )
    torch.set_num_threads(before)
    assert seen == [asked]
