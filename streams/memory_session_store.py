"""A SessionStore in this process's memory: for tests of the flow; nothing outlives the process."""

from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from schemas.ids import SessionId, UserId
from schemas.session_state import SessionState
from schemas.watermark import written_watermark
from streams.micro_batch import Watermarks
from streams.session_store import Loaded, UnitSave, loaded_of


class MemorySessionStore:
    """The contract of `SessionStore` without a server; one bucket."""

    def __init__(self, topic_ids: Mapping[str, str] | None = None) -> None:
        self.buckets = 1
        self._topic_ids = {} if topic_ids is None else topic_ids
        self.states: dict[SessionId, SessionState] = {}
        self.latest: dict[SessionId, bytes] = {}
        self.sessions_of: dict[UserId, set[SessionId]] = {}
        self._watermarks: dict[TopicPartition, bytes] = {}

    async def load(
        self,
        partitions: Collection[TopicPartition],
        sessions: Collection[SessionId],
        buckets: Mapping[int, Collection[int]] | None = None,  # noqa: ARG002  # there is but one
    ) -> Loaded:
        """See `SessionStore.load`."""
        states = {session: self.states[session] for session in sessions if session in self.states}
        return self._loaded(partitions, states)

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        """See `SessionStore.save`."""
        refused: dict[TopicPartition, Watermarks] = {}
        for save in saves:
            stored = self._loaded(save.expected, {}).watermarks
            if stored != save.expected:
                refused |= stored
            else:
                self._write(save)
        return refused

    def _write(self, save: UnitSave) -> None:
        for partition, (mark,) in save.new.items():
            if mark is not None:
                topic_id = self._topic_ids.get(partition.topic, "")
                self._watermarks[partition] = written_watermark(mark, topic_id).encode()
        for session, state in save.states.items():
            if state is None:
                self.states.pop(session, None)
                self.latest.pop(session, None)
            else:
                self.states[session] = state
        self.latest.update(save.latest)
        for (user, session), is_owned in save.owned.items():
            of_user = self.sessions_of.setdefault(user, set())
            of_user.add(session) if is_owned else of_user.discard(session)

    def _loaded(
        self, partitions: Collection[TopicPartition], states: dict[SessionId, SessionState]
    ) -> Loaded:
        written = [self._watermarks.get(partition) for partition in partitions]
        return loaded_of(partitions, [written], self._topic_ids, states)
