"""The rate and CPU time of the plain Faust agent on the same backlog. Caller: `bench_stream`.

It is slow, so it gets some seconds and not the whole backlog; what it has done is seen from the end of its
topic.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition

from schemas.errors import Unavailable, UsageError
from schemas.release_manifest import ReleaseManifest
from streams.dev.bench_stand import BenchStand
from streams.dev.child_processes import Child
from streams.dev.core_pinning import on_cores
from streams.dev.plain_faust_agent import Plain
from streams.dev.process_usage import cpu_s

_START_S = 60.0
_WARM_UP_S = 2.0
_ANSWER_S = 10.0
_LOOK_S = 0.1


class PlainRate(NamedTuple):
    """What the plain agent does."""

    events_per_s: float
    cpu_us_per_event: float


def plain_faust(stand: BenchStand, manifest: ReleaseManifest | None, seconds: float) -> PlainRate:
    """Let the plain agent work on the backlog for some seconds, on the measured core.

    Args:
        stand: where the backlog is.
        manifest: of the release; None: without a model.
        seconds: how long it is measured, at most.

    Raises:
        UsageError: it ended.
        Unavailable: it did nothing for a minute.
    """
    run = stand.fresh_run()
    plain = Plain(
        bootstrap_servers=run.bootstrap_servers,
        redis_url=run.redis_url,
        events_topic=stand.events_topic,
        lists_topic=stand.lists_topic,
        group=run.environment["MILLRACE_CONSUMER_GROUP"] + "-plain",
        folder=str(stand.folder),
        release=str(run.releases / manifest.release_id) if manifest else None,
    )
    command = [sys.executable, "-m", "streams.dev.plain_faust_agent", msgspec.json.encode(plain).decode()]
    with _lists_in(stand) as written:
        before = written()
        with on_cores(stand.cores.measured):
            child = run.children.start("plain-faust", command, env=run.environment)
        try:
            return _measured(child, lambda: written() - before, stand.log.backlog.height, seconds)
        finally:
            child.kill()


def _measured(child: Child, done: Callable[[], int], count: int, seconds: float) -> PlainRate:
    """Between two looks, the first a moment after the first list; from its start on if done by then."""
    started_s, first, used_s = time.monotonic(), 0, 0.0
    _wait(child, lambda: done() > 0, _START_S)
    _wait(child, lambda: done() >= count // 2, _WARM_UP_S)
    if (warm := done()) < count:
        started_s, first, used_s = time.monotonic(), warm, cpu_s(child.pid) or 0.0
    _wait(child, lambda: done() >= count, seconds)
    took_s, events = time.monotonic() - started_s, done() - first
    if not events:
        raise Unavailable(f"the plain Faust agent stands still at {first} events\n{child.log_tail()}")
    return PlainRate(events / took_s, 1e6 * ((cpu_s(child.pid) or 0.0) - used_s) / events)


def _wait(child: Child, until: Callable[[], bool], seconds: float) -> None:
    """Until something is so, or the time is over."""
    deadline_s = time.monotonic() + seconds
    while not until() and time.monotonic() < deadline_s:
        if not child.is_running():
            raise UsageError(f"the plain Faust agent ended\n{child.log_tail()}")
        time.sleep(_LOOK_S)


@contextmanager
def _lists_in(stand: BenchStand) -> Iterator[Callable[[], int]]:
    """How many messages the topic of the lists has had, over all partitions."""
    consumer = Consumer({"bootstrap.servers": stand.services.bootstrap_servers, "group.id": "bench-looks"})
    try:
        partitions = (
            consumer.list_topics(stand.lists_topic, timeout=_ANSWER_S).topics[stand.lists_topic].partitions
        )
        places = [TopicPartition(stand.lists_topic, number) for number in partitions]
        yield lambda: sum(consumer.get_watermark_offsets(place, timeout=_ANSWER_S)[1] for place in places)
    finally:
        consumer.close()
