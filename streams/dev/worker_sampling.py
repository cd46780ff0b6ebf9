"""Watching a worker at work, from outside: its metrics and CPU time.

Callers: `bench_stream`, `bench_lookup`.
"""

import os
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import Unavailable, UsageError
from streams.dev.child_processes import Child

_LOOK_S = 0.05
STALL_S = 30.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class WorkerSample(NamedTuple):
    """What a worker has done so far."""

    at_s: float
    events: float
    cpu_s: float | None
    """Of all its threads; None where the system does not tell."""
    stage_s: dict[str, float]
    """Stage of a batch -> seconds in it."""


def drain(
    worker_url: str, worker: Child, count: int, stall_s: float = STALL_S
) -> tuple[WorkerSample, WorkerSample]:
    """Wait until a worker has emitted and saved so many events.

    Returns:
        What it had done when it was first seen at work, and at the end.

    Raises:
        UsageError: the worker ended.
        Unavailable: it did nothing for `stall_s` seconds.
    """
    first: WorkerSample | None = None
    last_events, changed_s = 0.0, time.monotonic()
    while True:
        now = _sample(worker_url, worker)
        if now is not None and now.events > 0:
            first = first or now
            if now.events >= count:
                return first, now
        if now is not None and now.events != last_events:
            last_events, changed_s = now.events, time.monotonic()
        if not worker.is_running():
            raise UsageError(f"the worker ended\n{worker.log_tail()}")
        if time.monotonic() - changed_s > stall_s:
            raise Unavailable(f"the worker has stopped at {last_events:.0f} of {count} events")
        time.sleep(_LOOK_S)


def _sample(worker_url: str, worker: Child) -> WorkerSample | None:
    """The worker's present figures; None while it does not answer."""
    try:
        with _DIRECT.open(f"{worker_url}/metrics", timeout=5) as response:
            text = response.read().decode()
    except OSError:
        return None
    at_s, cpu_s = time.monotonic(), _cpu_s(worker.pid)
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return WorkerSample(
        at_s=at_s,
        events=sum(one.value for one in samples if one.name == "millrace_events_total"),
        cpu_s=cpu_s,
        stage_s={
            one.labels["stage"]: one.value for one in samples if one.name == "millrace_stage_seconds_sum"
        },
    )


def _cpu_s(pid: int) -> float | None:
    """User and system time of a process, its threads included; Linux only."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return None
    user, system = path.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
