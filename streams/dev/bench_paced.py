"""Latencies at fixed rates, with one worker and one lookup; the load is `paced_load`.

Callers: `bench_stream`, `bench_soak`.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from schemas.bench_report import Nested
from schemas.errors import UsageError
from streams.dev.bench_stand import BenchStand
from streams.dev.child_processes import Child, ChildFailed
from streams.dev.millrace_services import START_TIMEOUT_S, MillraceServices
from streams.dev.paced_load import Latencies, Load

RATES = (100.0, 500.0, 1000.0, 2000.0)
_END_S = 60.0


class LoadedWorker:
    """A worker and a lookup that serve, and the loads that they have had.

    Attributes:
        worker_url: the worker's base URL.
        worker: its process.
    """

    def __init__(
        self, stand: BenchStand, run: MillraceServices, worker_url: str, worker: Child, lookup: bool
    ) -> None:
        self._lookup_url = run.lookup_url if lookup else None
        self._stand = stand
        self._run = run
        self._first = 0
        self.worker_url = worker_url
        self.worker = worker

    def load(self, rate: float, seconds: float, record: Path | None = None) -> Latencies:
        """Load them for some seconds.

        Args:
            rate: events a second.
            seconds: how long.
            record: file for all that was read, see `load_record`.

        Raises:
            UsageError: the process that makes the load failed.
        """
        load = Load(
            bootstrap_servers=self._run.bootstrap_servers,
            events_topic=self._stand.events_topic,
            lists_topic=self._stand.lists_topic,
            events=str(self._stand.event_lines()),
            first=self._first,
            rate=rate,
            seconds=seconds,
            lookup_url=self._lookup_url,
            record=None if record is None else str(record),
        )
        self._first += round(rate * seconds) + 1
        command = [sys.executable, "-m", "streams.dev.paced_load", msgspec.json.encode(load).decode()]
        child = self._run.children.start("paced-load", command, env=self._run.environment)
        try:
            failed = child.wait(seconds + _END_S) != 0
        except ChildFailed as error:
            raise UsageError(str(error)) from error
        if failed:
            raise UsageError(f"the load of {rate:g} events/s failed\n{child.log_tail()}")
        return msgspec.json.decode(child.log_tail(1), type=Latencies)


@contextmanager
def loaded_worker(stand: BenchStand, lookup: bool = True) -> Iterator[LoadedWorker]:
    """A worker, at the end of the log, and a lookup where it is wanted, both ready.

    Raises:
        UsageError: one of them did not start.
    """
    run = stand.fresh_run()
    run = replace(run, environment={**run.environment, "MILLRACE_START_AT": "latest"})
    ((worker_url, worker),) = stand.start_workers(run, 1).items()
    looking_up = run.start_lookup() if lookup else None
    try:
        worker.wait_until_ready(worker_url, START_TIMEOUT_S)
        if looking_up:
            looking_up.wait_until_ready(run.lookup_url, START_TIMEOUT_S)
        yield LoadedWorker(stand, run, worker_url, worker, lookup)
    except ChildFailed as error:
        raise UsageError(str(error)) from error
    finally:
        if looking_up:
            looking_up.kill()
        worker.kill()


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
    with loaded_worker(stand) as loaded:
        return [_line(rate, loaded.load(rate, seconds)) for rate in rates]


def _line(rate: float, latencies: Latencies) -> Nested:
    return {
        "rate": rate,
        "events": latencies.events,
        "unread": latencies.unread,
        "topic_ms": latencies.topic_ms,
        "http_events": latencies.http_events,
        "http_ms": latencies.http_ms,
    }
