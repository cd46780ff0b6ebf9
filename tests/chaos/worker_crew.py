"""The workers of a chaos run, and what a process manager does for them: start again what has ended.

A worker that starts while Kafka or Redis is away ends with code 2 and is started again; one that was ready
once and ends without being told to has broken the promise. The crew also reads the workers' metrics now and
then, for those of a killed worker go with it: its last second or two are missing in the sums.
"""

import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from signal import SIGCONT, SIGSTOP

from prometheus_client.parser import text_string_to_metric_families

from tests.streams.worker_stage import RunningWorker, Stage

LOOK_EVERY_S = 1.0
START_AGAIN_AFTER_S = 1.0
STOP_WITHIN_S = 60.0
COUNTED = (
    "millrace_refusals_total",
    "millrace_redis_rewinds_total",
    "millrace_redis_empty_total",
    "millrace_releases_refused_total",
)


@dataclass
class Place:
    """One place of the crew: its present worker, if there is one."""

    name: str
    worker: RunningWorker | None = None
    wanted: bool = False
    paused: bool = False
    was_ready: bool = False
    start_at_s: float = 0.0


class WorkerCrew:
    """Places for workers, looked after by the thread that injects the faults.

    Args:
        stage: starts them.
        size: how many places; a joining worker takes a free one.

    Attributes:
        faults: what a worker did that it must not: ended by itself, or not when it was told to.
        started: how many workers were started.
    """

    def __init__(self, stage: Stage, size: int) -> None:
        self._stage = stage
        self.places = [Place(f"worker {number}") for number in range(size)]
        self.faults: list[str] = []
        self.started = 0
        self._counts: dict[int, Counter[str]] = {}
        self._look_at_s = 0.0

    def employ(self, place: Place) -> None:
        """Let there be a worker in a place, from now on."""
        place.wanted = True
        place.worker, place.was_ready = self._stage.launch(), False
        self.started += 1

    def kill(self, place: Place) -> None:
        """Kill -9; started again by `look_after`, after a moment."""
        assert place.worker is not None
        place.worker.child.kill()
        self._forget(place)

    def dismiss(self, place: Place) -> None:
        """SIGTERM; it must end with code 0."""
        place.wanted = False
        worker = place.worker
        if worker is None or not worker.child.is_running():
            return
        was_ready, code = place.was_ready, worker.child.terminate(STOP_WITHIN_S)
        if was_ready and code != 0:
            self._blame(place, f"ended with {code} on SIGTERM")
        self._forget(place)

    def pause(self, place: Place) -> None:
        """SIGSTOP: it is there, and does nothing."""
        assert place.worker is not None
        place.paused = True
        place.worker.child.send_signal(SIGSTOP)

    def resume(self, place: Place) -> None:
        """SIGCONT."""
        assert place.worker is not None
        place.worker.child.send_signal(SIGCONT)
        place.paused = False

    def working(self) -> list[Place]:
        """The places with a worker that runs and is not paused."""
        return [
            place
            for place in self.places
            if place.worker is not None and place.worker.child.is_running() and not place.paused
        ]

    def look_after(self) -> None:
        """Start again those that have ended, and read metrics; cheap, call it often."""
        for place in self.places:
            if place.worker is not None and not place.worker.child.is_running():
                self._has_ended(place)
            if place.wanted and place.worker is None and time.monotonic() > place.start_at_s:
                self.employ(place)
        if time.monotonic() > self._look_at_s:
            for place in self.working():
                self._read_metrics(place)
            self._look_at_s = time.monotonic() + LOOK_EVERY_S

    def ready(self) -> int:
        """How many workers say that they are ready."""
        return sum(place.worker is not None and place.worker.is_ready() for place in self.working())

    def counts(self) -> Counter[str]:
        """The sums of the counters of all workers that ever were, by name without prefix and suffix."""
        return sum(self._counts.values(), Counter())

    def _has_ended(self, place: Place) -> None:
        """A worker ended and nobody told it to: 2 at its start is its word that a service is away."""
        assert place.worker is not None
        code = place.worker.child.process.returncode
        if place.was_ready or code != 2:
            self._blame(place, f"ended by itself with {code}")
        self._forget(place)

    def _forget(self, place: Place) -> None:
        place.worker, place.paused = None, False
        place.start_at_s = time.monotonic() + START_AGAIN_AFTER_S

    def _blame(self, place: Place, what: str) -> None:
        assert place.worker is not None
        child = place.worker.child
        self.faults.append(f"{place.name} (pid {child.pid}, {child.log_path}) {what}\n{child.log_tail(25)}")

    def _read_metrics(self, place: Place) -> None:
        worker = place.worker
        assert worker is not None
        try:
            with _direct.open(f"{worker.url}/metrics", timeout=1) as response:
                text = response.read().decode()
        except OSError:  # it starts, or dies
            return
        counts: Counter[str] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "millrace_ready" and sample.value == 1:
                    place.was_ready = True
                if sample.name in COUNTED:
                    counts[_in_words(sample.name, sample.labels)] += int(sample.value)
        self._counts[worker.child.pid] = counts


def _in_words(name: str, labels: dict[str, str]) -> str:
    words = name.removeprefix("millrace_").removesuffix("_total").replace("_", " ")
    return " ".join([words, *(f"at {value}" for value in labels.values())])


_direct: urllib.request.OpenerDirector = urllib.request.build_opener(urllib.request.ProxyHandler({}))
