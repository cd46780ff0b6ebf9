"""The last steps, of a release that is marked running: watch it, go back where it breaches a limit; prune.

Caller: `retrain.cycle.run_cycle`.
"""

import logging

from msgspec.structs import replace

from retrain.cycle.cycle_parts import CycleParts, Shared
from retrain.cycle.later_announcements import now_announced, overtaken
from retrain.cycle.live_workers import live_workers
from retrain.release_watch.release_watch import watch_release
from retrain.release_watch.watch_judgement import WatchRules
from retrain.release_watch.watch_verdict import WatchedRelease, WatchVerdict
from retrain.releases.pruning import prune_releases
from schemas.errors import Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.retrain_cycle import CycleRecord

_LOGGER = logging.getLogger("millrace.retrain.cycle")


def watch(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Watch the release for its period, where any worker serves it.

    Raises:
        Unavailable: Kafka or Redis does not answer, or the lock was lost.
    """
    settings, told = parts.settings, ""
    if parts.shared is not None and settings.retrain_watch_s and live_workers(parts.shared.redis):
        parts.say(
            f"{record.release_id} runs as generation {record.generation}; it is watched for "
            f"{settings.retrain_watch_s:g} s (MILLRACE_RETRAIN_WATCH_S). Ctrl-C or SIGTERM leaves it running"
        )
        verdict = _watched(parts, parts.shared, record)
        _LOGGER.info("watch of %s: %s: %s", verdict.release_id, verdict.outcome, verdict.reason)
        told = verdict.reason if verdict.outcome == "breached" else ""
    parts.check_lock()
    running = now_announced(parts)
    if running is None or running.generation != record.generation:
        return overtaken(parts, record, running)
    return replace(record, reason="; ".join(filter(None, (record.reason, told))))


def prune(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Remove the old releases that the policy does not keep; where that fails, the next cycle does.

    Raises:
        Unavailable: the lock was lost.
    """
    parts.check_lock()
    try:
        fates = prune_releases(parts.settings, parts.clock.now(), _served(parts))
    except (Unavailable, UsageError) as error:
        _LOGGER.warning("old releases are not removed now: %s", error)
    else:
        for fate in fates:
            if not fate.kept:
                _LOGGER.info("removed the old release %s", fate.release_id)
    return replace(record, outcome=record.outcome or "running")


def _watched(parts: CycleParts, shared: Shared, record: CycleRecord) -> WatchVerdict:
    settings = parts.settings
    assert record.release_id is not None
    rules = WatchRules.of(settings)
    watched = WatchedRelease(record.release_id, record.generation, record.incumbent)
    return watch_release(settings, lambda: live_workers(shared.redis), watched, rules, parts.clock)


def _served(parts: CycleParts) -> set[ReleaseId]:
    """What workers say to serve, whatever was announced."""
    if parts.shared is None:
        return set()
    return {one.release_id for one in live_workers(parts.shared.redis) if one.release_id is not None}
