"""The identifiers of Millrace, as distinct types.

`ItemId` is the shop's id; inside model and index an item is an integer row, and only
`models.vocabulary.Vocabulary` converts between the two.
"""

from typing import NewType

SessionId = NewType("SessionId", str)
ItemId = NewType("ItemId", str)
UserId = NewType("UserId", str)
EventId = NewType("EventId", str)
ReleaseId = NewType("ReleaseId", str)
RecommendationId = NewType("RecommendationId", str)

MAX_ID_BYTES = 256
"""An id has 1..256 bytes of UTF-8."""
