"""Which old releases are kept, and why.

Pure. Owns the policy; `retrain.releases.pruning` removes. Callers: `retrain.releases.pruning`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from retrain.releases.release_catalogue import ListedRelease, UnfinishedRelease
from retrain.releases.rollback_target import gate_refusals, search_rollback
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement

PUBLISHED_WITHIN = timedelta(hours=24)
"""A folder without a manifest that was written to within this time is being published."""


class Policy(NamedTuple):
    """How much is kept."""

    keep: int
    """The newest releases that the gate passed."""
    keep_days: float
    """Whatever was made or announced within so many days."""


class Fate(NamedTuple):
    """What becomes of a release."""

    release_id: ReleaseId
    kept: str
    """Why it is kept; empty: it is removed."""


def decide(
    listed: Sequence[ListedRelease],
    unfinished: Sequence[UnfinishedRelease],
    announced: Sequence[ReleaseAnnouncement],
    in_use: Collection[ReleaseId],
    policy: Policy,
    now: datetime,
) -> list[Fate]:
    """Decide on every release and every folder without a manifest.

    Args:
        listed: the releases.
        unfinished: the folders without a manifest.
        announced: what the topic of releases holds, at least one.
        in_use: releases that somebody says to serve, whatever was announced.
        policy: how much is kept.
        now: with a time zone.
    """
    since = now - timedelta(days=policy.keep_days)
    why = _kept_by_age(listed, announced, policy, since)
    why |= dict.fromkeys(in_use, "a worker serves it")
    running = max(announced, key=lambda one: one.generation)
    target, _ = search_rollback(announced, listed)
    if running.previous is not None:
        why[running.previous] = "it was announced before"
    if target is not None:
        why[target] = "a rollback goes to it"
    why[running.release_id] = "it is the announced one"
    why |= {one.release_id: "its manifest cannot be read" for one in listed if one.manifest is None}
    fates = [Fate(one.release_id, why.get(one.release_id, "")) for one in listed]
    return fates + [_of_unfinished(one, now) for one in unfinished]


def _kept_by_age(
    listed: Sequence[ListedRelease],
    announced: Sequence[ReleaseAnnouncement],
    policy: Policy,
    since: datetime,
) -> dict[ReleaseId, str]:
    made = {one.release_id: one.manifest.created_at for one in listed if one.manifest}
    passed = [one.release_id for one in listed if one.manifest and not gate_refusals(one)]
    newest = sorted(passed, key=lambda release_id: made[release_id], reverse=True)
    days = f"within {policy.keep_days:g} days"
    why = {release_id: f"made {days}" for release_id, at in made.items() if at >= since}
    why |= {one.release_id: f"announced {days}" for one in announced if one.announced_at >= since}
    why |= dict.fromkeys(newest[: policy.keep], f"one of the {policy.keep} newest that passed")
    return why


def _of_unfinished(folder: UnfinishedRelease, now: datetime) -> Fate:
    if folder.written_at is None:
        return Fate(folder.release_id, "no manifest, and when it was written is not known")
    young = now - folder.written_at < PUBLISHED_WITHIN
    return Fate(folder.release_id, "no manifest yet: it is being published" if young else "")
