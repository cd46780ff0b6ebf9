"""`millrace bench soak`: whether a worker under a steady load stays as it is, minute after minute.

Owns what is looked at each minute, and the verdict. Caller: `streams.dev.online_bench_commands`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from schemas.bench_report import BenchReport, Figure, Nested, new_report
from streams.dev.bench_broker import choose_broker
from streams.dev.bench_drain import drain_backlog
from streams.dev.bench_log import bench_log
from streams.dev.bench_paced import LoadedWorker, loaded_worker
from streams.dev.bench_stand import BenchStand, bench_stand
from streams.dev.process_usage import open_files, rss_mb
from streams.dev.worker_sampling import worker_sample

_SHARE_OF_CAPACITY = 0.6


@dataclass(frozen=True, kw_only=True)
class SoakBench:
    """What is asked for."""

    minutes: int
    rate: float | None
    """Events a second; None: a share of what one worker drains a second."""
    items: int
    broker: str | None
    units: int = 100
    count: int = 50_000
    """Events in the backlog, which the load goes round: the sessions in Redis are always the same."""
    minute_s: float = 60.0
    """Tests have shorter minutes."""


class Minute(NamedTuple):
    """A worker at the end of one minute, and the latencies in it."""

    minute: int
    events: int
    unread: int
    p50_ms: float
    p99_ms: float
    rss_mb: float
    open_files: int
    tasks: int


def bench_soak(wanted: SoakBench, tell: Callable[[str], None]) -> BenchReport:
    """Load one worker for some minutes.

    Args:
        wanted: how.
        tell: called with a line on what is being done, and with one for each minute.

    Raises:
        UsageError: a process failed.
        Unavailable: the worker stands still.
    """
    log = bench_log(None, wanted.count, wanted.items)
    tell("training a release")
    with bench_stand(choose_broker(wanted.broker), log, {}) as stand:
        stand.announce(stand.train(log.training, {"hidden_size": wanted.units}))
        rate = wanted.rate or _share_of_capacity(stand, tell)
        tell(f"{rate:,.0f} events/s for {wanted.minutes} minutes")
        with loaded_worker(stand) as loaded:
            minutes = [_minute(loaded, at, rate, wanted.minute_s, tell) for at in range(wanted.minutes)]
        about: dict[str, Figure] = {
            "pinning": stand.cores.described("worker"),
            "broker": stand.broker.described,
            "rate": round(rate, 1),
        }
    table: list[Nested] = [one._asdict() for one in minutes]
    return new_report("soak", [], [verdict(minutes)], {**about, **slopes(minutes), "minutes": table})


def slopes(minutes: Sequence[Minute]) -> dict[str, Figure]:
    """How much each figure changes a minute, by least squares; the first minute, the start, is left out."""
    settled = minutes[1:] if len(minutes) > 2 else minutes
    return {
        f"{name}_a_minute": round(_slope([getattr(one, name) for one in settled]), 3)
        for name in ("rss_mb", "p50_ms", "p99_ms", "open_files", "tasks")
    }


def verdict(minutes: Sequence[Minute]) -> str:
    """The slopes in one sentence."""
    settled = minutes[1:] if len(minutes) > 2 else minutes
    said = [
        f"{what} {_slope([getattr(one, name) for one in settled]):+.2f} {unit} a minute"
        for what, name, unit in (
            ("resident memory", "rss_mb", "MB"),
            ("p50", "p50_ms", "ms"),
            ("p99", "p99_ms", "ms"),
        )
    ]
    for what, name in (("open files", "open_files"), ("tasks", "tasks")):
        values = [getattr(one, name) for one in settled]
        spread = f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"
        said.append(f"{what} {spread}")
    unread = sum(one.unread for one in minutes)
    return f"after the first minute: {', '.join(said)}; lists that did not come: {unread}"


def _minute(
    loaded: LoadedWorker, at: int, rate: float, seconds: float, tell: Callable[[str], None]
) -> Minute:
    latencies = loaded.load(rate, seconds)
    sample = worker_sample(loaded.worker_url, loaded.worker)
    minute = Minute(
        minute=at + 1,
        events=latencies.events,
        unread=latencies.unread,
        p50_ms=latencies.topic_ms["p50"],
        p99_ms=latencies.topic_ms["p99"],
        rss_mb=round(rss_mb(loaded.worker.pid) or 0.0, 1),
        open_files=open_files(loaded.worker.pid) or 0,
        tasks=int(sample.tasks) if sample else 0,
    )
    tell("  ".join(f"{name} {value:g}" for name, value in minute._asdict().items()))
    return minute


def _share_of_capacity(stand: BenchStand, tell: Callable[[str], None]) -> float:
    drained = drain_backlog(stand)
    tell(f"one worker drains {drained.events_per_s:,.0f} events/s")
    return _SHARE_OF_CAPACITY * drained.events_per_s


def _slope(values: Sequence[float]) -> float:
    """Of a line through the values, one a minute."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0]) if len(values) > 1 else 0.0
