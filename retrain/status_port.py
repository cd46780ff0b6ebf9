"""The small HTTP port of a process that stays: `/metrics` and `/healthz`, in a thread.

Callers: `retrain.schedule.retrain_service`, `retrain.archive.archiving`,
`retrain.side_index.side_index_serving`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from schemas.errors import UsageError
from schemas.status_pages import add_pages, alive, port_refused


@contextmanager
def status_port(setting: str, host: str, port: int, registry: CollectorRegistry) -> Iterator[str]:
    """Serve metrics and health within the context, at this URL.

    Args:
        setting: the variable that says the port, for the message.
        host: the address.
        port: 0 for any.
        registry: the metrics.

    Raises:
        UsageError: the port is in use.
    """
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UsageError(port_refused(setting, host, port, error)) from error
    add_pages(server, {"/healthz": alive})
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
