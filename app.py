"""vclip's app: `python app.py [--host HOST] [--port PORT] [--model MODEL] [--stage] [--mcp]`.

Exit code 2 and one line on stderr when it cannot start as asked.
"""

import argparse
import os
import threading

from vclip.errors import InputError, reported
from vclip.weights import CHOICES


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; a Hugging Face Space is seen by others, on the port that it names."""
    host = "0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=host, help="0.0.0.0 to be seen by others")
    parser.add_argument("--port", type=int, default=_port(), help="0 takes a free one")
    parser.add_argument("--model", default="bundled", help=CHOICES)
    parser.add_argument("--stage", action="store_true", help="for talks: large type, keyboard")
    parser.add_argument("--mcp", action="store_true", help="the API as tools of an MCP server, too")
    return parser.parse_args(argv)


def _port() -> int:
    named = os.environ.get("GRADIO_SERVER_PORT", "7860")
    if not named.isdecimal():
        raise InputError(f"GRADIO_SERVER_PORT is {named!r}; set it to a number")
    return int(named)


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = parse(argv)
    from vclip.ui import gpu  # after the options: --help should not load models

    gpu.prepare()  # before torch is used
    from vclip.ui import serve

    with serve.open_port(options.host, options.port) as listener, serve.private_cache() as cache:
        print(f"loading the model {options.model} ...", flush=True)
        from vclip import threads
        from vclip.pipeline import FaceToVoice
        from vclip.ui.page import build
        from vclip.ui.takes import Takes
        from vclip.ui.visit import Desk

        threads.use_one_each()
        model = FaceToVoice.from_pretrained(options.model, gpu.narrator())
        desk, takes = Desk(model), Takes(cache)
        app = serve.application(
            build(desk, takes, stage=options.stage),
            {"model": model.model},
            cache,
            takes=takes,
            model=model,
            stage=options.stage,
            mcp=options.mcp,
        )
        gpu.report()
        threading.Thread(target=desk.warm_up, daemon=True).start()
        serve.run(app, listener)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
