"""vclip's app: `python app.py [--host 127.0.0.1] [--port 7860] [--model bundled]`.

Exit code 2 and one line on stderr when it cannot start as asked.
"""

import argparse

from vclip.errors import reported
from vclip.weights import CHOICES


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be seen by others")
    parser.add_argument("--port", type=int, default=7860, help="0 takes a free one")
    parser.add_argument("--model", default="bundled", help=CHOICES)
    return parser.parse_args(argv)


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = parse(argv)
    from vclip.ui import serve  # after the options: --help should not load models

    with serve.open_port(options.host, options.port) as listener, serve.private_cache() as cache:
        print(f"loading the model {options.model} ...", flush=True)
        from vclip import threads
        from vclip.pipeline import FaceToVoice
        from vclip.ui.page import build
        from vclip.ui.visit import Desk

        threads.use_one_each()
        model = FaceToVoice.from_pretrained(options.model)
        page = build(Desk(model))
        serve.run(serve.application(page, {"model": model.model}, cache), listener)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
