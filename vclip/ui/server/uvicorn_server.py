"""Listening socket and uvicorn server; imports no Gradio, so that a study alone starts fast."""

import contextlib
import os
import signal
import socket

import uvicorn
from fastapi import FastAPI

from vclip.errors import InputError


def open_port(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError if the address cannot be had."""
    if not 0 <= port < 2**16:
        raise InputError(f"there is no port {port}; use 1 to {2**16 - 1}, or 0 for a free one")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"cannot listen on {host}, port {port} ({reason}); choose another with --port"
        ) from error


class AppServer(uvicorn.Server):
    """uvicorn that says where it can be reached once it can."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Print the address after the start."""
        await super().startup(sockets)
        if sockets and not self.should_exit:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"vclip is at http://{shown}:{port}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up first: every open page holds a connection that would never end by itself."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        await super().shutdown(sockets)


def server(app: FastAPI) -> AppServer:
    """A server, not yet running. No access log: it would name the uploads."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
        # longer than browsers' and proxies' pauses: who hangs up first must not be the server, or
        # what is sent at that moment is lost (5 s, uvicorn's, cost simulated raters their answers)
        timeout_keep_alive=75,
        # a Space is reached through its https proxy only, whose address is not known before
        forwarded_allow_ips="*" if os.environ.get("SPACE_ID") else None,
    )
    return AppServer(config)


def run(server: AppServer, listener: socket.socket) -> None:
    """Serve until interrupted."""
    # uvicorn raises the signal that stopped it once more: it must not skip our clean-up
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
