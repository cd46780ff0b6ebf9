"""Building a release: a trained model and its data -> a release folder.

Owns the making of the folder: the files first, `manifest.json` last; without it a release does not exist.
Writer: of release folders (readers: `models.release`, `streams.release_fetching`). Caller:
`retrain.training.training_run`.
"""

import hashlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from models.encoder import OnnxEncoder
from models.model_config import ModelConfig
from models.popularity import most_popular
from models.release import (
    ENCODER_FILE,
    INDEX_FILE,
    POPULAR_FILE,
    REPEAT_BIAS_FILE,
    SIMILAR_FILE,
    VECTORS_FILE,
    VOCABULARY_FILE,
    sha256_of,
)
from models.servable_model import ServableModel
from models.similar_items import nearest_items
from models.trainable_weights import WEIGHTS_FILE, save_weights
from models.vocabulary import Vocabulary
from retrain.lasting_files import rename_last, to_disk
from retrain.releases.index_building import build_measured_index
from retrain.releases.probe_writing import write_probes
from retrain.training.sessionize import Sessions
from schemas.errors import UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import (
    MANIFEST_FILE,
    DataRange,
    FileDigest,
    IndexSpec,
    ReleaseManifest,
    encode_release_manifest,
)

_HASHED = ("session_id", "item_id", "event_type", "occurred_at_ms")
_HASHED_AT_ONCE = 250_000


def build_release(
    releases: Path,
    model: ServableModel,
    vocabulary: Vocabulary,
    sessions: Sessions,
    config: ModelConfig,
    data: DataRange,
    created_at: datetime,
) -> ReleaseManifest:
    """Write a release.

    Args:
        releases: the folder of releases; made where it does not exist.
        model: what was trained.
        vocabulary: its items, in the order of its rows.
        sessions: what it was trained on.
        config: how it was trained.
        data: see `describe_data`.
        created_at: the present, with a time zone; part of the release's id.

    Returns:
        The manifest; the folder bears its `release_id`.

    Raises:
        UsageError: the folder cannot be made.
    """
    release_id = ReleaseId(
        f"{model.strategy}-{created_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{data.sha256[:8]}"
    )
    folder = releases / release_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{folder}: the release cannot be written ({error.strerror})") from error
    index = _write_files(folder, model, vocabulary, sessions, config)
    manifest = ReleaseManifest(
        release_id=release_id,
        created_at=created_at,
        strategy=model.strategy,
        items=len(vocabulary),
        session_gap_s=config.session_gap_s,
        encoder=model.spec,
        index=index,
        data=data,
        config=msgspec.to_builtins(config),
        metrics={name: round(value, 6) for name, value in model.metrics.items()},
        code_version=version("millrace"),
        files=_digests(folder),
        lineage=model.lineage,
        refit=model.refit,
    )
    probes = write_probes(folder, manifest, sessions)
    files = {**manifest.files, probes.name: _digest(probes)}
    complete = msgspec.structs.replace(manifest, files=dict(sorted(files.items())))
    write_manifest(folder, complete)
    return complete


def write_manifest(folder: Path, manifest: ReleaseManifest) -> None:
    """Write the manifest of a release that is not published yet, whole or not at all, after its files."""
    unfinished = folder / f".{MANIFEST_FILE}"
    unfinished.write_bytes(encode_release_manifest(manifest))
    for name in manifest.files:
        to_disk(folder / name)
    rename_last(unfinished, folder / MANIFEST_FILE)
    to_disk(folder.parent)


def describe_data(events: pl.DataFrame, sessions: Sessions) -> DataRange:
    """What a release is trained on.

    Args:
        events: the training events in log order.
        sessions: the sessions made of them.
    """
    first_ms, last_ms = events["occurred_at_ms"].min(), events["occurred_at_ms"].max()
    return DataRange(
        events=len(events),
        sessions=len(sessions),
        items=events["item_id"].n_unique(),
        first_event_at=_time(first_ms),
        last_event_at=_time(last_ms),
        sha256=hash_of_events(events),
    )


def hash_of_events(events: pl.DataFrame) -> str:
    """The SHA-256 of events in log order: their sessions, items, types and times."""
    fields = [pl.col(name).cast(pl.String).fill_null("") for name in _HASHED]
    digest = hashlib.sha256()
    for number, piece in enumerate(events.iter_slices(_HASHED_AT_ONCE)):
        lines = piece.select(pl.concat_str(fields, separator="\t").str.join("\n"))["session_id"]
        digest.update(b"\n" * bool(number) + str(lines.item()).encode())
    return digest.hexdigest()


def _write_files(
    folder: Path, model: ServableModel, vocabulary: Vocabulary, sessions: Sessions, config: ModelConfig
) -> IndexSpec:
    (folder / ENCODER_FILE).write_bytes(model.encoder)
    np.save(folder / VECTORS_FILE, model.item_vectors)
    vocabulary.save(folder / VOCABULARY_FILE)
    np.save(folder / POPULAR_FILE, most_popular(sessions.item_rows, len(vocabulary)))
    np.save(folder / SIMILAR_FILE, nearest_items(model.embeddings))
    if model.repeat_bias is not None:
        np.save(folder / REPEAT_BIAS_FILE, model.repeat_bias)
    if model.weights:
        save_weights(folder / WEIGHTS_FILE, model.weights)
    encoder = OnnxEncoder(folder / ENCODER_FILE, model.spec)
    index, spec = build_measured_index(model.item_vectors, encoder, sessions, config)
    index.save(folder / INDEX_FILE)
    return spec


def _digests(folder: Path) -> dict[str, FileDigest]:
    return {path.name: _digest(path) for path in sorted(folder.iterdir())}


def _digest(path: Path) -> FileDigest:
    return FileDigest(sha256=sha256_of(path), bytes=path.stat().st_size)


def _time(time_ms: object) -> datetime | None:
    return datetime.fromtimestamp(time_ms / 1000, UTC) if isinstance(time_ms, int) else None
