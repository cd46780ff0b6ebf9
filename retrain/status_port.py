"""The small HTTP port of a process that stays: `/metrics` and `/healthz`, in a thread.

Callers: `retrain.schedule.retrain_service`, `retrain.archive.archiving`,
`retrain.side_index.side_index_serving`.
"""

from contextlib import AbstractContextManager
from functools import partial

from prometheus_client import CollectorRegistry, start_http_server

from schemas.status_pages import alive, serving


def status_port(
    setting: str, host: str, port: int, registry: CollectorRegistry
) -> AbstractContextManager[str]:
    """Serve metrics and health within the context, at this URL.

    Args:
        setting: the variable that says the port, for the message.
        host: the address.
        port: 0 for any.
        registry: the metrics.

    Raises:
        UsageError: the port is in use.
    """
    return serving(partial(start_http_server, port, host, registry), setting, host, port, {"/healthz": alive})
