"""A Redis Cluster of three masters on loopback, with a replica of each where a test wants failovers.

Always processes, since tests kill and start nodes. Owns forming the Cluster; what is in it is the tests'.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from streams.dev.child_processes import ChildProcesses
from streams.dev.embedded_redis import find_redis_server, start_redis
from streams.dev.ports import free_port

MASTERS = 3
SLOTS = 16_384
DEADLINE_S = 60.0
NODE_TIMEOUT_MS = 1000
"""How soon a node counts as failed; a replica takes its place one to two seconds later."""
BUS = 10_000
"""How far above its port a node listens for the others; Redis 6 cannot be told another one."""
_POLL_S = 0.05


class ClusterNode:
    """One node; it comes back on the same ports, with its place in the Cluster and what it had saved."""

    def __init__(self, children: ChildProcesses, folder: Path, more: dict[str, str]) -> None:
        folder.mkdir()
        self.port = _free_port_pair()
        self._children, self._folder = children, folder
        self._options = {
            "--cluster-enabled": "yes",
            "--cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "--cluster-config-file": "nodes.conf",
            "--repl-diskless-sync-delay": "0",
            **more,
        }
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        server = find_redis_server()
        self._child = start_redis(self._children, server, self.port, self._folder, more=self._options)

    def kill(self) -> None:
        """Kill -9 it."""
        self._child.kill()

    def ask(self, *command: str | int) -> Any:
        """Send one command to this node alone; its answer as text."""
        with redis.Redis(port=self.port, decode_responses=True, socket_timeout=DEADLINE_S) as client:
            client.response_callbacks.clear()  # as Redis says it
            return client.execute_command(*command)

    def info(self, section: str, field: str) -> str:
        """One field of INFO."""
        lines = str(self.ask("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)[field]


class RedisCluster:
    """A formed Cluster.

    Attributes:
        masters: the first masters; slots in three equal ranges, in this order.
        replicas: their replicas in the same order; none where none were wanted.
        url: as MILLRACE_REDIS_URL has it.
    """

    def __init__(
        self, children: ChildProcesses, folder: Path, replicated: bool, more: dict[str, str]
    ) -> None:
        count = 2 * MASTERS if replicated else MASTERS
        nodes = [ClusterNode(children, folder / f"node-{number}", more) for number in range(count)]
        self.masters, self.replicas = nodes[:MASTERS], nodes[MASTERS:]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        self._form()

    def wait_until_whole(self) -> None:
        """Wait until every node that runs sees all slots served."""
        _until(lambda: all(self._sees_all(node) for node in self._running()), "whole")

    def keys_by_node(self) -> dict[int, list[str]]:
        """The keys on each node that is a master now, by the node's port."""
        masters = [node for node in self._running() if node.info("replication", "role") == "master"]
        return {node.port: node.ask("KEYS", "*") for node in masters}

    def give_slot(self, key: str, heir: ClusterNode) -> None:
        """Let another master serve the slot of a key, which must be empty."""
        for node in self.masters:
            slot = int(node.ask("CLUSTER", "KEYSLOT", key))
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", str(heir.ask("CLUSTER", "MYID")))

    def empty(self) -> None:
        """Delete everything: a Cluster has no databases that tests could have of their own."""
        for node in self.masters:
            node.ask("FLUSHALL")

    def _running(self) -> list[ClusterNode]:
        return [node for node in (*self.masters, *self.replicas) if node._child.is_running()]

    def _form(self) -> None:
        first, *others = self.masters + self.replicas
        for number, node in enumerate(self.masters):
            start, end = SLOTS * number // MASTERS, SLOTS * (number + 1) // MASTERS
            node.ask("CLUSTER", "ADDSLOTS", *range(start, end))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in others:
            first.ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        self.wait_until_whole()
        for master, replica in zip(self.masters, self.replicas, strict=False):
            replica.ask("CLUSTER", "REPLICATE", str(master.ask("CLUSTER", "MYID")))
        _until(
            lambda: all(node.info("replication", "master_link_status") == "up" for node in self.replicas),
            "replicated",
        )
        self.wait_until_whole()

    def _sees_all(self, node: ClusterNode) -> bool:
        info = dict(line.split(":") for line in str(node.ask("CLUSTER", "INFO")).splitlines())
        known = int(info["cluster_known_nodes"]) == len(self.masters + self.replicas)
        return known and info["cluster_state"] == "ok"


@contextmanager
def running_redis_cluster(
    folder: Path, *, replicated: bool = False, more: dict[str, str] | None = None
) -> Iterator[RedisCluster]:
    """A Cluster for the length of the `with` block.

    Args:
        folder: for its files.
        replicated: whether each master has a replica.
        more: options of every redis-server.
    """
    with ChildProcesses(folder) as children:
        yield RedisCluster(children, folder, replicated, more or {})


def _is_replicating(node: ClusterNode) -> bool:
    return "master_link_status:up" in str(node.ask("INFO", "replication"))


def _free_port_pair() -> int:
    """A free port whose bus port is free too."""
    while True:
        port = free_port()
        if free_port(port + BUS) == port + BUS:
            return port


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"the Redis Cluster was not {what} after {DEADLINE_S:g} s"
        time.sleep(_POLL_S)
