"""Traffic of a chaos run: clicks, and among them repeats, erasures, invalid events, refused consent, users.

Nothing is remembered of what was sent but a count: the oracle reads the topic. A thread sends in turns, so
that the rate can be thousands a second. The order of the events follows from the seed; where the turns
fall does not.
"""

import json
import threading
import time
from collections import deque
from random import Random
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, Message, Producer

from tests.streams.known_traffic import ITEMS

TURN_S = 0.02
ACTIVE_SESSIONS = 250
CATALOGUE = [*ITEMS, "item-10", "item-11", "item-nobody-knows"]
"""Items of both releases of a chaos run, and one of neither."""
INVALID = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b'{"session_id":"s"}',
    b'{"session_id":"s","item_id":"a","event_type":"x"}',
]
USERS = 60
"""Each has several sessions at a time."""
REMEMBERED_IDS = 70
"""More than a session recognises, so that some come again after they were forgotten; or after an erasure."""
MOODS = {"trickle": 0.2, "usual": 1.0, "still usual": 1.0, "busy": 3.0}
"""Times the usual rate, for one to four seconds each."""
BURST_CHANCE = 0.15
BURST_PER_S = 3_000.0
"""A second or less of it, at any usual rate: what makes large batches, one close behind the other."""


class MixedTraffic:
    """A thread that sends until told to stop; a context manager.

    Args:
        bootstrap_servers: Kafka's address.
        topic: the events topic.
        seed: of the events.
        rate: usual events a second.

    Attributes:
        clock_step_s: added to the time of every event, as a producer with a wrong clock does.
        acknowledged: how many events Kafka has taken.
        failed: what Kafka did not take, in words.
    """

    def __init__(self, bootstrap_servers: str, topic: str, seed: int, rate: float) -> None:
        self.clock_step_s = 0
        self.acknowledged = 0
        self.failed: list[str] = []
        self._topic = topic
        self._rate = rate
        self._random = Random(seed)
        self._event_ids: dict[str, deque[str]] = {}
        self._active: list[str] = []
        self._numbered = 0
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 600_000,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Send nothing more, and wait until Kafka has everything."""
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(120) == 0, "Kafka did not take the events within 120 s"

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._random.random() < BURST_CHANCE:
                self._send_for(self._random.uniform(0.3, 1.0), BURST_PER_S)
            else:
                mood = self._random.choice(list(MOODS.values()))
                self._send_for(self._random.uniform(1, 4), self._rate * mood)

    def _send_for(self, length_s: float, rate: float) -> None:
        """Send so many events a second for a while, caught up where a turn was late."""
        started, sent = time.monotonic(), 0
        while not self._stop.is_set() and (passed_s := time.monotonic() - started) < length_s:
            while sent < passed_s * rate:
                self._send_one()
                sent += 1
            self._producer.poll(0)
            self._stop.wait(TURN_S)

    def _send_one(self) -> None:
        session = self._session()
        user = self._user(session)
        fields = {
            "event_type": self._random.choice(("view", "cart")),
            "item_id": self._random.choice(CATALOGUE),
            **user,
        }
        fate = self._random.random()
        if fate < 0.015:
            self._produce(session, self._random.choice(INVALID))
        elif fate < 0.025:
            self._event(session, event_type="erase", **user)
        elif fate < 0.04:
            self._event(session, **fields, consent=False)
        elif fate < 0.09 and self._event_ids.get(session):
            self._event(session, **fields, event_id=self._random.choice(self._event_ids[session]))
        elif fate < 0.3:
            self._event(session, **fields)
        else:
            self._event(session, **fields, event_id=self._next_event_id(session))

    def _session(self) -> str:
        """One of the active sessions, the older ones more often; now and then a new one takes a place."""
        if len(self._active) < ACTIVE_SESSIONS or self._random.random() < 0.005:
            self._numbered += 1
            if len(self._active) == ACTIVE_SESSIONS:
                self._event_ids.pop(self._active.pop(self._random.randrange(ACTIVE_SESSIONS)), None)
            self._active.append(f"session-{self._numbered}")
        place = int(len(self._active) * self._random.random() ** 2)
        return self._active[place]

    def _user(self, session: str) -> dict[str, str]:
        """Half of the events name nobody, most of the others the session's user, some anybody else."""
        fate = self._random.random()
        if fate < 0.5:
            return {}
        number = self._random.randrange(USERS) if fate > 0.95 else int(session.partition("-")[2]) % USERS
        return {"user_id": f"user-{number}"}

    def _next_event_id(self, session: str) -> str:
        ids = self._event_ids.setdefault(session, deque(maxlen=REMEMBERED_IDS))
        ids.append(f"{session}-{self._random.getrandbits(48):x}")
        return ids[-1]

    def _event(self, session: str, **fields: object) -> None:
        occurred_at = int((time.time() + self.clock_step_s) * 1000)
        event = {"session_id": session, "occurred_at": occurred_at, **fields}
        self._produce(session, json.dumps(event).encode())

    def _produce(self, session: str, value: bytes) -> None:
        self._producer.produce(self._topic, value, session.encode(), on_delivery=self._delivered)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self.failed.append(str(error))
