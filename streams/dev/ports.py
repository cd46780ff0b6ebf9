"""Free loopback ports, for servers that cannot choose one themselves.

Callers: `embedded_redis`, the demo, tests.
"""

import random
import socket

# Below the range from which systems take the local ports of outgoing connections (32768 up on Linux): one of
# those could take the port before the server does.
LOWEST, HIGHEST = 10_240, 32_767


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    while True:
        port = random.randint(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
