"""Session-parallel batches: every pair once, in order, states reset where sessions start."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrain.training.session_parallel_batches import SessionParallelBatches
from retrain.training.sessionize import Sessions


def sessions_of(*sessions: list[int]) -> Sessions:
    rows = [row for session in sessions for row in session]
    offsets = np.concatenate([[0], np.cumsum([len(session) for session in sessions])]).astype(np.int64)
    return Sessions(np.array(rows, dtype=np.int32), offsets)


def test_sessions_take_the_lane_that_is_free_first() -> None:
    batches = SessionParallelBatches(sessions_of([1, 2, 3, 4], [5, 6], [7], [8, 9, 10]), batch_size=2)
    steps = [(step.inputs.tolist(), step.targets.tolist(), step.starts.tolist()) for step in batches]
    assert steps == [
        ([1, 5], [2, 6], [True, True]),
        ([2, 8], [3, 9], [False, True]),
        ([3, 9], [4, 10], [False, False]),
    ]


def test_lanes_stop_one_after_the_other() -> None:
    batches = SessionParallelBatches(sessions_of([1, 2], [3, 4, 5, 6]), batch_size=128)
    assert batches.lanes == 2
    assert [step.inputs.tolist() for step in batches] == [[3, 1], [4], [5]]


def test_sessions_without_a_pair_give_no_step() -> None:
    batches = SessionParallelBatches(sessions_of([1], [2]), batch_size=4)
    assert (len(batches), batches.events, list(batches)) == (0, 0, [])


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), max_size=12), st.integers(1, 5))
def test_lanes_replay_every_session_whole_and_in_order(sessions: list[list[int]], batch_size: int) -> None:
    batches = SessionParallelBatches(sessions_of(*sessions), batch_size)
    lanes: list[list[list[int]]] = [[] for _ in range(batches.lanes)]
    for step in batches:
        for lane, (item, target, starts) in enumerate(
            zip(step.inputs, step.targets, step.starts, strict=True)
        ):
            if starts:
                lanes[lane].append([int(item)])
            assert lanes[lane][-1][-1] == item
            lanes[lane][-1].append(int(target))
    replayed = [session for lane in lanes for session in lane]
    assert sorted(replayed) == sorted(session for session in sessions if len(session) > 1)
    assert batches.events == sum(len(session) - 1 for session in sessions)


def test_step_has_the_types_of_its_inputs() -> None:
    untyped = sessions_of([1, 2, 3], [4, 5])
    typed = Sessions(untyped.item_rows, untyped.offsets, np.array([0, 1, 2, 2, 0], dtype=np.int8))
    assert [step.event_types.tolist() for step in SessionParallelBatches(typed, 2)] == [[0, 2], [1]]
    assert [step.event_types.tolist() for step in SessionParallelBatches(untyped, 2)] == [[0, 0], [0]]


def test_steps_can_begin_in_the_middle() -> None:
    batches = SessionParallelBatches(sessions_of([1, 2, 3, 4], [5, 6]), 2)
    assert [step.inputs.tolist() for step in batches.steps(1)] == [[2], [3]]
