"""The endpoints as tools of an MCP server, called by an MCP client over HTTP."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gradio.mcp
import pytest
from fake_model import FakeModel, picture
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool
from serving import served

from vclip.errors import ModelError
from vclip.pipeline import FaceToVoice
from vclip.ui.server import application


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cache")
    with served(cast(FaceToVoice, FakeModel()), folder, mcp=True) as found:
        yield found


def ask(address: str, *calls: tuple[str, dict[str, Any]]) -> tuple[list[Tool], list[Any]]:
    """The tools that there are, and the answers to these calls."""

    async def talk() -> tuple[list[Tool], list[CallToolResult]]:
        url = f"{address}/gradio_api/mcp/"
        async with (
            streamable_http_client(url) as (read, write, *_),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, [await session.call_tool(*call) for call in calls]

    return asyncio.run(talk())


def test_tools_are_typed_and_described(address: str) -> None:
    tools, _ = ask(address)
    described = {tool.name: tool for tool in tools}
    assert set(described) == {"candidates", "resample", "speak", "describe_model"}
    for tool in tools:
        assert tool.description
        for name, field in tool.inputSchema["properties"].items():
            assert field.get("description"), f"{tool.name}: {name} is not described"
    speak = described["speak"].inputSchema["properties"]
    assert speak["text"]["type"] == "string" and speak["rate"]["type"] == "number"
    assert "2000 characters" in speak["text"]["description"]


def test_tools_can_be_called(address: str) -> None:
    photo = "data:image/png;base64," + base64.b64encode(picture(90)).decode()
    calls = [
        ("describe_model", {}),
        ("candidates", {"photo": photo, "source": "bank", "k": 2, "seed": 0}),
        ("speak", {"text": "Hello.", "speaker_id": "p1"}),
        ("speak", {"text": "Hello.", "speaker_id": "nobody"}),
    ]
    _, (model, found, speech, wrong) = ask(address, *calls)
    assert not model.isError and "fake" in model.content[0].text
    assert not found.isError and "speaker_id" in found.content[0].text
    assert not speech.isError and "vclip_p1_seed0.wav" in str(speech.content)
    assert wrong.isError and "nobody" in wrong.content[0].text


def test_photos_stay_in_the_private_cache(address: str) -> None:
    assert Path(gradio.mcp.DEFAULT_TEMP_DIR).name.startswith("cache")


def test_without_the_package_the_start_fails_clearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(blocks: Any) -> None:
        raise ImportError("no package mcp")

    monkeypatch.setattr(gradio.mcp, "GradioMCPServer", missing)
    with (
        pytest.raises(ModelError, match="MCP"),
        served(cast(FaceToVoice, FakeModel()), tmp_path, mcp=True),
    ):
        raise AssertionError
    assert application.public_address() == ""
