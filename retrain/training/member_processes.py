"""Members of a training side by side, each in a process of its own.

Owns the processes: how many, what goes to them and comes from them, that none outlives the training. A member
needs nothing of the others, so this is the same model as one after the other gives, to the last bit where
each has one thread. Starting a process takes 3 to 4 s of processor time, for the imports. Caller:
`retrain.training.training`.

Processes are spawned: a forked child of a process with threads may find locks that nobody gives back. What
they send is pickled here and not by the connection, whose pickles of tensors name memory that ends with the
sender.
"""

import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import NamedTuple

import torch

from retrain.training.member_progress import SideBySideProgress
from retrain.training.member_training import TrainingPlan, train_member
from retrain.training.session_parallel_batches import SessionParallelBatches
from retrain.training.training_loop import TrainedNetwork, TrainingProgress
from schemas.errors import UsageError


class _Child(NamedTuple):
    """The process of one member."""

    place: int
    process: SpawnProcess
    connection: Connection


def members_at_once(members: int, threads: int, device: torch.device) -> int:
    """How many members are trained side by side: as many as there are threads, on a CPU."""
    return min(members, threads) if device.type == "cpu" else 1


def train_side_by_side(
    plan: TrainingPlan, at_once: int, progress: Callable[[TrainingProgress], None]
) -> list[TrainedNetwork]:
    """Train all members, some at once; the first that fails ends the others.

    Args:
        plan: of the training, with the threads of all that are trained at once.
        at_once: members side by side, from 2; the next ones begin when all of these have ended.
        progress: called with that of the whole training; see `SideBySideProgress`.

    Returns:
        The networks in the members' order.

    Raises:
        UsageError: as a member's training raised it, or its process was killed.
    """
    threads = plan.resources.threads // at_once
    of_one = replace(plan, resources=replace(plan.resources, threads=threads))
    members = plan.config.members
    rounds = -(-members // at_once)
    networks: list[TrainedNetwork] = []
    for made in range(rounds):
        places = range(made * at_once, min((made + 1) * at_once, members))
        whole = SideBySideProgress(places, made, rounds, members)
        with _processes(of_one, places) as children:
            trained = _gathered(children, whole, progress)
        networks += [trained[place] for place in places]
    return networks


@contextmanager
def _processes(plan: TrainingPlan, places: range) -> Iterator[list[_Child]]:
    """The members' processes at work; none is left afterwards."""
    context = get_context("spawn")
    children: list[_Child] = []
    try:
        for place in places:
            ours, theirs = context.Pipe()
            process = context.Process(target=_train_in_child, args=(theirs, place), daemon=True)
            with _interrupts_held_back(), theirs:
                process.start()
                children.append(_Child(place, process, ours))
        for child in children:  # only now, so that they start at the same time
            with suppress(ConnectionError):  # of one that has ended; it is missed when it should be heard
                _send(child.connection, plan)
        yield children
    finally:
        for child in children:
            child.process.kill()  # a checkpoint that is being written is there whole or not at all
            child.process.join()
            child.connection.close()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process started inside never hears of Ctrl-C: it inherits what is blocked. Its parent ends it."""
    resource_tracker.ensure_running()  # begun later it would unblock
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _gathered(
    children: list[_Child], whole: SideBySideProgress, progress: Callable[[TrainingProgress], None]
) -> dict[int, TrainedNetwork]:
    """Hear the members until all are trained."""
    at_work = {child.connection: child for child in children}
    networks: dict[int, TrainedNetwork] = {}
    while at_work:
        for connection in [one for one in wait(list(at_work)) if isinstance(one, Connection)]:
            child = at_work[connection]
            message = _received(child)
            if isinstance(message, TrainedNetwork):
                report = whole.add_trained(child.place, message.history[-1])
                networks[child.place] = message
                del at_work[connection]
                child.process.join()
            else:
                report = whole.add(child.place, message)
            if report is not None:
                progress(report)
    return networks


def _received(child: _Child) -> TrainingProgress | TrainedNetwork:
    """The next message of a member; what it raised is raised."""
    try:
        message = pickle.loads(child.connection.recv_bytes())  # noqa: S301 - from a process of our own
    except (EOFError, OSError) as error:
        child.process.join()
        raise UsageError(
            f"the process that trains member {child.place + 1} ended with exit code "
            f"{child.process.exitcode}; where it was killed for want of memory, give --threads 1: one member "
            "after the other takes less"
        ) from error
    if isinstance(message, Exception):
        child.process.join()
        raise message
    assert isinstance(message, TrainingProgress | TrainedNetwork)
    return message


def _send(connection: Connection, message: object) -> None:
    connection.send_bytes(pickle.dumps(message))


def _train_in_child(connection: Connection, place: int) -> None:
    """What a member's process does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        plan = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our parent
        batches = SessionParallelBatches(plan.sessions, plan.config.batch_size)
        network = train_member(plan, place, batches, lambda own: _send(connection, own), time.perf_counter)
        _send(connection, network)
    except Exception as error:  # noqa: BLE001 - the boundary of the process: the parent raises it
        error.add_note(f"In the process of member {place + 1}:\n{traceback.format_exc()}")
        _send(connection, _sendable(error))


def _sendable(error: Exception) -> Exception:
    """The error, or one that says the same where pickling would lose it."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever a foreign exception's pickling raises
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


def _end_with_parent() -> None:
    """A parent that is killed can end nobody; so its child waits for that."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
