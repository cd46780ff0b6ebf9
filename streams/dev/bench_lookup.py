"""`millrace bench lookup`: requests a second and latencies of one lookup on loopback, in a closed loop.

Each of a few connections sends its next request when the last is answered: the latencies are those of that
load, not of an open stream of requests. The client shares the machine. Caller:
`streams.dev.online_bench_commands`.
"""

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

import numpy as np
import uvloop

from schemas.bench_report import BenchReport, Row, new_report
from schemas.errors import Unavailable, UsageError
from streams.dev.bench_services import bench_events, fill_backlog, prepared_services
from streams.dev.child_processes import ChildFailed
from streams.dev.millrace_services import START_TIMEOUT_S
from streams.dev.worker_sampling import drain

_EVENTS = 2000
_OK = b"HTTP/1.1 200"
_WARM_UP_S = 0.5


def bench_lookup(connections: int, seconds: float, k: int) -> BenchReport:
    """Ask one lookup for the lists of sessions of the simulated shop.

    Args:
        connections: requests in flight.
        seconds: how long.
        k: items in an answer.

    Raises:
        UsageError: a process failed.
        Unavailable: the worker stands still, or the lookup does not answer.
    """
    events = bench_events(None, _EVENTS)
    sessions = events["session_id"].unique(maintain_order=True).to_list()
    with prepared_services(events) as services:
        asyncio.run(fill_backlog(services, events))
        worker, lookup = services.start_worker(), services.start_lookup()
        drain(services.worker_url, worker, len(events))
        worker.terminate()
        try:
            lookup.wait_until_ready(services.lookup_url, START_TIMEOUT_S)
        except ChildFailed as error:
            raise UsageError(str(error)) from error
        paths = [f"/sessions/{quote(session, safe='')}/recommendations?k={k}" for session in sessions]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_ask(services.lookup_url, paths, connections, min(seconds, _WARM_UP_S)))
            latencies_s = runner.run(_ask(services.lookup_url, paths, connections, seconds))
    note = f"{connections} connections in a closed loop; client, lookup and Redis share the machine"
    return new_report("lookup", [_row(latencies_s, connections, k, seconds)], [note])


def _row(latencies_s: Sequence[float], connections: int, k: int, seconds: float) -> Row:
    p50, p90, p99 = (1000 * float(one) for one in np.quantile(latencies_s, [0.5, 0.9, 0.99]))
    return {
        "connections": connections,
        "k": k,
        "requests": len(latencies_s),
        "requests_per_s": round(len(latencies_s) / seconds, 1),
        "p50_ms": round(p50, 3),
        "p90_ms": round(p90, 3),
        "p99_ms": round(p99, 3),
    }


async def _ask(base_url: str, paths: list[str], connections: int, seconds: float) -> list[float]:
    """The seconds that each request took."""
    deadline_s = time.perf_counter() + seconds
    try:
        answers = await asyncio.gather(
            *(_ask_in_turn(base_url, paths[at:] + paths[:at], deadline_s) for at in range(connections))
        )
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Unavailable(f"the lookup at {base_url} did not answer: {error!r}") from error
    return [latency_s for one in answers for latency_s in one]


async def _ask_in_turn(base_url: str, paths: Sequence[str], deadline_s: float) -> list[float]:
    """One connection: one request after the other, round and round, at least one."""
    address = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    latencies_s: list[float] = []
    try:
        while not latencies_s or time.perf_counter() < deadline_s:
            started_s = time.perf_counter()
            writer.write(
                f"GET {paths[len(latencies_s) % len(paths)]} HTTP/1.1\r\nHost: lookup\r\n\r\n".encode()
            )
            await _read_answer(reader)
            latencies_s.append(time.perf_counter() - started_s)
    finally:
        writer.close()
        await writer.wait_closed()
    return latencies_s


async def _read_answer(reader: asyncio.StreamReader) -> None:
    """Read one answer whole.

    Raises:
        Unavailable: it is not 200.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(_OK):
        raise Unavailable(f"the lookup answered {head.splitlines()[0].decode(errors='replace')}")
    length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
