"""Redis keys and topic definitions: names that must never change by accident."""

from schemas.ids import SessionId, UserId
from schemas.redis_keys import bucket_of, by_bucket, latest_key, state_key, user_key, watermark_key
from schemas.topics import MAX_EVENT_BYTES, topic_definitions


def test_keys_of_a_bucket_share_a_hash_tag() -> None:
    assert state_key(3, SessionId("s{1}")) == "millrace:{3}:state:s{1}"
    assert latest_key(3, SessionId("s")) == "millrace:{3}:latest:s"
    assert user_key(3, UserId("u")) == "millrace:{3}:user:u"
    assert watermark_key(3, "events", 7) == "millrace:{3}:watermark:events:7"


def test_bucket_is_crc32_of_the_session() -> None:
    assert [bucket_of(SessionId(session), 16) for session in ("s1", "s2", "ä")] == [0, 10, 3]
    assert bucket_of(SessionId("s1"), 1) == 0


def test_sessions_are_grouped_by_bucket_in_order() -> None:
    sessions = [SessionId(f"s{at}") for at in range(20)]
    grouped = by_bucket(sessions, 4)
    assert sorted(session for members in grouped.values() for session in members) == sorted(sessions)
    for bucket, members in grouped.items():
        assert members == [session for session in sessions if bucket_of(session, 4) == bucket]


def test_every_topic_is_defined_once_with_its_cleanup() -> None:
    topics = {
        topic.name: topic
        for topic in topic_definitions(
            ["views", "carts"], "lists", "letters", "goods", "models", "wishes", "new-goods", partitions=8
        )
    }
    assert {name: topic.partitions for name, topic in topics.items()} == {
        "views": 8,
        "carts": 8,
        "lists": 8,
        "letters": 1,
        "goods": 1,
        "models": 1,
        "wishes": 1,
        "new-goods": 1,
    }
    assert {name: topic.config["cleanup.policy"] for name, topic in topics.items()} == {
        "views": "delete",
        "carts": "delete",
        "lists": "compact,delete",
        "letters": "delete",
        "goods": "compact",
        "models": "compact",
        "wishes": "delete",
        "new-goods": "compact",
    }
    assert int(topics["letters"].config["max.message.bytes"]) > MAX_EVENT_BYTES
