"""`millrace bench swap`: what events notice of release swaps under a steady load, and what memory they take.

Owns two releases of one catalogue that know other items each, the announcements in turn, and watching the
worker's memory; what was read is judged by `swap_figures`. Caller: `streams.dev.online_bench_commands`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from confluent_kafka import Producer

from models.release import VOCABULARY_FILE
from models.vocabulary import load_vocabulary
from schemas.bench_report import BenchReport, Figure, new_report
from schemas.errors import UsageError
from schemas.ids import ReleaseId
from schemas.release_announcement import (
    RELEASE_LINE,
    ReleaseAnnouncement,
    encode_release_announcement,
)
from schemas.release_manifest import ReleaseManifest
from streams.dev.bench_broker import choose_broker
from streams.dev.bench_log import bench_log
from streams.dev.bench_paced import LoadedWorker, loaded_worker
from streams.dev.bench_stand import BenchStand, bench_stand
from streams.dev.load_record import read_record
from streams.dev.process_usage import own_mb, rss_mb
from streams.dev.swap_figures import MemorySample, Swap, swap_figures

_LEAD_S = 3.0
"""Of the load before the first swap, and at least after the last."""
_LOOK_S = 0.02
_OTHER_ITEMS = 20
"""One in so many items is known to one of the releases only."""
_NOTES = [
    "latency: from when an event was due until its list was read from its topic",
    "a swap's window: from its announcement until a second after the first list of the new release",
    "a pause: the longest time without a list",
    "own memory: without pages of files, which the workers of a machine share",
]


@dataclass(frozen=True, kw_only=True)
class SwapBench:
    """What is asked for."""

    rate: float
    """Events a second."""
    swaps: int
    every_s: float
    items: int
    units: int
    index: str
    broker: str | None
    count: int = 50_000
    """Events of the log, which the load goes round."""


def bench_swap(wanted: SwapBench, tell: Callable[[str], None]) -> BenchReport:
    """Load one worker and swap its release again and again.

    Args:
        wanted: how.
        tell: called with a line on what is being done.

    Raises:
        UsageError: a process failed.
    """
    log = bench_log(None, wanted.count, wanted.items)
    tell("training two releases")
    with bench_stand(choose_broker(wanted.broker), log, {}) as stand:
        config: dict[str, float | str] = {"hidden_size": wanted.units, "index": wanted.index}
        releases = [stand.train(_without(log.training, place), config) for place in (0, 1)]
        stand.announce(releases[0])
        with loaded_worker(stand, lookup=False) as loaded:
            tell(f"{wanted.rate:g} events/s, {wanted.swaps} swaps, one every {wanted.every_s:g} s")
            figures = _measured(stand, loaded, releases, wanted)
        about: dict[str, Figure] = {
            "pinning": stand.cores.described("worker"),
            "broker": stand.broker.described,
            "rate": wanted.rate,
            "items": releases[0].items,
            "index": releases[0].index.kind,
        }
    return new_report("swap", [], _NOTES, {**about, **figures})


def _without(events: pl.DataFrame, place: int) -> pl.DataFrame:
    """The events of all items but every twentieth, from this place on."""
    number = pl.col("item_id").cast(pl.Int64)
    return events.filter(number % _OTHER_ITEMS != place)


def _measured(
    stand: BenchStand, loaded: LoadedWorker, releases: Sequence[ReleaseManifest], wanted: SwapBench
) -> dict[str, Figure]:
    loaded.load(wanted.rate, _LEAD_S)  # clients have found their brokers, caches are warm
    path = stand.folder / "swap-record.msgpack"
    with _memory_samples(loaded.worker.pid) as memory, _announcing(stand, releases, wanted) as swaps:
        loaded.load(wanted.rate, 2 * _LEAD_S + wanted.swaps * wanted.every_s, record=path)
    if len(swaps) < wanted.swaps:
        raise UsageError(f"{len(swaps)} of {wanted.swaps} swaps were announced before the load ended")
    return swap_figures(read_record(path), swaps, memory, _vocabularies(stand, releases))


def _vocabularies(stand: BenchStand, releases: Sequence[ReleaseManifest]) -> Mapping[str, set[str]]:
    folders = {one.release_id: stand.services.releases / one.release_id for one in releases}
    return {
        release_id: set(load_vocabulary(folder / VOCABULARY_FILE).item_ids)
        for release_id, folder in folders.items()
    }


@contextmanager
def _memory_samples(pid: int) -> Iterator[list[MemorySample]]:
    """The memory of a process, fifty times a second, while the block runs."""
    samples: list[MemorySample] = []

    def look() -> None:
        samples.append(MemorySample(time.perf_counter(), rss_mb(pid) or 0.0, own_mb(pid) or 0.0))

    with _in_background(look, _LOOK_S):
        yield samples
    look()


@contextmanager
def _announcing(
    stand: BenchStand, releases: Sequence[ReleaseManifest], wanted: SwapBench
) -> Iterator[list[Swap]]:
    """Announce the releases in turn while the block runs; a command would be one more process to run."""
    swaps: list[Swap] = []
    producer = Producer({"bootstrap.servers": stand.services.bootstrap_servers, "linger.ms": 0})
    begins_s = time.perf_counter() + 2 * _LEAD_S

    def announce() -> None:
        if len(swaps) < wanted.swaps and time.perf_counter() >= begins_s + len(swaps) * wanted.every_s:
            release_id = releases[(len(swaps) + 1) % 2].release_id
            swaps.append(Swap(time.perf_counter(), release_id))
            value = _announcement(release_id, generation=len(swaps) + 1)
            producer.produce(stand.services.environment["MILLRACE_RELEASES_TOPIC"], value, RELEASE_LINE)
            producer.flush()

    with _in_background(announce, _LOOK_S):
        yield swaps


def _announcement(release_id: ReleaseId, generation: int) -> bytes:
    return encode_release_announcement(
        ReleaseAnnouncement(release_id=release_id, generation=generation, announced_at=datetime.now(UTC))
    )


@contextmanager
def _in_background(action: Callable[[], None], every_s: float) -> Iterator[None]:
    """Do something again and again while the block runs, and at least once."""
    stop = threading.Event()

    def run() -> None:
        action()
        while not stop.wait(every_s):
            action()

    thread = threading.Thread(target=run, name="bench-background")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
