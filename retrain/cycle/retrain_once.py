"""One retrain: the lock, a cycle that begins or goes on, its outcome, the lock given back.

What is killed on the way has changed nothing that runs, or has announced a release that passed the gate; the
next call goes on. Callers: `millrace retrain once`, `retrain.schedule.cycle_running`.
"""

import os
import socket
from collections.abc import Callable
from typing import NamedTuple

from models.model_config import ModelConfig
from retrain.cycle.cycle_lock import take_lock
from retrain.cycle.cycle_opening import CyclePlan, open_cycle
from retrain.cycle.cycle_parts import CycleClock, CycleParts, Display, Shared, Window
from retrain.cycle.judging import Judge
from retrain.cycle.retrain_redis import Client
from retrain.cycle.run_cycle import run_cycle
from retrain.cycle.status_board import StatusBoard
from retrain.cycle.work_folder import WorkFolder
from retrain.gate.candidate_gate import examine
from retrain.releases.announcing import read_announcements
from retrain.settings import RetrainSettings
from schemas.connections import kafka_arguments
from schemas.cycle_status import CycleSummary
from schemas.errors import UsageError
from schemas.settings import SharedSettings


class CycleTools(NamedTuple):
    """What a cycle is given besides its settings; the defaults are those of every real one."""

    display: Display
    say: Callable[[str], None] = lambda _: None
    """Told what one who waits wants to know."""
    judge: Judge = examine
    clock: CycleClock = CycleClock()
    reached: Callable[[str], None] = lambda _: None
    """See `retrain.cycle.cycle_parts.CycleParts`."""


def retrain_once(
    settings: RetrainSettings,
    plan: CyclePlan,
    read_window: Callable[[], Window],
    redis: Client | None,
    tools: CycleTools,
) -> CycleSummary:
    """Run a cycle, or what is left of the one that was killed.

    Args:
        settings: where Kafka, Redis, the releases and the work folder are.
        plan: what to begin where nothing is to be gone on with.
        read_window: reads what to learn from; not called where it was read already.
        redis: for the lock and the status; None: the caller sees to it that no other cycle runs.
        tools: see there.

    Raises:
        UsageError: another cycle runs, there is nothing to learn from, the training diverged, or a setting
            cannot work.
        InvalidRelease: the candidate cannot be served; nothing was announced.
        Unavailable: Kafka, Redis or the store of releases does not answer; the next call goes on.
    """
    check_config(plan.config)
    check_announcing(settings)
    work = WorkFolder(settings.retrain_work)
    if redis is None:
        with work.held():
            return _run(settings, plan, read_window, None, tools, work)
    lock = take_lock(redis, holder_name(settings), settings.retrain_lock_ttl_s, tools.say)
    try:
        shared = Shared(redis, lock, StatusBoard(redis, lock.value, settings.retrain_history))
        with work.held():
            return _run(settings, plan, read_window, shared, tools, work)
    finally:
        lock.give_back()


def _run(
    settings: RetrainSettings,
    plan: CyclePlan,
    read_window: Callable[[], Window],
    shared: Shared | None,
    tools: CycleTools,
    work: WorkFolder,
) -> CycleSummary:
    parts = CycleParts(
        settings, work, tools.display, read_window, shared, tools.judge, tools.clock, tools.say, tools.reached
    )
    return run_cycle(parts, open_cycle(parts, plan), holder_name(settings))


def holder_name(settings: RetrainSettings) -> str:
    """This process in words: host, process id, work folder."""
    return f"{socket.gethostname()}, process {os.getpid()}, folder {settings.retrain_work.absolute()}"


def check_config(config: ModelConfig) -> None:
    """Make sure that the gate has something to judge on: each cycle but the first would be refused without.

    Raises:
        UsageError: nothing is kept from the training.
    """
    if config.test_share == 0:
        raise UsageError(
            "model config: test_share: 0 keeps no session for the gate of a retrain cycle to judge on; give "
            f"more than 0 (the default is {ModelConfig().test_share:g}): what passes learns them too"
        )


def check_announcing(settings: SharedSettings) -> None:
    """Make sure that the topic of announcements can be read, before minutes go into a training.

    Raises:
        Unavailable: Kafka does not answer, or the topic is missing.
    """
    read_announcements(kafka_arguments(settings), settings.releases_topic)
