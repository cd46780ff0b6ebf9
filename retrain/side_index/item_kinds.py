"""ItemKinds: which items are of a kind, as the shop says: of one category, of one brand.

Before any query has led to a new item, its kind is all that is known of it. Owns the category and the brand
of every item of the `items` topic, no more of it. Caller: `retrain.side_index.new_items`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from models.vocabulary import UNKNOWN, Vocabulary
from schemas.ids import ItemId
from schemas.item_metadata import ItemMetadata


class Kind(NamedTuple):
    """One thing that an item may have in common with others."""

    name: str
    value: str


class ItemKinds:
    """What the shop said of its items, the last word on each."""

    def __init__(self) -> None:
        self._kinds: dict[ItemId, tuple[Kind, ...]] = {}
        self.version = 0
        """Rises with every change."""

    def newest_first(self) -> Iterator[ItemId]:
        """The items, those that were described first last."""
        return reversed(self._kinds)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._kinds

    def describe(self, item: ItemMetadata) -> bool:
        """Take a message of the topic; whether it tells anything new."""
        kinds = tuple(_kinds(item))
        is_new = self._kinds.get(item.item_id) != kinds
        self._kinds[item.item_id] = kinds
        self.version += is_new
        return is_new

    def remove(self, item_id: ItemId) -> bool:
        """The shop has deleted the item; whether it was there."""
        is_gone = self._kinds.pop(item_id, None) is not None
        self.version += is_gone
        return is_gone

    def kinds(self, item_id: ItemId) -> tuple[Kind, ...]:
        """Of an item; none where the shop has said nothing of it."""
        return self._kinds.get(item_id, ())

    def known_rows(self, vocabulary: Vocabulary) -> dict[Kind, list[int]]:
        """By kind the rows of a release's items that are of it; a kind without any is not in it."""
        rows: dict[Kind, list[int]] = {}
        for item_id, kinds in self._kinds.items():
            row = vocabulary.row(item_id)
            for kind in kinds if row != UNKNOWN else ():
                rows.setdefault(kind, []).append(row)
        return rows


def _kinds(item: ItemMetadata) -> Iterator[Kind]:
    if item.category:
        yield Kind("category", item.category)
    brand = (item.attributes or {}).get("brand")
    if isinstance(brand, str) and brand:
        yield Kind("brand", brand)
