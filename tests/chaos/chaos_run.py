"""One chaos run from start to verdict. Callers: `tests.chaos.test_chaos`, `python -m tests.chaos`."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from confluent_kafka import Consumer

from tests.chaos.chaos_stage import GAP_S, RELEASES, ChaosStage, chaos_stage
from tests.chaos.fault import Fault, may_strike_together
from tests.chaos.fault_log import FaultLog
from tests.chaos.oracle import judge
from tests.chaos.verdict import Verdict
from tests.chaos.whole_topic import log_ends
from tests.services.kafka_choice import Machine

READY_WITHIN_S = 90.0
LOOK_S = 0.1
TOGETHER = 0.35
"""How often a second fault, of another family, strikes while one lasts."""


@dataclass(frozen=True)
class ChaosPlan:
    """What a run is to be."""

    seed: int
    faults: Sequence[Fault]
    """In rounds: each once in an order of the seed's, then again; with `in_order` once, as they are given."""
    events: int
    """It goes on until so many events are in the topic, and `least_s` have passed, or `most_s`."""
    least_s: float
    most_s: float
    rate: float
    in_order: bool = False
    workers: int = 2
    settings: Mapping[str, str] = field(default_factory=dict)
    """`MILLRACE_*` variables of the workers."""
    pause_s: tuple[float, float] = (0.5, 3.0)
    """The shortest and the longest time from one fault to the next."""
    settle_s: float = 300.0
    """How long the workers may take to work through what is left when all faults are healed."""


@dataclass
class ChaosOutcome:
    """What a run gave."""

    verdict: Verdict
    faults: Counter[str]
    counts: Counter[str]
    workers_started: int
    silence: str
    """When the longest time without a list began, and what was struck or healed last before it."""
    seconds: float
    """From the start of the workers until all was applied."""


@dataclass
class ChaosRun:
    """A run that goes on.

    Attributes:
        struck: the faults so far, by kind.
    """

    plan: ChaosPlan
    chaos: ChaosStage
    log: FaultLog
    struck: Counter[str] = field(default_factory=Counter)

    def rage(self) -> None:
        """Faults, until the plan is fulfilled."""
        random = Random(self.plan.seed)
        for fault in self._faults(random):
            self._inject(fault, random, alone=self.plan.in_order)
            self._pass_time(random.uniform(*self.plan.pause_s))
            if self._is_enough() and not self.plan.in_order:
                return
        while not self._is_enough():
            self._pass_time(LOOK_S)

    def settle(self) -> list[str]:
        """All faults are healed: wait until everything is applied; what was not, in words."""
        deadline = time.time() + self.plan.settle_s
        ends = self._log_ends()
        while (marks := self.chaos.stage.watermarks()) != ends and time.time() < deadline:
            self._pass_time(0.5)
        self.log.note("settled" if marks == ends else f"NOT settled: watermarks {marks}, ends {ends}")
        return [] if marks == ends else [f"after {self.plan.settle_s:g} s watermarks {marks}, ends {ends}"]

    def start_workers(self) -> None:
        """The first workers, ready."""
        for place in self.chaos.crew.places[: self.plan.workers]:
            self.chaos.crew.employ(place)
        self.log.note("workers start")
        deadline = time.time() + READY_WITHIN_S
        while self.chaos.crew.ready() < self.plan.workers:
            assert time.time() < deadline, f"the workers were not ready after {READY_WITHIN_S:g} s"
            self._pass_time(0.2)

    def dismiss_workers(self) -> None:
        """All leave."""
        for place in self.chaos.crew.places:
            self.chaos.crew.dismiss(place)
        self.log.note("the workers have ended")

    def _faults(self, random: Random) -> Iterator[Fault]:
        yield from self.plan.faults if self.plan.in_order else ()
        while not self.plan.in_order:
            yield from random.sample(self.plan.faults, len(self.plan.faults))

    def _inject(self, fault: Fault, random: Random, alone: bool) -> None:
        hold_s = random.uniform(*fault.hold_s)
        own = Random(random.random())  # what a strike draws depends on who is there to be struck
        with fault.strike(self.chaos, own) as target:
            if target is None:
                return
            self.struck[fault.name] += 1
            self.log.note(f"{fault.name}: {target}")
            self._pass_time(hold_s / 2)
            others = [one for one in self.plan.faults if may_strike_together(fault, one)]
            if not alone and others and random.random() < TOGETHER:
                self._inject(random.choice(others), random, alone=True)
            self._pass_time(hold_s / 2)
        self.log.note(f"{fault.name}: over")

    def _is_enough(self) -> bool:
        passed_s, sent = self.log.seconds, self.chaos.traffic.acknowledged
        return (sent >= self.plan.events and passed_s >= self.plan.least_s) or passed_s >= self.plan.most_s

    def _pass_time(self, seconds: float) -> None:
        """Let a while pass, and look after the workers meanwhile."""
        until = time.monotonic() + seconds
        while True:
            self.chaos.crew.look_after()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(LOOK_S, left))

    def _log_ends(self) -> dict[int, int]:
        stage = self.chaos.stage
        consumer = Consumer({"bootstrap.servers": stage.kafka.bootstrap_servers, "group.id": "nobody"})
        try:
            ends = log_ends(consumer, stage.environment["MILLRACE_EVENT_TOPICS"])
        finally:
            consumer.close()
        return {number: end for number, end in ends.items() if end}


def run_chaos(plan: ChaosPlan, machine: Machine, folder: Path, say: Callable[[str], None]) -> ChaosOutcome:
    """Run a plan to its verdict.

    Args:
        plan: what to do.
        machine: has Java and Maven.
        folder: an empty one, for data and logs; the fault log is `faults.log` in it.
        say: told each line of the fault log.
    """
    log, places = FaultLog(folder / "faults.log", say), plan.workers + 1
    log.note(f"seed {plan.seed}, {dict(plan.settings)}, logs in {folder}")
    with chaos_stage(machine, folder, plan.seed, plan.rate, places, plan.settings) as chaos:
        run = ChaosRun(plan, chaos, log)
        run.start_workers()
        with chaos.traffic:
            run.rage()
        left, seconds, counts = run.settle(), log.seconds, chaos.crew.counts()
        run.dismiss_workers()
        verdict = judge(chaos.stage, RELEASES, GAP_S)
    for kind, found in {
        "worker": chaos.crew.faults,
        "stuck": left,
        "not produced": chaos.traffic.failed,
    }.items():
        for one in found:
            verdict.violated(kind, one)
    if chaos.traffic.acknowledged > verdict.events:
        verdict.violated("Kafka lost events", f"{chaos.traffic.acknowledged} sent, {verdict.events} there")
    silence = log.moment(verdict.longest_gap_at_ms / 1000)
    return ChaosOutcome(verdict, run.struck, counts, chaos.crew.started, silence, seconds)
