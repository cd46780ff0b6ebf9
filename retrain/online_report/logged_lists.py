"""The lists of the recommendations topic, by the event that each answers, packed as the worker keeps them.

Caller: `retrain.online_report.online_reporting`.
"""

from typing import NamedTuple

import msgspec

from models.item_hashes import hash_items, packed_hashes
from retrain.log_reading import Record
from schemas.ids import ItemId, RecommendationId, ReleaseId
from schemas.last_list import MAX_LISTED, LastList, pack_list
from schemas.recommendation_list import Source, Strategy


class _Item(msgspec.Struct, frozen=True, gc=False):
    item_id: ItemId


class _List(msgspec.Struct, frozen=True, gc=False):
    """What is read of a RecommendationList; the rest is passed over."""

    recommendation_id: RecommendationId
    source: Source
    release_id: ReleaseId
    strategy: Strategy
    items: list[_Item]
    repeat_of: str | None = None


_DECODER = msgspec.json.Decoder(_List)


class LoggedList(NamedTuple):
    """A list."""

    last: LastList
    is_repeat: bool
    """Whether it answers an event that was processed before, so that it replaces no list."""


class LoggedLists:
    """The lists of a range, taken record by record.

    Attributes:
        by_id: of lists that were emitted again, the one that was emitted last.
        unreadable: messages that are no list.
    """

    def __init__(self) -> None:
        self.by_id: dict[RecommendationId, LoggedList] = {}
        self.unreadable = 0

    def take(self, record: Record) -> None:
        """Take a record of the recommendations topic; tombstones are passed over."""
        if record.value is None:
            return
        try:
            found = _DECODER.decode(record.value)
        except msgspec.DecodeError:
            self.unreadable += 1
            return
        self.by_id[found.recommendation_id] = LoggedList(_packed(found), found.repeat_of is not None)


def _packed(found: _List) -> LastList:
    item_ids = [one.item_id for one in found.items[:MAX_LISTED]]
    hashes = packed_hashes(hash_items(item_ids)).tobytes()
    packed = pack_list(found.strategy, found.source.offset, hashes)
    return LastList(found.release_id, packed, found.source.partition)
