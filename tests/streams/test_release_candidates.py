"""Which announced releases may still be served."""

from datetime import UTC, datetime

from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from streams.release_candidates import Candidates


def an_announcement(release_id: str, generation: int, previous: str | None = None) -> ReleaseAnnouncement:
    return ReleaseAnnouncement(
        release_id=ReleaseId(release_id),
        generation=generation,
        announced_at=datetime(2026, 1, 1, tzinfo=UTC),
        previous=None if previous is None else ReleaseId(previous),
    )


def ids(candidates: Candidates) -> list[str]:
    return [one.release_id for one in candidates.newest_first()]


def test_greatest_generation_comes_first() -> None:
    candidates = Candidates()
    assert candidates.add([an_announcement("a", 1), an_announcement("c", 3), an_announcement("b", 2)])
    assert ids(candidates) == ["c", "b", "a"]


def test_what_is_not_above_the_served_generation_is_none() -> None:
    candidates = Candidates()
    candidates.add([an_announcement("a", 1), an_announcement("b", 2), an_announcement("c", 3)])
    candidates.serve(2)
    assert ids(candidates) == ["c"]
    assert not candidates.add([an_announcement("d", 2)])
    candidates.serve(3)
    assert not candidates


def test_refused_release_is_none_any_more_though_the_topic_is_read_again() -> None:
    candidates = Candidates()
    log = [an_announcement("a", 1), an_announcement("b", 2)]
    candidates.add(log)
    candidates.refuse(log[1])
    assert not candidates.add(log)
    assert ids(candidates) == ["a"]
    assert candidates.add([an_announcement("b", 3)])
    assert ids(candidates) == ["b", "a"]


def test_first_of_one_generation_counts() -> None:
    candidates = Candidates()
    candidates.add([an_announcement("a", 1), an_announcement("b", 1)])
    assert not candidates.add([an_announcement("c", 1)])
    assert ids(candidates) == ["a"]


def test_release_before_the_last_one_is_a_candidate_while_none_is_served() -> None:
    candidates = Candidates()
    candidates.add([an_announcement("b", 7, previous="a")])
    assert [(one.release_id, one.generation) for one in candidates.newest_first()] == [("b", 7), ("a", 6)]
    candidates.serve(7)
    candidates.add([an_announcement("d", 9, previous="c")])
    assert ids(candidates) == ["d"]
