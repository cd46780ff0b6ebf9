"""Training, announcing and judging a release, by the commands of a user. Callers: the demo, `millrace up`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from schemas.errors import UsageError
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest, decode_release_manifest
from streams.dev.demo_report import OfflineRecall
from streams.dev.millrace_services import MillraceServices

TRAINING_TIMEOUT_S = 1800.0
COMMAND_TIMEOUT_S = 600.0


def train_release(
    services: MillraceServices,
    log_file: Path,
    config: Mapping[str, float | str],
    on_line: Callable[[str], None],
) -> ReleaseManifest:
    """Train on the `train` rows of an event file.

    Args:
        services: where the release goes.
        log_file: the event file.
        config: what differs from the default model configuration.
        on_line: called with what the training says last, now and then.

    Raises:
        UsageError: the training failed; the message is its last line.
    """
    config_file = log_file.with_name("model-config.json")
    config_file.write_text(json.dumps(config))
    before = set(services.releases.glob(f"*/{MANIFEST_FILE}"))
    services.run(
        "train",
        log_file,
        "--out",
        services.releases,
        "--config",
        config_file,
        timeout_s=TRAINING_TIMEOUT_S,
        on_line=on_line,
    )
    made = set(services.releases.glob(f"*/{MANIFEST_FILE}")) - before
    if len(made) != 1:
        raise UsageError(f"`millrace train` left {len(made)} new releases in {services.releases}")
    return decode_release_manifest(made.pop().read_bytes())


def announce_release(services: MillraceServices, manifest: ReleaseManifest) -> None:
    """Announce a release, so that worker and lookup serve it."""
    services.run("releases", "promote", manifest.release_id, timeout_s=COMMAND_TIMEOUT_S)


def evaluate_release(services: MillraceServices, manifest: ReleaseManifest, log_file: Path) -> OfflineRecall:
    """Recall@20 on the `test` rows of an event file, by `millrace evaluate`."""
    result = log_file.with_name("evaluation.json")
    folder = services.releases / manifest.release_id
    options = ("--k", "20", "--resamples", "0", "--json", result)
    services.run("evaluate", folder, log_file, *options, timeout_s=COMMAND_TIMEOUT_S)
    found = json.loads(result.read_bytes())
    return OfflineRecall(recall_at_20=found["metrics"]["recall"]["20"], n=found["n"])
