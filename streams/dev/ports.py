"""Free loopback ports, for servers that cannot choose one themselves.

Callers: `embedded_redis`, the demo, tests.
"""

import socket


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
