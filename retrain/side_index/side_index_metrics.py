"""Every metric of the builder of side indexes, by name. One registry a process."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge


class SideIndexMetrics:
    """The builder's counters and gauges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.version = Gauge(
            "millrace_built_side_index_version", "The version that was announced last", registry=registry
        )
        self.items = Gauge("millrace_built_side_index_items", "New items in it", registry=registry)
        self.sessions = Gauge(
            "millrace_side_index_sessions", "Sessions that the builder remembers", registry=registry
        )
        self.events = Counter(
            "millrace_side_index_events", "Events that the builder has learned from", registry=registry
        )
        self.failures = Counter(
            "millrace_side_index_failures", "Publications that did not succeed", registry=registry
        )
        self._announced_at = time.time()
        self._age = Gauge(
            "millrace_built_side_index_age_seconds",
            "Since the last announcement, or the start",
            registry=registry,
        )
        self._age.set_function(lambda: time.time() - self._announced_at)

    def announced(self, version: int, items: int) -> None:
        """A version was announced now."""
        self.version.set(version)
        self.items.set(items)
        self._announced_at = time.time()
