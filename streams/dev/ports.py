"""Free loopback ports, for servers that cannot choose one themselves.

Callers: `embedded_redis`, the demo, `millrace up`, tests.
"""

import itertools
import random
import socket
from dataclasses import dataclass

# Below the range from which systems take the local ports of outgoing connections (32768 up on Linux): one of
# those could take the port before the server does.
LOWEST, HIGHEST = 10_240, 32_767
# In turn from a random beginning: no port is given twice before its server has started, and the ports of two
# processes hardly ever meet.
_turns = itertools.count(random.randrange(HIGHEST - LOWEST))


@dataclass(frozen=True)
class WantedPorts:
    """Where servers listen if nobody else does; 0: on any free port."""

    redis: int = 0
    worker: int = 0
    lookup: int = 0


ANY_PORTS = WantedPorts()


def free_port(wanted: int = 0) -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago; the wanted one if it is free."""
    if wanted and _is_free(wanted):
        return wanted
    while True:
        port = LOWEST + next(_turns) % (HIGHEST - LOWEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as probe:
        # As servers do: they take a port whose last connections are still closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
