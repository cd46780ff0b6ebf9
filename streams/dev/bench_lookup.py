"""`millrace bench lookup`: what one lookup on one core answers, and how soon at fixed rates.

The lookup has a core for itself; load, Redis and broker share the others. Beside it, on the same core and one
after the other, its framework's bare hello. Caller: `streams.dev.online_bench_commands`.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from schemas.bench_report import BenchReport, Figure, Nested, new_report
from schemas.errors import UsageError
from streams.dev.bench_services import bench_events, fill_backlog, prepared_services
from streams.dev.child_processes import Child, ChildFailed, answers_ok
from streams.dev.core_pinning import Cores, on_cores, split_cores
from streams.dev.http_load import send_load
from streams.dev.millrace_services import START_TIMEOUT_S, MillraceServices
from streams.dev.ports import free_port
from streams.dev.process_usage import cpu_s
from streams.dev.worker_sampling import drain

RATES = (1000.0, 2000.0, 4000.0)
_EVENTS = 2000
_WARM_UP_S = 0.5


class Served(NamedTuple):
    """A server on the measured core."""

    child: Child
    port: int

    def most(self, requests: Sequence[bytes], connections: int, seconds: float) -> tuple[float, float | None]:
        """Requests/s, and CPU microseconds of a request, where each connection asks again at once."""
        send_load(self.port, requests, connections, min(seconds, _WARM_UP_S))
        before_s, started_s = cpu_s(self.child.pid), time.perf_counter()
        answered = len(send_load(self.port, requests, connections, seconds))
        per_s, after_s = answered / (time.perf_counter() - started_s), cpu_s(self.child.pid)
        cpu_us = None if before_s is None or after_s is None else 1e6 * (after_s - before_s) / answered
        return round(per_s, 1), cpu_us and round(cpu_us, 1)

    def paced(self, requests: Sequence[bytes], connections: int, seconds: float, rate: float) -> Nested:
        """Latencies at a rate."""
        latencies_s = send_load(self.port, requests, connections, seconds, rate)
        quantiles = np.quantile(latencies_s, [0.5, 0.9, 0.99]).tolist()
        p50, p90, p99 = (round(1000 * one, 3) for one in quantiles)
        return {"rate": rate, "p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "requests": len(latencies_s)}


def bench_lookup(connections: int, seconds: float, k: int, rates: Sequence[float] = RATES) -> BenchReport:
    """Ask one lookup for the lists of sessions of the simulated shop.

    Args:
        connections: requests under way at most.
        seconds: how long each measurement takes.
        k: items in an answer.
        rates: requests/s of the paced measurements.

    Raises:
        UsageError: a process failed.
        Unavailable: the worker stands still, or the lookup does not answer.
    """
    cores = split_cores()
    events = bench_events(None, _EVENTS)
    sessions = events["session_id"].unique(maintain_order=True).to_list()
    with on_cores(cores.others), prepared_services(events) as services:
        asyncio.run(fill_backlog(services, events))
        worker = services.start_worker()
        drain(services.worker_url, worker, len(events))
        worker.terminate()
        lookup, hello = _start_both(services, cores)
        asked = [
            _request(f"/sessions/{quote(session, safe='')}/recommendations?k={k}") for session in sessions
        ]
        most, cpu_us = lookup.most(asked, connections, seconds)
        hello_most, hello_cpu_us = hello.most([_request("/hello")], connections, seconds)
        paced = [lookup.paced(asked, connections, seconds, rate) for rate in rates]
    notes = [
        f"{connections} connections, lists of {k}; hello is the framework with nothing to do",
        "paced requests come at their time whatever is answered, and their latency counts from that time",
    ]
    figures: dict[str, Figure] = {
        "pinning": cores.described("lookup"),
        "connections": connections,
        "k": k,
        "max_requests_per_s": most,
        "hello_requests_per_s": hello_most,
        "cpu_us_per_request": cpu_us or "not told here",
        "hello_cpu_us_per_request": hello_cpu_us or "not told here",
        "paced": paced,
    }
    return new_report("lookup", [], notes, figures)


def _start_both(services: MillraceServices, cores: Cores) -> tuple[Served, Served]:
    """The lookup and the bare hello, ready, on the measured core."""
    port = free_port()
    with on_cores(cores.measured):
        lookup = services.start_lookup()
        command = [sys.executable, "-m", "streams.dev.bare_hello", str(port)]
        hello = services.children.start("hello", command)
    try:
        lookup.wait_until_ready(services.lookup_url, START_TIMEOUT_S)
        hello.wait_until(lambda: answers_ok(f"http://127.0.0.1:{port}/hello"), START_TIMEOUT_S)
    except ChildFailed as error:
        raise UsageError(str(error)) from error
    return Served(lookup, int(services.lookup_url.rpartition(":")[2])), Served(hello, port)


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: lookup\r\n\r\n".encode()
