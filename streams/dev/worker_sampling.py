"""Watching workers at work, from outside: their metrics and CPU time.

Callers: the online benches.
"""

import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import Unavailable, UsageError
from streams.dev.child_processes import Child
from streams.dev.process_usage import cpu_s

_LOOK_S = 0.2
"""Each look costs the worker a millisecond."""
STALL_S = 30.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class WorkerSample(NamedTuple):
    """What one or several workers have done so far."""

    at_s: float
    events: float
    cpu_s: float | None
    """Of all their threads; None where the system does not tell."""
    batches: float
    batch_events: float
    """Messages in these batches."""
    stage_s: dict[str, float]
    """Stage of a batch -> seconds in it."""
    tasks: float
    """asyncio tasks, now."""


def drain(
    worker_url: str, worker: Child, count: int, stall_s: float = STALL_S
) -> tuple[WorkerSample, WorkerSample]:
    """As `drain_together`, of one worker, from its first events on."""
    return drain_together({worker_url: worker}, count, stall_s=stall_s)


def drain_together(
    workers: Mapping[str, Child], count: int, warm_up: int = 0, stall_s: float = STALL_S
) -> tuple[WorkerSample, WorkerSample]:
    """Wait until workers have emitted and saved so many events between them.

    Args:
        workers: base URL of each -> its process.
        count: how many events.
        warm_up: the first sample is the first one above so many events.
        stall_s: how long nothing may happen.

    Returns:
        What they had done when they were warm, and at the last look before the end, since after it they
        rest. Where so few looks saw them at work: from before their start, until the end.

    Raises:
        UsageError: a worker ended.
        Unavailable: they did nothing for `stall_s` seconds.
    """
    seen: list[WorkerSample] = []
    at_first = WorkerSample(time.monotonic(), 0, 0.0, 0, 0, {}, 0)
    last_events, changed_s = 0.0, at_first.at_s
    while last_events < count:
        now = _together([one for url, child in workers.items() if (one := worker_sample(url, child))])
        if now is not None and now.events != last_events:
            last_events, changed_s = now.events, time.monotonic()
            seen.append(now)
        elif now is not None and not seen:
            seen.append(now)
        for worker in workers.values():
            if not worker.is_running():
                raise UsageError(f"the worker ended\n{worker.log_tail()}")
        if time.monotonic() - changed_s > stall_s:
            raise Unavailable(f"the worker has stopped at {last_events:.0f} of {count} events")
        time.sleep(_LOOK_S)
    warm = [one for one in seen if one.events > warm_up]
    return (warm[0], warm[-2]) if len(warm) > 2 else (at_first, seen[-1])


def worker_sample(worker_url: str, worker: Child) -> WorkerSample | None:
    """A worker's present figures; None while it does not answer."""
    try:
        with _DIRECT.open(f"{worker_url}/metrics", timeout=5) as response:
            text = response.read().decode()
    except OSError:
        return None
    at_s, used_s = time.monotonic(), cpu_s(worker.pid)
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return WorkerSample(
        at_s=at_s,
        events=sum(one.value for one in samples if one.name == "millrace_events_total"),
        cpu_s=used_s,
        batches=sum(one.value for one in samples if one.name == "millrace_batch_events_count"),
        batch_events=sum(one.value for one in samples if one.name == "millrace_batch_events_sum"),
        stage_s={
            one.labels["stage"]: one.value for one in samples if one.name == "millrace_stage_seconds_sum"
        },
        tasks=sum(one.value for one in samples if one.name == "millrace_tasks"),
    )


def _together(samples: Sequence[WorkerSample]) -> WorkerSample | None:
    """The sum of several workers' figures."""
    if not samples:
        return None
    used = [one.cpu_s for one in samples if one.cpu_s is not None]
    stages = {stage for one in samples for stage in one.stage_s}
    return WorkerSample(
        at_s=samples[-1].at_s,
        events=sum(one.events for one in samples),
        cpu_s=sum(used) if len(used) == len(samples) else None,
        batches=sum(one.batches for one in samples),
        batch_events=sum(one.batch_events for one in samples),
        stage_s={stage: sum(one.stage_s.get(stage, 0.0) for one in samples) for stage in stages},
        tasks=sum(one.tasks for one in samples),
    )
