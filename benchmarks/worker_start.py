"""How long a worker takes from its start to readiness, with a release of 18 000 items. Run it: it prints.

Broker and Redis are the embedded ones, on this machine; the release is a GRU4Rec trained for a moment only.
"""

import argparse
import statistics
import time
from dataclasses import replace

import numpy as np
import polars as pl

from streams.dev.bench_services import prepared_services
from streams.dev.millrace_services import START_TIMEOUT_S

ITEMS = 18_000
EVENTS_PER_SESSION = 4


def events_of_all_items() -> pl.DataFrame:
    """Two events of each item, in drawn sessions."""
    items = np.random.default_rng(1).permutation(np.repeat(np.arange(ITEMS), 2))
    rows = np.arange(len(items))
    return pl.DataFrame(
        {
            "session_id": [f"s{row // EVENTS_PER_SESSION}" for row in rows],
            "item_id": [f"item-{item}" for item in items],
            "event_type": "view",
            "occurred_at_ms": rows * 1000,
        }
    )


def main() -> None:
    """Start a worker several times and print each time, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="starts to measure")
    times: int = parser.parse_args().times
    with prepared_services(events_of_all_items()) as services:
        measured = []
        for number in range(times):
            # a group of its own: the embedded broker waits for a member that has left
            environment = {**services.environment, "MILLRACE_CONSUMER_GROUP": f"start-{number}"}
            started = time.perf_counter()
            worker = replace(services, environment=environment).start_worker()
            worker.wait_until_ready(services.worker_url, START_TIMEOUT_S)
            measured.append(time.perf_counter() - started)
            print(f"ready after {measured[-1]:.2f} s")
            worker.terminate()
        print(f"median {statistics.median(measured):.2f} s of {times}, release of {ITEMS} items")


if __name__ == "__main__":
    main()
