"""A cycle in a process of its own: what it takes of memory, and how it ends, leaves the schedule alone.

The process is sent its settings and its plan, and sends back how the cycle ended. It outlives a schedule that
is killed (the lock in Redis says that it runs), and ends with one that is stopped. Caller:
`retrain.schedule.retrain_service`.
"""

import logging
import multiprocessing
import signal
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

from retrain.cycle.interruption import interrupted
from retrain.settings import RetrainSettings
from schemas.cycle_status import CycleSummary
from schemas.errors import MillraceError

_SPAWNED = multiprocessing.get_context("spawn")
_PATIENCE_S = 10.0


class CycleOrder(NamedTuple):
    """What a cycle is begun with."""

    trigger: str
    from_scratch: bool
    request_ids: list[str]


class CycleProcess:
    """A cycle under way."""

    def __init__(self, settings: RetrainSettings, order: CycleOrder) -> None:
        """Begin it."""
        self._receiving, sending = _SPAWNED.Pipe(duplex=False)
        # Not a daemon: a training of several networks has processes of its own.
        self._process = _SPAWNED.Process(target=_work, args=(settings, order, sending), name="retrain-cycle")
        self._process.start()
        sending.close()

    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._receiving.poll() or not self._process.is_alive()

    def outcome(self) -> CycleSummary | str:
        """What came of it; why it failed, in words, where it did. Call it when it has ended."""
        try:
            failure, value = self._receiving.recv_bytes(), self._receiving.recv_bytes()
        except (EOFError, OSError):
            self._process.join()
            return f"its process ended with {self._process.exitcode} before it could say why"
        self._process.join()
        return value.decode() if failure == b"!" else msgspec.json.decode(value, type=CycleSummary)

    def stop(self) -> None:
        """End it where it is; it is gone on with later."""
        self._process.terminate()
        self._process.join(_PATIENCE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _work(settings: RetrainSettings, order: CycleOrder, sending: Connection) -> None:
    from schemas.logs import configure_logs

    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who stops this one
    configure_logs(settings.log_level, settings.log_format)
    try:
        summary = _cycle(settings, order)
    except KeyboardInterrupt:
        raise SystemExit(1) from None
    except Exception as error:  # the boundary of the process: the schedule goes on
        bug = not isinstance(error, MillraceError)
        logging.getLogger("millrace.retrain.schedule").exception("the cycle failed", exc_info=bug)
        kind = f"{type(error).__name__}: " if bug else ""
        _say(sending, b"!", (kind + " ".join(str(error).split())).encode())
    else:
        _say(sending, b".", msgspec.json.encode(summary))


def _say(sending: Connection, *values: bytes) -> None:
    with suppress(BrokenPipeError):  # the schedule was killed; the board has the outcome
        for value in values:
            sending.send_bytes(value)


def _cycle(settings: RetrainSettings, order: CycleOrder) -> CycleSummary:
    from contextlib import nullcontext

    from models.model_config_file import load_model_config
    from retrain.cycle.cycle_display import NoDisplay
    from retrain.cycle.cycle_opening import CyclePlan
    from retrain.cycle.retrain_once import CycleTools, retrain_once
    from retrain.cycle.retrain_redis import open_retrain_redis
    from retrain.cycle.window_reading import topic_window, window_start

    logger = logging.getLogger("millrace.retrain.schedule")
    start = window_start(settings, None, datetime.now(UTC))
    window = topic_window(settings, start, logger.info, lambda: nullcontext(lambda _done, _total: None))
    plan = CyclePlan(
        order.trigger,
        load_model_config(settings.retrain_config),
        window.source,
        from_scratch=order.from_scratch,
        request_ids=order.request_ids,
    )
    redis = open_retrain_redis(settings)
    return retrain_once(settings, plan, window.read, redis, CycleTools(NoDisplay(), logger.info))
