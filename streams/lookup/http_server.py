"""The HTTP server of the lookup: uvicorn with our protocol and a clean exit.

Caller: `streams.lookup.serving`.
"""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn

from streams.lookup.application import create_application
from streams.lookup.fast_lane import FastLane
from streams.lookup.http_protocol import LookupProtocol
from streams.lookup.routes import Lookup

_DRAIN_S = 10


class LookupServer(uvicorn.Server):
    """uvicorn, with a clean exit: by itself it would raise the signal that stopped it once more."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def lookup_server(lookup: Lookup) -> LookupServer:
    """A server of the lookup's routes; it serves on the sockets that it is given."""
    protocol = partial(LookupProtocol, lane=FastLane(lookup))
    return LookupServer(
        uvicorn.Config(
            cast(Any, create_application(lookup)),
            http=cast(Any, protocol),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # a sender could name any address, and has a rate of its own for each
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
