"""vclip's app: `python app.py [--host HOST] [--port PORT] [--model MODEL] [--stage] [--mcp]`.

With `--study STUDY.json` a listening test is served at /study, beside the demo; with `--study-only`
it is alone, and no model is loaded. Exit code 2 and one line on stderr when it cannot start as
asked.
"""

import argparse
import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from vclip.errors import InputError, reported
from vclip.models.directory import CHOICES

if TYPE_CHECKING:  # --help should load neither models nor databases
    from fastapi import APIRouter


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; a Hugging Face Space is seen by others, on the port that it names."""
    host = "0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=host, help="0.0.0.0 to be seen by others")
    parser.add_argument("--port", type=int, default=_port(), help="0 takes a free one")
    parser.add_argument("--model", default="bundled", help=CHOICES)
    parser.add_argument("--stage", action="store_true", help="for talks: large type, keyboard")
    parser.add_argument("--mcp", action="store_true", help="the API as tools of an MCP server, too")
    study = parser.add_argument_group("listening test")
    study.add_argument(
        "--study",
        type=Path,
        default=os.environ.get("VCLIP_STUDY"),  # a Space is given no options
        metavar="STUDY.json",
        help="serve it at /study; or VCLIP_STUDY",
    )
    study.add_argument("--study-only", action="store_true", help="without the demo and its model")
    study.add_argument(
        "--store",
        default=os.environ.get("VCLIP_STORE"),
        metavar="URL",
        help="for ratings: sqlite:///ratings-NAME.db, if neither this nor VCLIP_STORE says it",
    )
    study.add_argument(
        "--research-token",
        default=os.environ.get("VCLIP_RESEARCH_TOKEN"),
        metavar="T",
        help="opens /study/results; random unless VCLIP_RESEARCH_TOKEN says it",
    )
    return parser.parse_args(argv)


def _port() -> int:
    named = os.environ.get("GRADIO_SERVER_PORT", "7860")
    if not named.isdecimal():
        raise InputError(f"GRADIO_SERVER_PORT is {named!r}; set it to a number")
    return int(named)


def open_study(options: argparse.Namespace, stack: contextlib.ExitStack) -> "list[APIRouter]":
    """What serves the study that was asked for, if one was; its store is closed with the stack."""
    if not options.study:
        if options.study_only:
            raise InputError("--study-only needs --study STUDY.json")
        return []
    if not options.store and os.environ.get("SPACE_ID"):
        raise InputError(
            "a Space forgets its disk, and the ratings with it; set VCLIP_STORE to "
            "jsonl:ratings?repo=OWNER/NAME, a database's URL or a file on durable storage"
        )
    from vclip.listening.design.study_file import load
    from vclip.listening.server import application
    from vclip.listening.store.store import open_store

    study, token = load(options.study), application.research_token(options.research_token)
    store = open_store(options.store or f"sqlite:///ratings-{study.study}.db", study)
    stack.callback(store.close)
    print(application.announce(study, options.research_token, token), flush=True)
    return application.routers(store, token)


def run_study(options: argparse.Namespace) -> None:
    """The listening test alone, which starts at once."""
    from vclip.listening.server import application
    from vclip.ui.server import uvicorn_server

    with (
        uvicorn_server.open_port(options.host, options.port) as listener,
        contextlib.ExitStack() as stack,
    ):
        app = application.create_app(open_study(options, stack))
        uvicorn_server.run(uvicorn_server.server(app), listener)


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = parse(argv)
    if options.study_only:
        run_study(options)
        return 0
    from vclip.ui.server import zero_gpu  # after the options: --help should not load models

    zero_gpu.prepare()  # before torch is used
    from vclip.ui.server import application, uvicorn_server

    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(uvicorn_server.open_port(options.host, options.port))
        cache = stack.enter_context(application.private_cache())
        routers = open_study(options, stack)
        print(f"loading the model {options.model} ...", flush=True)
        from vclip import runtime
        from vclip.pipeline import FaceToVoice
        from vclip.ui.page.events import build_page
        from vclip.ui.speech.takes import TakeStore
        from vclip.ui.visit import VisitController

        runtime.limit_threads()
        model = FaceToVoice.from_pretrained(options.model, zero_gpu.narrator())
        controller, takes = VisitController(model), TakeStore(cache)
        app = application.build_app(
            build_page(controller, takes, stage=options.stage, study=bool(routers)),
            cache,
            takes=takes,
            model=model,
            stage=options.stage,
            mcp=options.mcp,
            routers=routers,
        )
        zero_gpu.report()
        threading.Thread(target=controller.warm_up, daemon=True).start()
        application.run(app, listener)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
