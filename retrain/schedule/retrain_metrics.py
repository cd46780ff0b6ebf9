"""Every metric of the retrain process, by name. One registry a process, made in the composition root.

Cycles that were begun by hand count too where they are seen: what serves is read from the board in Redis.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from math import nan
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.cycle_status import CycleSummary, RunningRelease
from schemas.retrain_cycle import Outcome

_STEP_BUCKETS = (0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0)


class RetrainMetrics:
    """The counters, gauges and histograms of retraining."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.cycles = Counter(
            "millrace_retrain_cycles",
            "Cycles of this process that are over; error: one that failed and may be gone on with",
            ["outcome"],
            registry=registry,
        )
        for outcome in (*get_args(Outcome), "error"):  # from 0 on, so that the first one is an increase
            self.cycles.labels(outcome)
        self.gate = Counter(
            "millrace_retrain_gate", "Candidates by what the gate said", ["verdict"], registry=registry
        )
        for verdict in ("passed", "refused"):
            self.gate.labels(verdict)
        self.step_seconds = Histogram(
            "millrace_retrain_step_seconds",
            "Time of one step of a cycle",
            ["step"],
            buckets=_STEP_BUCKETS,
            registry=registry,
        )
        self.last_success = Gauge(
            "millrace_retrain_last_success_timestamp_seconds",
            "When a cycle last ended with its release running",
            registry=registry,
        )
        self.running_release = Gauge(
            "millrace_retrain_running_release",
            "The generation of the release that is announced",
            ["release_id"],
            registry=registry,
        )
        self.data_age = Gauge(
            "millrace_retrain_data_age_seconds",
            "Since the newest event that the running release was made from; NaN: nobody knows",
            registry=registry,
        )
        self.new_events = Gauge(
            "millrace_retrain_new_events",
            "Events that have come since those of the running release",
            registry=registry,
        )
        self.cycle_runs = Gauge(
            "millrace_retrain_cycle_runs", "1 while a cycle of this process runs", registry=registry
        )
        self.requests = Counter(
            "millrace_retrain_requests",
            "Messages of the topic of requests: taken, repeated, invalid",
            ["kind"],
            registry=registry,
        )
        self.left_out = Counter(
            "millrace_retrain_left_out", "Scheduled times without enough new events", registry=registry
        )
        self.troubles = Counter(
            "millrace_retrain_troubles",
            "Looks at Kafka, Redis or the releases that got no answer",
            registry=registry,
        )

    def over(self, summary: CycleSummary) -> None:
        """A cycle has come to an outcome."""
        for step, seconds in summary.seconds.items():
            self.step_seconds.labels(step).observe(seconds)
        if "judge" in summary.seconds:
            self.gate.labels("refused" if summary.refusals else "passed").inc()
        self.cycles.labels(summary.outcome).inc()  # the last: who sees the cycle counted sees the rest

    def serves(
        self, running: RunningRelease | None, history: list[CycleSummary], now: Callable[[], datetime]
    ) -> None:
        """What is known of the running release."""
        ends = [one.ended_at.timestamp() for one in history if one.outcome == "running"]
        if ends:
            self.last_success.set(max(ends))
        self.running_release.clear()
        if running is None:
            return
        self.running_release.labels(running.release_id).set(running.generation)
        newest = running.newest_event_at
        self.data_age.set_function(partial(_age_s, newest, now) if newest else lambda: nan)


def _age_s(newest: datetime, now: Callable[[], datetime]) -> float:
    return (now() - newest).total_seconds()
