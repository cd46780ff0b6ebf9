"""A SessionStore in this process's memory: for tests of the flow; nothing outlives the process."""

from collections.abc import Collection

from aiokafka import TopicPartition

from schemas.ids import SessionId
from schemas.session_state import SessionState
from streams.micro_batch import Watermarks
from streams.session_store import Loaded, UnitSave


class MemorySessionStore:
    """The contract of `SessionStore` without a server; one bucket."""

    def __init__(self) -> None:
        self.buckets = 1
        self.states: dict[SessionId, SessionState] = {}
        self.latest: dict[SessionId, bytes] = {}
        self._watermarks: dict[TopicPartition, int] = {}

    async def load(self, partitions: Collection[TopicPartition], sessions: Collection[SessionId]) -> Loaded:
        """See `SessionStore.load`."""
        states = {session: self.states[session] for session in sessions if session in self.states}
        return Loaded({partition: self._stored(partition) for partition in partitions}, states)

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        """See `SessionStore.save`."""
        refused: dict[TopicPartition, Watermarks] = {}
        for save in saves:
            stored = {partition: self._stored(partition) for partition in save.expected}
            if stored != save.expected:
                refused |= stored
            else:
                self._write(save)
        return refused

    def _write(self, save: UnitSave) -> None:
        self._watermarks |= {partition: mark for partition, (mark,) in save.new.items() if mark is not None}
        for session, state in save.states.items():
            if state is None:
                self.states.pop(session, None)
                self.latest.pop(session, None)
            else:
                self.states[session] = state
        self.latest.update(save.latest)

    def _stored(self, partition: TopicPartition) -> Watermarks:
        return (self._watermarks.get(partition),)
