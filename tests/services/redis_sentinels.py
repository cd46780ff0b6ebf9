"""A Redis master, its replica, and a Sentinel with a password that watches them: processes on loopback.

Owns starting them and killing the master; the failover is the Sentinel's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from streams.dev.child_processes import ChildProcesses
from streams.dev.embedded_redis import find_redis_server, start_redis
from streams.dev.ports import free_port

SERVICE = "shop"
PASSWORD = "of-the-sentinel"
DEADLINE_S = 60.0
DOWN_AFTER_MS = 500


class WatchedRedis:
    """A master with a replica, and the Sentinel over both.

    Attributes:
        url: as MILLRACE_REDIS_URL has it; the Sentinel wants `PASSWORD`.
    """

    def __init__(self, children: ChildProcesses, folder: Path) -> None:
        self._ports = [free_port(), free_port()]
        server = find_redis_server()
        self._redis = []
        for number, port in enumerate(self._ports):
            (folder / f"redis-{number}").mkdir()
            more = {"--replicaof": f"127.0.0.1 {self._ports[0]}"} if number else {}
            more |= {"--repl-diskless-sync-delay": "0"}
            self._redis.append(start_redis(children, server, port, folder / f"redis-{number}", more=more))
        self._redis[0].wait_until(self._streams_to_the_replica, DEADLINE_S)
        port = free_port()
        self._sentinel = redis.Redis(port=port, password=PASSWORD, decode_responses=True)
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\nrequirepass {PASSWORD}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self._ports[0]} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 10000\n"
        )
        self._child = children.start("redis-sentinel", [server, config, "--sentinel"])
        self._child.wait_until(self._knows_the_replica, DEADLINE_S)
        self.url = f"redis+sentinel://127.0.0.1:{port}/{SERVICE}"

    def kill_master(self) -> None:
        """Kill -9 the first master, and wait until the Sentinel has made the replica the master."""
        self._redis[0].kill()
        self._child.wait_until(lambda: self._replica_says("role", "master"), DEADLINE_S)

    def close(self) -> None:
        """Disconnect from the Sentinel."""
        self._sentinel.close()

    def _replica_says(self, field: str, value: str) -> bool:
        with redis.Redis(port=self._ports[1]) as client:
            return bool(client.info("replication").get(field) == value)

    def _streams_to_the_replica(self) -> bool:
        with redis.Redis(port=self._ports[0]) as client:
            replica = client.info("replication").get("slave0", {})
            return bool(replica.get("state") == "online")

    def _knows_the_replica(self) -> bool:
        try:
            return bool(self._sentinel.sentinel_slaves(SERVICE))
        except redis.ConnectionError:
            return False


@contextmanager
def running_watched_redis(folder: Path) -> Iterator[WatchedRedis]:
    """The three processes, for the length of the `with` block."""
    with ChildProcesses(folder) as children:
        watched = WatchedRedis(children, folder)
        try:
            yield watched
        finally:
            watched.close()
