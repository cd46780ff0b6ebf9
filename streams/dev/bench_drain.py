"""Draining the backlog by workers: the rate, the CPU time an event, and where a batch's time goes.

Caller: `bench_stream`.
"""

import time
from typing import NamedTuple

from schemas.bench_report import Figure, Nested
from streams.dev.bench_stand import BenchStand
from streams.dev.process_usage import cpu_s, peak_rss_mb
from streams.dev.worker_sampling import WorkerSample, drain_together

_WARM_UP_SHARE = 0.1


class Drained(NamedTuple):
    """What one drain showed."""

    events_per_s: float
    cpu_us_per_event: float
    """Of the workers; 0 where the system does not tell."""
    batch_events: float
    """In the mean."""
    stages_us: dict[str, float]
    """Stage -> microseconds an event in it, waiting included."""
    peak_rss_mb: float
    broker_cpu_share: float
    """Of one core; 0 where it is not known."""
    redis_cpu_share: float

    def rounded_stages(self) -> dict[str, str | int | float]:
        """For the report."""
        return {stage: round(us, 1) for stage, us in sorted(self.stages_us.items())}


def drain_backlog(stand: BenchStand, workers: int = 1) -> Drained:
    """Let fresh workers drain the whole backlog.

    Raises:
        UsageError: a worker ended.
        Unavailable: they stand still.
    """
    children = stand.start_workers(stand.fresh_run(), workers)
    count = stand.log.backlog.height
    services = _Shares([stand.broker.pid, stand.redis_pid])
    first, last = drain_together(children, count, int(_WARM_UP_SHARE * count))
    broker_share, redis_share = services.of_one_core()
    peak = sum(peak_rss_mb(child.pid) or 0.0 for child in children.values())
    for child in children.values():
        child.kill()
    return _drained(first, last, peak, broker_share, redis_share)


def drain_figures(drained: Drained) -> dict[str, Figure]:
    """The figures of one worker for the report."""
    return {
        "events_per_s": round(drained.events_per_s, 1),
        "cpu_us_per_event": round(drained.cpu_us_per_event, 1),
        "batch_events": round(drained.batch_events, 1),
        "stages_us": drained.rounded_stages(),
        "peak_rss_mb": round(drained.peak_rss_mb, 1),
        "broker_cpu_share": round(drained.broker_cpu_share, 3),
        "redis_cpu_share": round(drained.redis_cpu_share, 3),
    }


def two_workers(one: Drained, two: Drained) -> Nested:
    """What a second worker brings, which shares its core with broker and Redis where there are but two."""
    return {
        "rate_ratio": round(two.events_per_s / one.events_per_s, 3),
        "cpu_us_per_event": round(two.cpu_us_per_event, 1),
        "cpu_ratio": round(two.cpu_us_per_event / max(one.cpu_us_per_event, 0.1), 3),
        "broker_cpu_share": round(two.broker_cpu_share, 3),
        "redis_cpu_share": round(two.redis_cpu_share, 3),
    }


class _Shares:
    """How much of a core processes use, from now on."""

    def __init__(self, pids: list[int | None]) -> None:
        self._pids = pids
        self._started_s = time.monotonic()
        self._before = self._used()

    def of_one_core(self) -> list[float]:
        took_s = time.monotonic() - self._started_s
        return [(now - before) / took_s for now, before in zip(self._used(), self._before, strict=True)]

    def _used(self) -> list[float]:
        return [cpu_s(pid) or 0.0 if pid is not None else 0.0 for pid in self._pids]


def _drained(
    first: WorkerSample, last: WorkerSample, peak: float, broker_share: float, redis_share: float
) -> Drained:
    events = max(1.0, last.events - first.events)
    used_s = (last.cpu_s or 0.0) - (first.cpu_s or 0.0)
    return Drained(
        events_per_s=events / max(1e-9, last.at_s - first.at_s),
        cpu_us_per_event=1e6 * used_s / events,
        batch_events=(last.batch_events - first.batch_events) / max(1.0, last.batches - first.batches),
        stages_us={
            stage: 1e6 * (seconds - first.stage_s.get(stage, 0.0)) / events
            for stage, seconds in last.stage_s.items()
        },
        peak_rss_mb=peak,
        broker_cpu_share=broker_share,
        redis_cpu_share=redis_share,
    )
