"""Every metric of the lookup, by name. One registry a process, made in the composition root."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
REFUSED = "refused"
"""The route of requests that were not admitted."""


class LookupMetrics:
    """The lookup's counters, gauges and histograms."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "millrace_lookup_requests", "Requests by route and status", ["route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "millrace_lookup_request_seconds",
            "Time from request to response",
            ["route"],
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.fallbacks = Counter(
            "millrace_lookup_fallbacks",
            "Sessions without a list, answered with popular items",
            registry=registry,
        )
        self.active_release = Gauge(
            "millrace_lookup_active_release", "1 for the release served", ["release_id"], registry=registry
        )
        self.releases_refused = Counter(
            "millrace_lookup_releases_refused",
            "Announced releases that could not be served",
            registry=registry,
        )
        self.side_index_version = Gauge(
            "millrace_lookup_side_index_version",
            "The version of the side index whose new items are served; 0: none",
            registry=registry,
        )
        self.side_index_items = Gauge(
            "millrace_lookup_side_index_items", "New items in it", registry=registry
        )
        self.side_index_age = Gauge(
            "millrace_lookup_side_index_age_seconds",
            "Since it was announced; it grows while its builder has nothing new, or is dead",
            registry=registry,
        )
        self.side_indexes_refused = Counter(
            "millrace_lookup_side_indexes_refused",
            "Announced side indexes that cannot be served",
            registry=registry,
        )
        self.ready = Gauge(
            "millrace_lookup_ready",
            "1 while the topic of releases and one of its releases can be read",
            registry=registry,
        )


class RequestMeter:
    """Counts and times requests; keeps the labelled metrics, since finding them costs more than counting."""

    def __init__(self, metrics: LookupMetrics) -> None:
        self._metrics = metrics
        self._labelled: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe(self, route: str, status: int, seconds: float) -> None:
        """One request of a route, answered with a status after so many seconds."""
        found = self._labelled.get((route, status))
        if found is None:
            found = self._metrics.requests.labels(route, status), self._metrics.request_seconds.labels(route)
            self._labelled[route, status] = found
        requests, request_seconds = found
        requests.inc()
        request_seconds.observe(seconds)
