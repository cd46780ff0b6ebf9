"""How the demo and `millrace up` end: every way out goes through the `with` blocks. Callers: both."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_LOOK_S = 0.5


@contextmanager
def end_on_sigterm() -> Iterator[None]:
    """Within the block SIGTERM ends the program as a `SystemExit`, so that children and folders go away."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def wait_for_ctrl_c(check: Callable[[], None]) -> None:
    """Wait until Ctrl-C.

    Args:
        check: called twice a second; raises when there is nothing left to wait for.
    """
    with suppress(KeyboardInterrupt):
        while True:
            check()
            time.sleep(_LOOK_S)
