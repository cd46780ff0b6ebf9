"""Health: whether the worker is ready, and if not, why. Read by `/readyz`, the metric and the logs."""

import structlog
from prometheus_client import Gauge

log = structlog.get_logger("millrace.health")


class Health:
    """The troubles of a process by name; ready while all of them are such that it works on."""

    def __init__(self, ready: Gauge) -> None:
        self._ready = ready
        self._troubles: dict[str, str] = {}
        self._harmless: set[str] = set()
        ready.set(1)

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong, by the name of the part."""
        return dict(self._troubles)

    @property
    def is_ready(self) -> bool:
        """Whether the process can do its work now."""
        return self._troubles.keys() <= self._harmless

    def fail(self, part: str, reason: str) -> None:
        """A part does not work; logged when it starts, not again until it has recovered."""
        self._note("not ready", part, reason)
        self._harmless.discard(part)
        self._show()

    def warn(self, part: str, reason: str) -> None:
        """A part does not work, and the process goes on without it; logged as `fail` is."""
        self._note("in trouble, and ready all the same", part, reason)
        self._harmless.add(part)
        self._show()

    def recover(self, part: str) -> None:
        """A part works, as far as is known."""
        if self._troubles.pop(part, None) is not None:
            log.info("recovered", part=part)
        self._show()

    def _note(self, what: str, part: str, reason: str) -> None:
        if part not in self._troubles:
            log.warning(what, part=part, reason=reason)
        self._troubles[part] = reason

    def _show(self) -> None:
        self._ready.set(1 if self.is_ready else 0)
