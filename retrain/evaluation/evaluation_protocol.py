"""What was evaluated, on what and how: the part of an EvaluationReport that has no figures.

Owns the form. Reader and writer: `retrain.evaluation.evaluation_report`.
"""

from typing import Any

import msgspec


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What was evaluated."""

    name: str
    """As it stands in tables: `gru4rec`, or a baseline's `vsknn:neighbors=100`."""
    items: int
    """Items that it knows."""
    session_gap_s: float
    """The session rule's gap in seconds; 0: no gap ends a session."""
    release_id: str | None = None
    """None where it is no release, or one of several seeds or windows."""
    strategy: str | None = None
    """Of the release."""
    index: str | None = None
    """The kind of the release's index."""
    config: dict[str, Any] = {}
    """The release's model config."""
    learned_elsewhere: bool = False
    """Whether the release learned from other events than the training part: it may know what is predicted."""


class DataDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What it was evaluated on."""

    file: str
    """The event file's name, without its folder."""
    part: str
    """`test`, `validation` or `windows`."""
    split: str
    """`column` where the file says what is test, else `last sessions` (the share of `test_share`)."""
    events: int
    """Events of that part."""
    train_events: int
    """Events of the part to learn from; popularity is counted in it."""
    catalogue_items: int
    """Items that occur anywhere in the training part or in this one."""
    test_share: float | None = None
    """Where the file does not say what is test."""
    sha256: str | None = None
    """Of the file."""


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """How it was evaluated."""

    cutoffs: list[int]
    """The k of the metrics, rising."""
    ranking: str
    """`served`: place in the emitted list, ties by row. `all items`: rank among the scores of all items."""
    ties: str | None = None
    """`standard`, `conservative` or `median`, where all items are ranked."""
    excluded_event_types: list[str] = []
    """Items that the session has under one of these were left out of its lists."""
    confidence: float | None = None
    """Of all intervals, 0.95; None: there are none."""
    resamples: int = 0
    """Of the bootstrap over sessions."""
    bootstrap_seed: int | None = None
    """Of the resampling."""
