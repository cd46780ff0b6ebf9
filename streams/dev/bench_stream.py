"""`millrace bench stream`: how fast a worker drains a backlog, where time goes, and what would be possible.

Owns what is measured in which order, in one run on this machine. Caller: `streams.dev.online_bench_commands`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.bench_report import BenchReport, Figure, new_report
from schemas.errors import UsageError
from schemas.release_manifest import ReleaseManifest
from streams.dev.bench_broker import EMBEDDED, choose_broker
from streams.dev.bench_drain import Drained, drain_backlog, drain_figures, two_workers
from streams.dev.bench_floors import compute_floor, io_floor
from streams.dev.bench_log import BenchLog, bench_log
from streams.dev.bench_paced import paced
from streams.dev.bench_plain import plain_faust
from streams.dev.bench_stand import BenchStand, bench_stand

DRAIN, FLOORS, PLAIN, TWO, PACED = PARTS = ("drain", "floors", "plain", "two", "paced")
"""What can be measured; the drain always is."""
_NOTES = [
    "the first tenth of the backlog is not measured; CPU time is that of the worker's process",
    "microseconds of a stage contain what it waited for; floors are compared in CPU time of one core",
]


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
    seconds: float
    """Of each paced load, and of the plain agent."""
    rates: Sequence[float]
    """Of the paced loads, events a second."""
    redis_buckets: int = 1
    """Of the workers, as `MILLRACE_REDIS_BUCKETS`."""


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
    with bench_stand(choice, log, {"MILLRACE_REDIS_BUCKETS": str(wanted.redis_buckets)}) as stand:
        manifest = stand.train(log.training, {"hidden_size": wanted.units, "index": wanted.index})
        measured = _Measuring(stand, wanted, manifest, tell).run()
        about = _about(stand, log, manifest) | {"redis_buckets": wanted.redis_buckets}
    return new_report("stream", [], _NOTES, {**about, **measured})


class _Measuring:
    """The measurements on one stand; what is measured first is compared with later."""

    def __init__(
        self, stand: BenchStand, wanted: StreamBench, manifest: ReleaseManifest, tell: Callable[[str], None]
    ) -> None:
        self._stand = stand
        self._wanted = wanted
        self._manifest = manifest
        self._tell = tell
        self._figures: dict[str, Figure] = {}

    def run(self) -> dict[str, Figure]:
        """All that is asked for."""
        self._stand.announce(self._manifest)
        self._tell(f"draining by one worker: {self._manifest.items:,} items")
        worker = drain_backlog(self._stand)
        self._figures |= drain_figures(worker)
        without = self._floors(worker) if FLOORS in self._wanted.parts else None
        if PLAIN in self._wanted.parts:
            self._plain(worker, without)
        if TWO in self._wanted.parts:
            self._tell("draining by two workers")
            self._figures["two_workers"] = two_workers(worker, drain_backlog(self._stand, workers=2))
        if PACED in self._wanted.parts:
            self._tell(f"paced loads, {self._wanted.seconds:g} s each")
            self._figures["paced"] = paced(self._stand, self._wanted.rates, self._wanted.seconds)
        return self._figures

    def _floors(self, worker: Drained) -> Drained:
        self._tell("the model alone")
        model_us = compute_floor(self._stand, self._manifest, max(1, round(worker.batch_events)))
        self._tell("the same path without a model")
        without = io_floor(self._stand)
        self._stand.announce(self._manifest)
        io_us = without.cpu_us_per_event
        self._figures |= {
            "io_floor_events_per_s": _rate(io_us),
            "compute_floor_events_per_s": _rate(model_us),
            "share_of_both_floors": round((io_us + model_us) / max(worker.cpu_us_per_event, 0.1), 3),
            "io_floor": {
                "cpu_us_per_event": round(io_us, 1),
                "drained_per_s": round(without.events_per_s, 1),
            },
            "io_floor_stages_us": without.rounded_stages(),
        }
        return without

    def _plain(self, worker: Drained, without: Drained | None) -> None:
        self._tell("a plain Faust agent, with and without the model")
        with_model = plain_faust(self._stand, self._manifest, self._wanted.seconds)
        no_model = plain_faust(self._stand, None, self._wanted.seconds)
        self._figures |= {
            "plain_faust_events_per_s": round(with_model.events_per_s, 1),
            "plain_faust_no_model_events_per_s": round(no_model.events_per_s, 1),
            "times_plain_faust": round(worker.events_per_s / with_model.events_per_s, 2),
            "plain_faust_cpu_us": round(with_model.cpu_us_per_event, 1),
            "plain_faust_no_model_cpu_us": round(no_model.cpu_us_per_event, 1),
        }
        if without is not None:
            self._figures["times_plain_faust_no_model"] = round(
                without.events_per_s / no_model.events_per_s, 2
            )


def _rate(cpu_us: float) -> float:
    """Events a second of a core that does nothing else."""
    return round(1e6 / max(cpu_us, 0.1), 1)


def _about(stand: BenchStand, log: BenchLog, manifest: ReleaseManifest) -> dict[str, Figure]:
    middle = log.backlog.slice(log.backlog.height // 2, 1000)
    return {
        "pinning": stand.cores.described("worker"),
        "broker": stand.broker.described,
        "log": log.described,
        "events": log.backlog.height,
        "sessions_in_1000_events": middle["session_id"].n_unique(),
        "items": manifest.items,
        "index": manifest.index.kind,
    }
