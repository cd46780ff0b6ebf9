"""What ends a cycle from outside, SIGTERM or Ctrl-C: how it reaches the cycle, and what is said of it.

An interrupted cycle changes nothing more; the lock is given back on the way out, and the next process goes
on. Callers: the commands of retrain, `retrain.schedule.cycle_running`, `retrain.cycle.run_cycle`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from schemas.retrain_cycle import CycleRecord, Step


def interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    """A signal's handler: as by Ctrl-C."""
    raise KeyboardInterrupt


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM is as Ctrl-C while the block runs, where it is the main thread's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def interruption_line(record: CycleRecord, step: Step) -> str:
    """What the interrupted cycle leaves, for who has interrupted it."""
    if "mark" in record.done:
        left = f"{record.release_id} goes on running as generation {record.generation}"
    elif "announce" in record.done:
        left = f"{record.release_id} is announced as generation {record.generation}"
    else:
        left = "nothing was announced"
    return (
        f"interrupted in the step {step}: {left}; the next `millrace retrain once` with the same work folder "
        "goes on with that step"
    )
