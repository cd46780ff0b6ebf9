"""The short chaos run: a fixed seed, and the faults that tell most. `make chaos` is the long one."""

import os
from pathlib import Path

import pytest

from tests.chaos.chaos_run import ChaosPlan, run_chaos
from tests.chaos.release_faults import SWAP
from tests.chaos.service_faults import KAFKA_KILLED, REDIS_CUT, REDIS_SET_BACK
from tests.chaos.worker_faults import KILL, ZOMBIE
from tests.services.kafka_choice import CHOICE, Machine

SHORT = ChaosPlan(
    seed=5,
    faults=(KILL, REDIS_SET_BACK, SWAP, ZOMBIE, REDIS_CUT, KAFKA_KILLED),
    in_order=True,
    events=3_000,
    least_s=0,
    most_s=120,
    rate=150,
    pause_s=(0.2, 1.0),
    settings={"MILLRACE_MAX_BATCH_EVENTS": "64"},  # so that several are in flight
)


@pytest.mark.timeout(400)
def test_no_fault_loses_doubles_or_falsifies_anything(machine: Machine, tmp_path: Path) -> None:
    if machine.java is None or machine.maven is None or os.environ.get(CHOICE) == "embedded":
        pytest.skip("the broker of a chaos run is stopped and started: that takes Java 17 and Maven")
    outcome = run_chaos(SHORT, machine, tmp_path, print)
    assert outcome.verdict.violations == {}, "\n".join(outcome.verdict.examples)
    assert outcome.verdict.valid > 0
    assert outcome.verdict.lists == outcome.verdict.valid
