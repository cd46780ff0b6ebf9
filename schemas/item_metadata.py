"""ItemMetadata v1: what the shop writes to the `items` topic, as JSON; an empty value deletes the item.

Writer: the shop. Readers: `streams.catalogue`, which keeps the bytes in Redis for workers and lookup.
"""

from typing import Any

import msgspec

from schemas.errors import InvalidEvent
from schemas.ids import MAX_ID_BYTES, ItemId


class ItemMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the shop says of an item. Unknown fields are ignored."""

    item_id: ItemId
    title: str | None = None
    category: str | None = None
    price: float | None = None
    currency: str | None = None
    available: bool = True
    """False: the item is not recommended until a later message says otherwise."""
    url: str | None = None
    image_url: str | None = None
    attributes: dict[str, Any] | None = None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(ItemMetadata)


def encode_item_metadata(item: ItemMetadata) -> bytes:
    """JSON bytes of the item."""
    return _ENCODER.encode(item)


def decode_item_metadata(value: bytes) -> ItemMetadata:
    """The item from its JSON bytes.

    Raises:
        InvalidEvent: the bytes are no ItemMetadata v1; nothing but this is raised.
    """
    try:
        item = _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason, _, path = str(error).partition(" - at `")
        raise InvalidEvent(path.rstrip("`") or "$", reason) from error
    if not 1 <= len(item.item_id.encode()) <= MAX_ID_BYTES:
        raise InvalidEvent(
            "$.item_id", f"an id has 1 to {MAX_ID_BYTES} bytes, this one has {len(item.item_id.encode())}"
        )
    return item
