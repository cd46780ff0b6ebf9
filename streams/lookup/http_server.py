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
PATIENCE_S = 30.0
"""How long a connection may go without an answer: idle ones end sooner, and no answer takes so long."""
_TICKS_BETWEEN_LOOKS = 10
"""uvicorn ticks ten times a second."""


class LookupServer(uvicorn.Server):
    """uvicorn, with an eye on clients that stand still, and a clean exit.

    By itself it would raise the signal that stopped it once more.
    """

    async def on_tick(self, counter: int) -> bool:
        """End the connections that have stood still; whether to exit."""
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            for connection in list(self.server_state.connections):
                cast(LookupProtocol, connection).end_if_still()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def lookup_server(lookup: Lookup, patience_s: float = PATIENCE_S) -> LookupServer:
    """A server of the lookup's routes; it serves on the sockets that it is given.

    Args:
        lookup: what the routes read.
        patience_s: how long a connection may go without an answer that its client takes.
    """
    protocol = partial(LookupProtocol, lane=FastLane(lookup), patience_s=patience_s)
    return LookupServer(
        uvicorn.Config(
            cast(Any, create_application(lookup)),
            http=cast(Any, protocol),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # what it warns of is what clients do, as often as they like; it is counted
            access_log=False,
            server_header=False,
            proxy_headers=False,  # a sender could name any address, and has a rate of its own for each
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
