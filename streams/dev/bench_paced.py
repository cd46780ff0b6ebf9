"""Latencies at fixed rates, with one worker and one lookup. The load is `paced_load`.

Caller: `bench_stream`.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from schemas.bench_report import Nested
from schemas.errors import UsageError
from streams.dev.bench_stand import BenchStand
from streams.dev.child_processes import ChildFailed
from streams.dev.millrace_services import START_TIMEOUT_S
from streams.dev.paced_load import Latencies, Load

RATES = (100.0, 500.0, 1000.0, 2000.0)
_END_S = 60.0


def paced(stand: BenchStand, rates: Sequence[float], seconds: float) -> list[Nested]:
    """Load a worker at one rate after the other.

    Args:
        stand: where it runs.
        rates: events a second.
        seconds: how long each.

    Returns:
        A line of figures for each rate.

    Raises:
        UsageError: a process failed.
    """
    run = stand.fresh_run()
    run = replace(run, environment={**run.environment, "MILLRACE_START_AT": "latest"})
    workers = stand.start_workers(run, 1)
    lookup = run.start_lookup()
    first, lines = 0, []
    try:
        for url, child in [*workers.items(), (run.lookup_url, lookup)]:
            child.wait_until_ready(url, START_TIMEOUT_S)
        for rate in rates:
            load = Load(
                bootstrap_servers=run.bootstrap_servers,
                events_topic=stand.events_topic,
                lists_topic=stand.lists_topic,
                events=str(stand.event_lines()),
                first=first,
                rate=rate,
                seconds=seconds,
                lookup_url=run.lookup_url,
            )
            lines.append(_line(rate, _run(stand, load)))
            first += round(rate * seconds) + 1
    except ChildFailed as error:
        raise UsageError(str(error)) from error
    finally:
        for child in [lookup, *workers.values()]:
            child.kill()
    return lines


def _run(stand: BenchStand, load: Load) -> Latencies:
    command = [sys.executable, "-m", "streams.dev.paced_load", msgspec.json.encode(load).decode()]
    child = stand.services.children.start("paced-load", command, env=stand.services.environment)
    if child.wait(load.seconds + _END_S) != 0:
        raise ChildFailed(f"the load of {load.rate:g} events/s failed\n{child.log_tail()}")
    return msgspec.json.decode(child.log_tail(1), type=Latencies)


def _line(rate: float, latencies: Latencies) -> Nested:
    return {
        "rate": rate,
        "events": latencies.events,
        "unread": latencies.unread,
        "topic_ms": latencies.topic_ms,
        "http_events": latencies.http_events,
        "http_ms": latencies.http_ms,
    }
