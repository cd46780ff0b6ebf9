"""`millrace releases watch RELEASE`: the watch that a cycle keeps after its swap, for promotions by hand.

Composition root of that command. Mounted by `retrain.cli`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.release_watch.watch_verdict import WatchedRelease, WatchVerdict
    from retrain.settings import RetrainSettings
    from schemas.ids import ReleaseId
    from schemas.settings import SharedSettings


def watch_running_release(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="The release that is announced now.")],
    seconds: Annotated[
        float | None, typer.Option(min=1, help="How long at most. [MILLRACE_RETRAIN_WATCH_S]")
    ] = None,
) -> None:
    """Watch the running release, and roll it back where errors or the online hit rate breach a limit."""
    from retrain.settings import RetrainSettings
    from schemas.ids import ReleaseId
    from schemas.settings import read_settings

    settings = read_settings(RetrainSettings, retrain_watch_s=seconds)
    verdict = _watched(settings, ReleaseId(release))
    typer.echo(f"{verdict.outcome.replace('_', ' ')} after {verdict.watched_s:g} s: {verdict.reason}")
    if verdict.outcome in ("rolled_back", "breached"):
        raise typer.Exit(1)


def _watched(settings: "RetrainSettings", release_id: "ReleaseId") -> "WatchVerdict":
    from retrain.cycle.live_workers import live_workers
    from retrain.cycle.retrain_redis import open_retrain_redis
    from retrain.release_watch.release_watch import SystemClock, watch_release
    from retrain.release_watch.watch_judgement import WatchRules

    watched = running_watched(settings, release_id)
    redis = open_retrain_redis(settings)
    try:
        return watch_release(
            settings, lambda: live_workers(redis), watched, WatchRules.of(settings), SystemClock()
        )
    finally:
        redis.close()


def running_watched(settings: "SharedSettings", release_id: "ReleaseId") -> "WatchedRelease":
    """The running announcement, which must be this release's, and where to go back to from it.

    Raises:
        UsageError: another release is announced.
        Unavailable: Kafka or the object store does not answer.
    """
    from retrain.release_watch.watch_verdict import WatchedRelease
    from retrain.releases.announcing import read_announcements, running_announcement
    from retrain.releases.release_catalogue import list_releases
    from retrain.releases.rollback_target import abandoned, search_rollback
    from schemas.connections import kafka_arguments
    from schemas.errors import UsageError

    read = read_announcements(kafka_arguments(settings), settings.releases_topic)
    running = running_announcement(read)
    if running is None or running.release_id != release_id:
        now = f"{running.release_id} is" if running else "none is"
        raise UsageError(
            f"release {release_id} is not the one that is announced ({now}); promote it first: "
            f"millrace releases promote {release_id}"
        )
    announced = [one.announcement for one in read]
    back, _ = search_rollback(announced, list_releases(settings.releases), abandoned(announced))
    return WatchedRelease(running.release_id, running.generation, back)
