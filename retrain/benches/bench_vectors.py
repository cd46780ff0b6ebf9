"""What `millrace bench index` searches: drawn vectors, or those of a release, and more made of them.

Owns the drawing. Approximate indexes may be judged on vectors with neighbours like those of trained ones
only; plain random ones have none. Caller: `retrain.benches.bench_index`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from index.index_measuring import MAX_QUERIES
from models.model_config_file import load_model_config
from models.release import Release, load_release
from retrain.event_split import read_log, train_events
from retrain.releases.index_building import newest_queries
from retrain.training.sessionize import Sessions, sessionize
from retrain.training.training_run import train_release

DIM = 100
"""Of drawn vectors, as of the default model; a bias comes after them."""
_DRAWN_UP_TO = 20_000
_CATEGORY, _BRAND = 150, 10
"""Items near one another, and very near."""
_SHARES = 0.62, 0.5, 0.6
"""Of an item's vector: its category, its brand, itself. A query's best, 20th and 100th cosine are then about
.8, .4 and .3, as with the vectors trained on yoochoose 1/64 (.81, .50, .33)."""
_QUERY_SPREAD = 0.8
_SCALE = 16
"""Length of a query."""
_JITTER = 0.3
"""Length of what a copy differs by, as a share of the vector's."""
_WALKS = 1024
_LONGEST_WALK = 8
_NEAREST = 10
_SEED = 1


@dataclass(frozen=True, eq=False)
class Searched:
    """What is searched, and for what."""

    vectors: NDArray[np.float32]
    """float32 [items, dim]."""
    queries: NDArray[np.float32]
    """float32 [MAX_QUERIES, dim]."""


def drawn_vectors(items: int) -> Searched:
    """Vectors in categories and brands, and queries near some of them; beyond 20 000 items, copies."""
    random = np.random.default_rng(_SEED)
    base = min(items, _DRAWN_UP_TO)
    parts = (-(-base // _CATEGORY), _CATEGORY), (-(-base // _BRAND), _BRAND), (base, 1)
    vectors = np.zeros((base, DIM + 1), dtype=np.float32)
    for (count, size), share in zip(parts, _SHARES, strict=True):
        centres = share * _directions(random, count)
        vectors[:, :DIM] += np.repeat(centres, size, axis=0)[:base]
    vectors[:, DIM] = 0.1 * random.standard_normal(base)
    near = vectors[random.integers(base, size=MAX_QUERIES), :DIM]
    queries = np.ones((MAX_QUERIES, DIM + 1), dtype=np.float32)
    spread = near + np.float32(_QUERY_SPREAD) * _directions(random, MAX_QUERIES)
    queries[:, :DIM] = _SCALE * spread / np.linalg.norm(spread, axis=1, keepdims=True)
    return grown(Searched(vectors, queries), items)


def release_vectors(folder: Path) -> Searched:
    """A release's item vectors, and its encoder's queries after walks along similar items.

    Raises:
        InvalidRelease: the folder is no release.
    """
    release = load_release(folder)
    return _searched(release, _walks(release))


def vectors_trained_on(path: Path, event_type_map: Mapping[str, str]) -> Searched:
    """What the quick configuration learns from an event file, and queries of its newest training sessions.

    Args:
        path: see `retrain.event_split.read_log`.
        event_type_map: likewise.

    Raises:
        UsageError: the file cannot be used.
    """
    config = load_model_config(Path("fast"))
    log = read_log(path, event_type_map)
    with TemporaryDirectory(prefix="millrace-bench-") as folder:
        manifest = train_release(log, config, Path(folder), datetime.now(UTC))
        release = load_release(Path(folder) / manifest.release_id)
        events = train_events(log, config.test_share)
        return _searched(release, sessionize(events, release.vocabulary, config.session_gap_s))


def grown(searched: Searched, items: int) -> Searched:
    """As many items: the first ones, or all and jittered copies of some."""
    vectors = searched.vectors
    copies = items - len(vectors)
    if copies <= 0:
        return Searched(vectors[:items], searched.queries)
    random = np.random.default_rng(_SEED)
    made = vectors[random.integers(len(vectors), size=copies)]
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    made += np.float32(_JITTER) * lengths * _directions(random, copies, made.shape[1])
    made *= lengths / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
    return Searched(np.concatenate([vectors, made]), searched.queries)


def _searched(release: Release, sessions: Sessions) -> Searched:
    vectors = np.array(release.item_vectors)
    queries = newest_queries(vectors, release.encoder, sessions)
    return Searched(
        np.ascontiguousarray(vectors[:, -release.manifest.encoder.index_dim :]),
        np.resize(queries, (MAX_QUERIES, queries.shape[1])),
    )


def _walks(release: Release) -> Sessions:
    """Sessions that begin with an item by popularity and go on to one of those most similar to the last."""
    random = np.random.default_rng(_SEED)
    popular, near = release.popular, release.similar["row"][:, :_NEAREST]
    weights = popular["score"] / popular["score"].sum(dtype=np.float64)
    steps = np.empty((_WALKS, _LONGEST_WALK), dtype=np.int32)
    steps[:, 0] = random.choice(popular["row"], _WALKS, p=weights)
    for step in range(1, _LONGEST_WALK):
        last = steps[:, step - 1]
        steps[:, step] = near[last, random.integers(near.shape[1], size=_WALKS)] if near.size else last
    lengths = random.integers(1, _LONGEST_WALK, size=_WALKS, endpoint=True)
    walked = np.arange(_LONGEST_WALK) < lengths[:, None]
    return Sessions(item_rows=steps[walked], offsets=np.concatenate([[0], np.cumsum(lengths)]))


def _directions(random: np.random.Generator, count: int, dim: int = DIM) -> NDArray[np.float32]:
    """Float32 [count, dim] of length about 1."""
    drawn = random.standard_normal((count, dim), dtype=np.float32)
    drawn /= np.float32(np.sqrt(dim))
    return drawn
