"""The lookup's framework and server with nothing to do: a route that says hello, for `bench lookup`.

Started as a process of its own: `python -m streams.dev.bare_hello PORT`.
"""

import asyncio
import sys
from typing import Any, cast

import uvicorn
import uvloop
from litestar import Litestar, get


@get("/hello")
async def hello() -> str:
    """What every framework's documentation begins with."""
    return "hello"


async def serve_hello(port: int) -> None:
    """Serve on loopback until a signal comes."""
    app = cast(Any, Litestar([hello], openapi_config=None, logging_config=None))
    config = uvicorn.Config(
        app, port=port, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_hello(int(sys.argv[1])))
