"""A web server on a free local port that gives one file, as badly as a test wants it to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does; `asked` collects the Range headers ('' for none)."""

    body: bytes
    ranges: bool = True  # answers 206 to a Range
    cut_at: list[int] = field(default_factory=list)  # one answer each: bytes sent before hanging up
    status: int = 200
    length: bool = True  # tells Content-Length
    shift: int = 0  # answers a Range from elsewhere
    asked: list[str] = field(default_factory=list)


def _answer(handler: BaseHTTPRequestHandler, want: Behaviour) -> None:
    asked = handler.headers.get("Range", "")
    want.asked.append(asked)
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and want.ranges else 0
    if want.status != 200 or start >= len(want.body):
        handler.send_response(416 if want.status == 200 else want.status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    handler.send_response(206 if asked and want.ranges else 200)
    if asked and want.ranges:
        first = start + want.shift
        handler.send_header("Content-Range", f"bytes {first}-{len(want.body) - 1}/{len(want.body)}")
    if want.length:
        handler.send_header("Content-Length", str(len(want.body) - start))
    handler.end_headers()
    end = want.cut_at.pop(0) if want.cut_at else len(want.body)
    handler.wfile.write(want.body[start:end])


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The address of `/files/toy.zip` on such a server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, behaviour)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/files/toy.zip"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> str:
    """An address at which nobody listens."""
    with serving(Behaviour(b"")) as url:
        return url
