"""What the online benches run on: embedded broker and Redis, a release, a backlog of events, a real worker.

Owns the preparation; what a worker then does is watched by `worker_sampling`. Callers: `bench_stream`,
`bench_lookup`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from aiokafka import AIOKafkaProducer

from schemas.event_files import read_events
from streams.dev.demo_events import SHOP_OPENS_MS
from streams.dev.demo_release import announce_release, train_release
from streams.dev.ending import end_on_sigterm
from streams.dev.millrace_services import EVENTS, MillraceServices, millrace_services
from streams.dev.simulated_shop import simulate
from streams.pacing import MonotonicClock, Pace
from streams.replaying import PRODUCER_ARGUMENTS, in_log_order, replay

_QUICK_MODEL = {"epochs": 1, "min_steps": 0, "test_share": 0.0}
"""How good the lists are does not matter here."""
_EVENTS_PER_VISIT = 4
_SEED = 1


@contextmanager
def prepared_services(events: pl.DataFrame) -> Iterator[MillraceServices]:
    """A broker with the events as backlog, a Redis, and an announced release trained on them; no worker yet.

    Raises:
        UsageError: the events are too few to train on.
    """
    with end_on_sigterm(), TemporaryDirectory(prefix="millrace-bench-") as name:
        folder = Path(name)
        (folder / "releases").mkdir()
        with millrace_services(folder, folder / "releases", {}) as services:
            log_file = folder / "events.parquet"
            events.rename({"occurred_at_ms": "timestamp"}).drop("split", strict=False).write_parquet(log_file)
            manifest = train_release(services, log_file, _QUICK_MODEL, on_line=lambda _: None)
            announce_release(services, manifest)
            yield services


def bench_events(path: Path | None, count: int) -> pl.DataFrame:
    """So many events in log order: the first of a file, or of a simulated shop.

    Raises:
        UsageError: the file cannot be used.
    """
    if path is not None:
        return in_log_order(read_events(path)).head(count)
    shop = simulate(np.random.default_rng(_SEED), 10 + count // _EVENTS_PER_VISIT, SHOP_OPENS_MS)
    return shop.head(count)


async def fill_backlog(services: MillraceServices, events: pl.DataFrame, topic: str = EVENTS) -> None:
    """Produce the events, as fast as the broker takes them."""
    async with AIOKafkaProducer(
        bootstrap_servers=services.bootstrap_servers, **PRODUCER_ARGUMENTS
    ) as producer:
        await replay(events, producer, topic, Pace(None, MonotonicClock()))
