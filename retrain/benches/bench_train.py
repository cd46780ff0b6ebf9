"""`millrace bench train`: what a training takes and what it gives, configuration beside configuration.

Owns the measuring: each configuration in a process of its own, so that its memory is its own; the time is
that of a whole run, from the events in memory to the release. Where members are trained side by side, memory
is the sum of that process and of as many times its largest child: at least what was in use at once. Caller:
`retrain.benches.offline_bench_commands`.
"""

import resource
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import torch

from models.model_config import ModelConfig
from retrain.event_split import read_log, test_events
from retrain.releases.release_judging import judge_release
from retrain.training.member_processes import members_at_once
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import Resources
from retrain.training.training_run import train_release
from schemas.bench_report import Row

MEAN_SESSION_EVENTS = 4.0
_SEED = 1
_MIB = 1 << 20


@dataclass(frozen=True)
class BenchData:
    """What is trained on: a file, or as many drawn events."""

    path: Path | None
    event_type_map: Mapping[str, str]
    drawn_events: int
    drawn_items: int
    at_most: int | None = None
    """So many of the last events of a file, about; None: all."""

    def log(self) -> pl.DataFrame:
        """The events in log order."""
        if self.path is None:
            return drawn_log(self.drawn_events, self.drawn_items)
        log = read_log(self.path, self.event_type_map)
        return log if self.at_most is None else last_sessions(log, self.at_most)


def bench_train(data: BenchData, configs: Mapping[str, ModelConfig], threads: int) -> list[Row]:
    """Train and evaluate every configuration, one after the other; a row for each.

    Args:
        data: what to train on; a tenth of it, or what the file's split says, is evaluated on.
        configs: by name.
        threads: of each training; see `retrain.training.training_resources.Resources`.

    Raises:
        UsageError: see `retrain.training.training_run.train_release`.
    """
    rows = []
    for name, config in configs.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
            rows.append(child.submit(_measured, data, name, config, threads).result())
    return rows


def drawn_log(events: int, items: int) -> pl.DataFrame:
    """About so many views over so many items, with popularities by Zipf's law and nothing else to learn."""
    random = np.random.default_rng(_SEED)
    n = max(1, round(events / (1 + MEAN_SESSION_EVENTS)))
    lengths = 2 + random.poisson(MEAN_SESSION_EVENTS - 1, n)
    weights = 1 / np.arange(1, items + 1)
    rows = random.choice(items, size=lengths.sum(), p=weights / weights.sum())
    return pl.DataFrame(
        {
            "session_id": np.repeat(np.arange(n), lengths),
            "item_id": rows,
            "occurred_at_ms": np.arange(len(rows)),
        }
    ).with_columns(pl.col("session_id", "item_id").cast(pl.String), event_type=pl.lit("view"))


def last_sessions(log: pl.DataFrame, events: int) -> pl.DataFrame:
    """About the last so many events of each part of the split, sessions whole."""
    parts = log.partition_by("split", maintain_order=True) if "split" in log.columns else [log]
    cut = []
    for part in parts:
        kept = part.tail(round(events * len(part) / len(log)))["session_id"].unique()
        cut.append(part.filter(pl.col("session_id").is_in(kept.implode())))
    return pl.concat(cut)


def _measured(data: BenchData, name: str, config: ModelConfig, threads: int) -> Row:
    log = data.log()
    epochs: dict[int, TrainingProgress] = {}

    def follow(at: TrainingProgress) -> None:
        epochs[at.epoch] = at

    with TemporaryDirectory(prefix="millrace-bench-") as folder:
        started = time.perf_counter()
        manifest = train_release(log, config, Path(folder), datetime.now(UTC), follow, Resources(threads))
        wall_s = time.perf_counter() - started
        peak_rss_mb = _peak_rss_mb(members_at_once(config.members, threads, torch.device("cpu")))
        judged = judge_release(Path(folder) / manifest.release_id, test_events(log, config.test_share))
    last = epochs[max(epochs)]
    events = np.diff([0, *(at.events for at in epochs.values())])
    training_s = float(np.sum(events / [at.events_per_s for at in epochs.values()]))
    return {
        "name": name,
        "events_per_s": round(last.total_events / training_s, 1),
        "wall_s": round(wall_s, 2),
        "peak_rss_mb": round(peak_rss_mb),
        "recall_at_20": judged.get("recall@20", 0.0),
        "mrr_at_20": judged.get("mrr@20", 0.0),
        "n": int(judged.get("predictions", 0)),
        "epochs": last.epochs,
        "events": last.total_events // last.epochs,
        "items": manifest.items,
        "training_s": round(training_s, 2),
    }


def _peak_rss_mb(at_once: int) -> float:
    """Of this process and so many children at once, at most.

    A child counts from its fork, when it was as large as this process.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if at_once > 1:
        peak += at_once * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak * _RSS_UNIT / _MIB


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of ru_maxrss."""
