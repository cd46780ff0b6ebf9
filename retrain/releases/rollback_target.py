"""Where to go back to: the last release that ran before the present one and that the gate passed.

Pure. Callers: `retrain.releases.release_promotion` (`millrace releases rollback`), `millrace releases watch`,
`retrain.releases.retention` (which keeps it).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from retrain.releases.release_catalogue import ListedRelease
from schemas.gate_report import GateReport
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement


class RollbackSearch(NamedTuple):
    """The outcome of the search."""

    target: ReleaseId | None
    """None: no release that ran can be gone back to."""
    passed_over: dict[ReleaseId, str]
    """Releases that ran later than the target, and why they are not it."""


def search_rollback(
    announced: Sequence[ReleaseAnnouncement],
    listed: Sequence[ListedRelease],
    not_to: Collection[ReleaseId] = (),
) -> RollbackSearch:
    """Choose the release to go back to.

    Args:
        announced: what the topic holds; compaction may have left the last announcement alone, which names the
            release before it.
        listed: the releases that there are, see `retrain.releases.release_catalogue.list_releases`.
        not_to: releases to pass over; a watch gives `abandoned(announced)`, so that two bad ones do not take
            turns.
    """
    there = {release.release_id: release for release in listed}
    passed_over: dict[ReleaseId, str] = {}
    for release_id in _ran_before(announced):
        problem = _problem(release_id, there, not_to)
        if not problem:
            return RollbackSearch(release_id, passed_over)
        passed_over[release_id] = problem
    return RollbackSearch(None, passed_over)


def abandoned(announced: Sequence[ReleaseAnnouncement]) -> set[ReleaseId]:
    """Releases that were left for one that had run before them, and were not announced again since."""
    history = [one.release_id for one in sorted(announced, key=lambda one: one.generation)]
    left: set[ReleaseId] = set()
    for at, release_id in enumerate(history):
        before = history[:at]
        if release_id in before:
            last = at - 1 - before[::-1].index(release_id)
            left |= set(before[last + 1 :])
        left.discard(release_id)
    return left


def gate_refusals(release: ListedRelease) -> list[str]:
    """The rules by which the gate refused a release; none where it passed, or was never asked."""
    gate = release.manifest.gate if release.manifest else None
    return [refusal.rule for refusal in gate.refusals] if isinstance(gate, GateReport) else []


def _ran_before(announced: Sequence[ReleaseAnnouncement]) -> list[ReleaseId]:
    """The releases that were announced before the present one, the last first, each once."""
    history = sorted(announced, key=lambda one: one.generation, reverse=True)
    names = [name for one in history for name in (one.release_id, one.previous) if name is not None]
    return list(dict.fromkeys(name for name in names if name != names[0]))


def _problem(
    release_id: ReleaseId, there: Mapping[ReleaseId, ListedRelease], not_to: Collection[ReleaseId]
) -> str:
    """Why a release cannot be gone back to; empty where it can."""
    if release_id in not_to:
        return "it was left before"
    release = there.get(release_id)
    if release is None:
        return "it is gone"
    if release.manifest is None:
        return f"it cannot be read: {release.problem}"
    rules = gate_refusals(release)
    return f"the gate refused it ({', '.join(rules)})" if rules else ""
