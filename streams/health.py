"""Health: whether the worker is ready, and if not, why. Read by `/readyz`, the metric and the logs."""

import structlog
from prometheus_client import Gauge

log = structlog.get_logger("millrace.health")


class Health:
    """The troubles of a process by part; ready while all of them are such that it works on.

    Each who uses a part takes back the own trouble alone: a Redis that answers reads may refuse writes.
    """

    def __init__(self, ready: Gauge) -> None:
        self._ready = ready
        self._said: dict[str, dict[object, str]] = {}
        self._harmless: set[str] = set()
        self._show()

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong, by the name of the part; what was said first where several said something.

        May be read in another thread.
        """
        return self._troubles

    @property
    def is_ready(self) -> bool:
        """Whether the process can do its work now."""
        return self._troubles.keys() <= self._harmless

    def fail(self, part: str, reason: str, user: object = None) -> None:
        """A part does not work for a user; logged when it starts, not again until it has recovered."""
        self._harmless.discard(part)
        self._note("not ready", part, reason, user)

    def warn(self, part: str, reason: str) -> None:
        """A part does not work, and the process goes on without it; logged as `fail` is."""
        self._harmless.add(part)
        self._note("in trouble, and ready all the same", part, reason, None)

    def recover(self, part: str, user: object = None) -> None:
        """A part works for a user, as far as is known."""
        if self.withdraw(part, user):
            log.info("recovered", part=part)

    def withdraw(self, part: str, user: object) -> bool:
        """A user needs the part no more; whether it works is not known.

        Returns:
            Whether this ended the last trouble of the part.
        """
        said = self._said.get(part, {})
        if said.pop(user, None) is None:
            return False
        if not said:
            del self._said[part]
        self._show()
        return not said

    def _note(self, what: str, part: str, reason: str, user: object) -> None:
        if part not in self._said:
            log.warning(what, part=part, reason=reason)
        self._said.setdefault(part, {})[user] = reason
        self._show()

    def _show(self) -> None:
        self._troubles = {part: next(iter(reasons.values())) for part, reasons in self._said.items()}
        self._ready.set(1 if self.is_ready else 0)
