"""`millrace bench stream`: how fast a worker drains a backlog, where time goes, and what would be possible.

All in one run on this machine: worker, floors. Caller: `streams.dev.online_bench_commands`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from schemas.bench_report import BenchReport, Figure, new_report
from schemas.errors import UsageError
from streams.dev.bench_broker import EMBEDDED, choose_broker
from streams.dev.bench_drain import drain_backlog, figures
from streams.dev.bench_floors import compute_floor, io_floor
from streams.dev.bench_log import BenchLog, bench_log
from streams.dev.bench_stand import BenchStand, bench_stand

DRAIN, FLOORS = "drain", "floors"
PARTS = (DRAIN, FLOORS)
"""What can be measured; the drain always is."""


@dataclass(frozen=True, kw_only=True)
class StreamBench:
    """What is asked for."""

    events: Path | None
    """An event file; None: the simulated shop."""
    count: int
    """Events of the backlog."""
    items: int
    """Of the simulated shop."""
    units: int
    """Of the release's GRU4Rec."""
    index: str
    broker: str | None
    parts: Collection[str]
    """Which of `PARTS`."""


def bench_stream(wanted: StreamBench, tell: Callable[[str], None]) -> BenchReport:
    """Measure one worker, and beside it in the same run what it is to be compared with.

    Args:
        wanted: what to measure.
        tell: called with a line on what is being done.

    Raises:
        UsageError: the file cannot be used, or a process failed.
        Unavailable: a worker stands still.
    """
    if unknown := [part for part in wanted.parts if part not in PARTS]:
        raise UsageError(f"--only {unknown[0]}: choose among {', '.join(PARTS)}, comma-separated")
    choice = choose_broker(wanted.broker)
    if wanted.broker is None and choice == EMBEDDED:
        tell("no Java 17 with Maven here: the embedded broker stands in for a real Kafka")
    log = bench_log(wanted.events, wanted.count, wanted.items)
    tell(f"a backlog of {log.backlog.height:,} events of {log.described}; training a release")
    with bench_stand(choice, log, {}) as stand:
        measured = _measure(stand, wanted, tell)
        about = _about(stand, log)
    return new_report("stream", [], _notes(), {**about, **measured})


def _measure(stand: BenchStand, wanted: StreamBench, tell: Callable[[str], None]) -> dict[str, Figure]:
    manifest = stand.train(stand.log.training, {"hidden_size": wanted.units, "index": wanted.index})
    stand.announce(manifest)
    tell(f"draining by one worker: {manifest.items:,} items, {wanted.units} units, {wanted.index} index")
    drained = drain_backlog(stand)
    measured = {"items": manifest.items, **figures(drained)}
    if FLOORS in wanted.parts:
        tell("the model alone")
        model_us = compute_floor(stand, manifest, max(1, round(drained.batch_events)))
        tell("the same path without a model")
        without = io_floor(stand)
        measured |= _floor_figures(drained.cpu_us_per_event, without.cpu_us_per_event, model_us)
        measured["io_floor_stages_us"] = figures(without)["stages_us"]
    return measured


def _floor_figures(worker_us: float, io_us: float, model_us: float) -> dict[str, Figure]:
    return {
        "io_floor_events_per_s": round(1e6 / io_us, 1),
        "io_floor_cpu_us_per_event": round(io_us, 1),
        "compute_floor_events_per_s": round(1e6 / model_us, 1),
        "compute_floor_cpu_us_per_event": round(model_us, 1),
        "share_of_both_floors": round((io_us + model_us) / worker_us, 3),
    }


def _about(stand: BenchStand, log: BenchLog) -> dict[str, Figure]:
    in_a_thousand = log.backlog.head(1000)["session_id"].n_unique()
    return {
        "pinning": stand.cores.described("worker"),
        "broker": stand.broker.described,
        "log": log.described,
        "events": log.backlog.height,
        "sessions_in_1000_events": in_a_thousand,
    }


def _notes() -> list[str]:
    return [
        "the first tenth of the backlog is not measured; CPU time is that of the worker's process",
        "microseconds of a stage contain what it waited for; floors are compared in CPU time of one core",
    ]
