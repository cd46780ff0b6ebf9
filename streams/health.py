"""Health: whether the worker is ready, and if not, why. Read by `/readyz`, the metric and the logs."""

import structlog
from prometheus_client import Gauge

log = structlog.get_logger("millrace.health")


class Health:
    """The troubles of a process by name; ready while there are none."""

    def __init__(self, ready: Gauge) -> None:
        self._ready = ready
        self._troubles: dict[str, str] = {}
        ready.set(1)

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong, by the name of the part."""
        return dict(self._troubles)

    def fail(self, part: str, reason: str) -> None:
        """A part does not work; logged when it starts, not again until it has recovered."""
        if part not in self._troubles:
            log.warning("not ready", part=part, reason=reason)
        self._troubles[part] = reason
        self._ready.set(0)

    def recover(self, part: str) -> None:
        """A part works, as far as is known."""
        if self._troubles.pop(part, None) is not None:
            log.info("recovered", part=part)
        self._ready.set(0 if self._troubles else 1)
