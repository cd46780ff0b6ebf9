"""The board and the workers in words and as a table, for people. Caller: `millrace retrain status`."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from retrain.cycle.status_board import Board
from schemas.cycle_status import CycleStatus, CycleSummary
from schemas.worker_heartbeat import WorkerHeartbeat

_PIPED_WIDTH = 200
_TIME = "%Y-%m-%d %H:%M:%SZ"


def print_board(board: Board, workers: Sequence[WorkerHeartbeat]) -> None:
    """Print what stands on the board, and what the live workers serve."""
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False)
    console.print(escape(_now(board)))
    console.print(escape(_running(board)))
    for line in _workers(workers):
        console.print(escape(line))
    if not board.history:
        console.print("no cycle is over yet")
        return
    table = Table("ended", "cycle", "outcome", Column("took", justify="right"), "steps", "why", box=None)
    for one in board.history:
        table.add_row(*map(escape, _row(one)))
    console.print(table)


def _now(board: Board) -> str:
    current = board.current
    if current is None:
        return f"a cycle begins: {board.lock}" if board.lock else "no cycle runs"
    if board.lock == current.holder:
        return f"{_at(current)}, at {current.holder}"
    return (
        f"{_at(current)}, was killed there, at {current.holder}; the next `millrace retrain once` with the "
        "same work folder goes on"
    )


def _at(current: CycleStatus) -> str:
    tries = f", attempt {current.attempt}" if current.attempt > 1 else ""
    since = _time(current.step_since)
    return f"{current.cycle_id} ({current.trigger}{tries}): step {current.step} since {since}"


def _running(board: Board) -> str:
    running = board.running
    if running is None:
        return "no release is marked running"
    since = _time(running.marked_at)
    newest = f", events until {_time(running.newest_event_at)}" if running.newest_event_at else ""
    return f"{running.release_id} was marked running as generation {running.generation} at {since}{newest}"


def _workers(workers: Sequence[WorkerHeartbeat]) -> list[str]:
    """What they serve, the newest first; after a rollback by hand that is another than was marked."""
    if not workers:
        return ["no worker is live"]
    served = Counter((one.generation, one.release_id) for one in workers)
    lines = [
        f"live workers that serve {release_id} (generation {generation}): {number}"
        if release_id
        else f"live workers without a release: {number}"
        for (generation, release_id), number in sorted(
            served.items(), key=lambda one: one[0][0], reverse=True
        )
    ]
    refusals = [
        f"worker {one.worker_id} refuses {release_id}: {why}"
        for one in workers
        for release_id, why in one.refused.items()
    ]
    return lines + sorted(refusals)


def _row(one: CycleSummary) -> list[str]:
    took = f"{(one.ended_at - one.started_at).total_seconds():,.1f} s"
    steps = " ".join(f"{step} {seconds:,.1f}" for step, seconds in one.seconds.items())
    return [_time(one.ended_at), one.cycle_id, one.outcome, took, steps, one.reason or one.trigger]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime(_TIME)
