"""`millrace bench stream`: how fast one worker drains a backlog, and where the time goes.

Everything runs on this machine, the embedded broker and Redis too, so that the worker has less than the
machine: CPU time an event is the figure to compare. Caller: `streams.dev.online_bench_commands`.
"""

import asyncio
from pathlib import Path

from schemas.bench_report import BenchReport, Row, new_report
from streams.dev.bench_services import bench_events, fill_backlog, prepared_services
from streams.dev.worker_sampling import WorkerSample, drain


def bench_stream(path: Path | None, count: int) -> BenchReport:
    """Drain a backlog of so many events by one worker.

    Args:
        path: an event file; None: the simulated shop.
        count: events, at most.

    Raises:
        UsageError: the file cannot be used, or a process failed.
        Unavailable: the worker stands still.
    """
    events = bench_events(path, count)
    with prepared_services(events) as services:
        asyncio.run(fill_backlog(services, events))
        first, last = drain(services.worker_url, services.start_worker(), len(events))
    source = path.name if path else "the simulated shop"
    notes = [
        f"a backlog of {len(events):,} events of {source}; measured from the worker's first batches on",
        "the embedded broker and Redis share the machine; seconds of a stage contain what it waited for",
    ]
    return new_report("stream", [_row(first, last)], notes)


def _row(first: WorkerSample, last: WorkerSample) -> Row:
    events = last.events - first.events
    row: Row = {"events": int(last.events), "measured": int(events)}
    if events:
        row["events_per_s"] = round(events / (last.at_s - first.at_s), 1)
        if first.cpu_s is not None and last.cpu_s is not None:
            row["cpu_us_per_event"] = round(1e6 * (last.cpu_s - first.cpu_s) / events, 1)
    whole = sum(last.stage_s.values())
    shares = {f"{stage}_%": round(100 * seconds / whole, 1) for stage, seconds in last.stage_s.items()}
    return {**row, **shares}
