"""AnnouncementTopic: the `releases` topic, read from its beginning, without a group.

Caller: `streams.release_watcher`.
"""

from typing import Any

from schemas.release_announcement import ReleaseAnnouncement, decode_release_announcement
from streams.topic_following import TopicFollower


class AnnouncementTopic(TopicFollower[ReleaseAnnouncement]):
    """One reader of the topic; opened again where Kafka fails."""

    def __init__(self, kafka: dict[str, Any], topic: str) -> None:
        """Prepare; nothing is connected yet.

        Args:
            kafka: `schemas.connections.kafka_arguments`.
            topic: the releases topic, of one partition.
        """
        super().__init__(kafka, topic, decode_release_announcement)
