"""What the worker's parts cost alone: all its I/O without a model, and the model without I/O.

Caller: `bench_stream`.
"""

import sys
from pathlib import Path

import msgspec
import polars as pl

from schemas.release_manifest import ReleaseManifest
from streams.dev.bench_drain import Drained, drain_backlog
from streams.dev.bench_stand import BenchStand
from streams.dev.child_processes import ChildFailed
from streams.dev.compute_floor import Floor
from streams.dev.core_pinning import on_cores

_FLOOR_TIMEOUT_S = 300.0
_ALIEN_EVENTS = 5_000


def io_floor(stand: BenchStand) -> Drained:
    """The backlog through a worker whose release knows none of its items.

    Each event is decoded, its state loaded and saved, and its list, the popular one, produced as ever; there
    is nothing to encode or retrieve.
    """
    known = stand.log.training.head(_ALIEN_EVENTS)
    alien = known.with_columns(item_id="x" + pl.col("item_id").str.slice(1))
    stand.announce(stand.train(alien, {"hidden_size": 8}))
    return drain_backlog(stand)


def compute_floor(stand: BenchStand, manifest: ReleaseManifest, batch_events: int) -> float:
    """CPU microseconds an event of the Recommender alone, on the measured core.

    Args:
        stand: where the log and the release are.
        manifest: of the release.
        batch_events: events of a micro-batch.

    Raises:
        ChildFailed: the measuring process failed.
    """
    events = stand.event_lines()
    release = stand.services.releases / manifest.release_id
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "streams.dev.compute_floor",
        release,
        events,
        str(batch_events),
    ]
    with on_cores(stand.cores.measured):
        child = stand.services.children.start("compute-floor", command, env=stand.services.environment)
    if child.wait(_FLOOR_TIMEOUT_S) != 0:
        raise ChildFailed(f"the compute floor could not be measured\n{child.log_tail()}")
    floor = msgspec.json.decode(child.log_tail(1), type=Floor)
    return 1e6 * floor.cpu_s / floor.events
