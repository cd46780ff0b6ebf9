"""A batch and the unsaved batches that it continues: what watermarks it accepts, from what states it starts.

Several batches are in flight at once, so what the store holds when a batch is loaded may be older than where
the batch begins, by those before it that are not saved yet. A batch accepts a watermark where one of these
begins too, and takes the states that they computed in place of the loaded ones. It continues a batch only
where their watermarks join: one that lies elsewhere in the log is none of its past. What comes
behind one that was refused or given up: see `BucketMarks`. Caller: `streams.batch_processor`.
"""

from collections.abc import Mapping, Sequence, Set

from aiokafka import TopicPartition

from schemas.ids import SessionId, UserId
from schemas.session_state import SessionState
from streams.dead_letters import DeadLetter
from streams.due_events import due_events, due_letters
from streams.event_decoding import DecodedEvent
from streams.micro_batch import Abandoned, BatchOutcome, MicroBatch, Watermarks
from streams.session_store import UnitSave

States = dict[SessionId, SessionState | None]
Unit = dict[TopicPartition, Watermarks]
"""The partitions of one number, one of each event topic: they are compared and saved together."""


class ChainedBatch:
    """A batch in flight.

    Attributes:
        batch: what the event source has handed over.
        buckets: by partition number, the buckets that the batch reads, compares and writes.
        expected: by partition number, the watermarks at which the batch begins.
        new: by partition number, those at which it ends.
        refused: the partitions of which nothing may be done, with their stored watermarks.
        changed: by partition number, the sessions that the batch has changed; None before that is computed.
    """

    def __init__(self, batch: MicroBatch, buckets: Mapping[int, Set[int]]) -> None:
        """Let the batch begin; batches begin in log order.

        Args:
            batch: see above.
            buckets: see above; those of the sessions of its events among them.
        """
        self.batch = batch
        self.buckets = buckets
        self.expected: dict[int, Unit] = {}
        self.new: dict[int, Unit] = {}
        for one, marks in batch.marks.items():
            if one in batch.ends:
                begin, end = marks.begin(batch.ends[one], buckets[one.partition])
            else:
                begin = end = marks.current
            self.expected.setdefault(one.partition, {})[one] = begin
            self.new.setdefault(one.partition, {})[one] = end
        self.refused: Unit = {}
        self.changed: dict[int, States] | None = None
        self._ahead: Sequence[ChainedBatch] = ()
        self._past: dict[int, list[ChainedBatch]] = {}
        self._home: Mapping[SessionId, int] = {}

    def follow(self, unsaved: Sequence["ChainedBatch"]) -> None:
        """Note the batches before this one that are not saved, oldest first; just before loading."""
        self._ahead = unsaved

    def refuse_unexpected(self, stored: Mapping[TopicPartition, Watermarks]) -> None:
        """Refuse each unit of which a watermark is not where this batch begins, or one that it continues.

        What it continues is decided here, once: a batch that is refused at its save after this was loaded has
        computed the right states all the same.
        """
        self._past = {number: self._continued(number) for number in self.expected}
        for number, unit in self.expected.items():
            begins = [unit, *(one.expected[number] for one in self._past[number])]
            if any(self.batch.marks[one].refused for one in unit) or not all(
                self._is_accepted(stored[one], [begin[one] for begin in begins], number) for one in unit
            ):
                self.refuse({one: stored[one] for one in unit})

    def refuse(self, stored: Mapping[TopicPartition, Watermarks]) -> None:
        """Do nothing, or nothing more, of these partitions, which have other watermarks than expected."""
        self.refused |= stored
        for one in stored:
            self.batch.marks[one].refused = True

    def _is_accepted(self, stored: Watermarks, begins: Sequence[Watermarks], number: int) -> bool:
        """Whether each bucket's watermark is an accepted one; buckets are saved one after the other."""
        return all(stored[bucket] in {marks[bucket] for marks in begins} for bucket in self.buckets[number])

    def due(self, events: list[DecodedEvent], buckets: int) -> list[DecodedEvent]:
        """The events that are to be applied; see `streams.due_events`."""
        return due_events(events, self._begin, self.batch.records, self.refused, buckets)

    def due_letters(self, letters: list[DeadLetter]) -> list[DeadLetter]:
        """The dead letters that are to be sent; likewise."""
        return due_letters(letters, self._begin, self.refused)

    def start(self, loaded: Mapping[SessionId, SessionState]) -> States:
        """The states that the batch starts from; the batches before it are let go.

        Args:
            loaded: what the store held.

        Raises:
            Abandoned: one that it continues was given up before it was computed.
        """
        states: States = dict(loaded)
        if any(before.changed is None for past in self._past.values() for before in past):
            raise Abandoned
        for before in self._ahead:
            for number, changed in (before.changed or {}).items():
                if number not in self._past or before in self._past[number]:
                    states.update(changed)
        self._ahead, self._past = (), {}
        return states

    def change(self, states: States, home: Mapping[SessionId, int]) -> None:
        """Note what the batch changes.

        Args:
            states: the changed sessions.
            home: of every session of the batch the partition number of its last event.
        """
        self._home = home
        self.changed = {number: {} for number in self.expected}
        for session, state in states.items():
            self.changed[home[session]][session] = state

    def saves(
        self, latest: Mapping[SessionId, bytes], owned: Mapping[tuple[UserId, SessionId], bool]
    ) -> list[UnitSave]:
        """One save for each unit that is not refused.

        Args:
            latest: the latest lists of the sessions, which `change` was told the home of.
            owned: see `UnitSave.owned`; of such sessions.
        """
        assert self.changed is not None
        saves = {
            number: UnitSave(unit, self.new[number], self.changed[number], buckets=self.buckets[number])
            for number, unit in self.expected.items()
            if self.refused.keys().isdisjoint(unit)
        }
        for session, value in latest.items():
            saves[self._home[session]].latest[session] = value
        for (user, session), is_owned in owned.items():
            saves[self._home[session]].owned[user, session] = is_owned
        return list(saves.values())

    def outcome(self) -> BatchOutcome:
        """What became of the batch, when all is done."""
        applied = {one: end for one, end in self.batch.ends.items() if one not in self.refused}
        expected = {one: self.expected[one.partition][one] for one in self.refused}
        return BatchOutcome(applied, self.refused, expected)

    @property
    def _begin(self) -> Unit:
        """Of each partition the watermarks at which the batch begins."""
        return {one: marks for unit in self.expected.values() for one, marks in unit.items()}

    def _continued(self, number: int) -> list["ChainedBatch"]:
        """The unsaved batches whose watermarks of a unit lead to this one's, the nearest first."""
        continued: list[ChainedBatch] = []
        begin = self.expected[number]
        for before in reversed(self._ahead):
            if number in before.expected:
                if before.new[number] != begin:
                    break
                continued.append(before)
                begin = before.expected[number]
        return continued
