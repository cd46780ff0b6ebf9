"""The oracle: reads all topics and Redis after a chaos run, and says what is lost or wrong.

Owns the promise as a list of checks; `log_fold` owns what is right. Nothing here knows what the producer or
the workers remember.
"""

import itertools
from collections import Counter
from collections.abc import Iterator

from confluent_kafka import Message

from schemas.dead_letter import read_reason
from schemas.ids import ReleaseId, SessionId
from schemas.recommendation_list import RecommendationList, decode_recommendation_list
from tests.chaos.log_fold import LogFold, Position
from tests.chaos.stored_sessions import check_redis
from tests.chaos.verdict import Verdict
from tests.chaos.whole_topic import whole_topic
from tests.streams.worker_stage import Stage


def judge(stage: Stage, releases: dict[ReleaseId, list[str]], gap_s: float) -> Verdict:
    """Replay the event topic and compare all that came of it.

    Args:
        stage: its workers have ended, Kafka and Redis are well.
        releases: those that may have served, with their vocabularies.
        gap_s: their session gap.
    """
    verdict = Verdict()
    fold = LogFold(releases, gap_s)
    fold.add_all(_all_of(stage, "MILLRACE_EVENT_TOPICS"))
    verdict.valid, verdict.invalid = len(fold.lists), len(fold.invalid)
    verdict.erasures = len(fold.erasures)
    verdict.events = verdict.valid + verdict.invalid + verdict.erasures
    verdict.repeats = sum(one.repeat_of is not None for one in fold.lists.values())
    _check_lists(stage, fold, verdict)
    _check_dead_letters(stage, fold, verdict)
    check_redis(stage, fold, verdict)
    return verdict


def _check_lists(stage: Stage, fold: LogFold, verdict: Verdict) -> None:
    seen: set[Position] = set()
    tombstones: Counter[SessionId] = Counter()
    last: dict[SessionId, int] = {}
    times: list[int] = []
    for message in _all_of(stage, "MILLRACE_RECOMMENDATIONS_TOPIC"):
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        times.append(message.timestamp()[1])
        if not isinstance(value, bytes):
            tombstones[SessionId(key.decode())] += 1
            continue
        one = decode_recommendation_list(value)
        at = Position(one.source.partition, one.source.offset)
        _check_list(message, one, fold, verdict)
        if at in seen:
            verdict.duplicates += 1
            continue
        seen.add(at)
        verdict.late += at.offset < last.get(one.session_id, -1)
        last[one.session_id] = max(at.offset, last.get(one.session_id, -1))
    verdict.lists = len(seen)
    for at in fold.lists.keys() - seen:
        if _is_superseded(at, seen, stage, fold):
            verdict.superseded += 1
        else:
            verdict.violated("event without a list", str(at))
    for session, times_erased in fold.erased.items():
        if tombstones[session] < times_erased:
            verdict.violated("erasure without a tombstone", session)
    for session in tombstones.keys() - fold.erased.keys():
        verdict.violated("tombstone without an erasure", session)
    _find_longest_gap(times, verdict)


def _check_list(message: Message, one: RecommendationList, fold: LogFold, verdict: Verdict) -> None:
    at = Position(one.source.partition, one.source.offset)
    expected = fold.lists.get(at)
    items = tuple(item.item_id for item in one.items)
    if expected is None:
        verdict.violated("list without an event", one.recommendation_id)
    elif one.release_id not in expected.by_release:
        verdict.violated("list of an unknown release", f"{one.recommendation_id} names {one.release_id}")
    elif items != expected.by_release[one.release_id]:
        right = expected.by_release[one.release_id]
        verdict.violated("wrong list", f"{one.recommendation_id} {one.release_id}: {items}, right is {right}")
    elif (one.session_id, one.user_id, one.repeat_of) != expected[:3]:
        verdict.violated("wrong session, user or repeat_of", f"{one}")
    elif message.partition() != at.partition or message.key() != one.session_id.encode():
        verdict.violated("list in a wrong place", one.recommendation_id)


def _is_superseded(at: Position, seen: set[Position], stage: Stage, fold: LogFold) -> bool:
    """Whether an event without a list may have none.

    Where workers emit the latest only, the last event of its session in its micro-batch has the list, or is
    an erasure. What a micro-batch was is not known, but it holds no more than so many events of a partition,
    one after the other.
    """
    if stage.environment["MILLRACE_EMIT"] != "latest":
        return False
    later = fold.followers(at, int(stage.environment["MILLRACE_MAX_BATCH_EVENTS"]))
    return any(one in seen or one in fold.erasures for one in later)


def _find_longest_gap(times_ms: list[int], verdict: Verdict) -> None:
    times_ms.sort()
    for before, after in itertools.pairwise(times_ms):
        if (after - before) / 1000 > verdict.longest_gap_s:
            verdict.longest_gap_s, verdict.longest_gap_at_ms = (after - before) / 1000, before


def _check_dead_letters(stage: Stage, fold: LogFold, verdict: Verdict) -> None:
    seen = set()
    for message in _all_of(stage, "MILLRACE_DEAD_LETTER_TOPIC"):
        headers = message.headers() or []
        assert isinstance(headers, list)
        reason = read_reason([(name, bytes_of(value)) for name, value in headers])
        assert reason is not None
        at = Position(reason.partition, reason.offset)
        seen.add(at)
        if at not in fold.invalid:
            verdict.violated("dead letter of a valid event", f"{at}: {reason.message}")
    for at in fold.invalid - seen:
        verdict.violated("invalid event without a dead letter", str(at))


def _all_of(stage: Stage, topic_setting: str) -> Iterator[Message]:
    return whole_topic(stage.kafka.bootstrap_servers, stage.environment[topic_setting])


def bytes_of(value: str | bytes | None) -> bytes:
    """A header's value as it went over the wire."""
    return value.encode() if isinstance(value, str) else value or b""
