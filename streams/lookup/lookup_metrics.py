"""Every metric of the lookup, by name. One registry a process, made in the composition root."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


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
        self.ready = Gauge(
            "millrace_lookup_ready", "1 while releases and their topic can be read", registry=registry
        )
