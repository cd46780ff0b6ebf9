"""SideIndexTopic: the `side-indexes` topic, read from its beginning, without a group.

Caller: `streams.side_index_watcher`.
"""

from typing import Any

from schemas.side_index_announcement import SideIndexAnnouncement, decode_side_index_announcement
from streams.topic_following import TopicFollower


class SideIndexTopic(TopicFollower[SideIndexAnnouncement]):
    """One reader of the topic; opened again where Kafka fails."""

    def __init__(self, kafka: dict[str, Any], topic: str) -> None:
        """Prepare; nothing is connected yet.

        Args:
            kafka: `schemas.connections.kafka_arguments`.
            topic: the topic of side indexes, of one partition.
        """
        super().__init__(kafka, topic, decode_side_index_announcement)
