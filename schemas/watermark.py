"""A watermark as Redis holds it: the next offset to apply, and behind `@` the id of the topic it counts in.

The id is what tells a topic from one that was made anew under its name, where the broker tells ids; without
one (an older broker, a watermark from before ids were kept) the offset stands alone. Writers and readers: the
session stores in `streams`.
"""


def written_watermark(offset: int | None, topic_id: str) -> str:
    """The text of a watermark; without an offset, what stands for "no watermark of this topic"."""
    number = "" if offset is None else str(offset)
    return f"{number}@{topic_id}" if topic_id else number


def read_watermark(value: bytes) -> tuple[int, str]:
    """Offset and topic id of a stored watermark; the id is empty where none was known.

    Raises:
        ValueError: these bytes are no watermark.
    """
    offset, _, topic_id = value.decode().partition("@")
    return int(offset), topic_id


def is_of_topic(stored_id: str, topic_id: str) -> bool:
    """Whether a watermark with the stored id counts in the topic: not where both ids are known and differ."""
    return not stored_id or not topic_id or stored_id == topic_id
