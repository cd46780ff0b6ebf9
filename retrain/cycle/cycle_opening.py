"""Beginning a cycle, or going on with the one that was killed: which of the two, and its record.

A cycle is gone on with where the present command would begin the same: the same model config, the same source
of events, not begun longer ago than `retrain_resume_h`. Otherwise, and with `--restart`, it is closed as
abandoned and a new one begins. Caller: `retrain.cycle.retrain_once`.
"""

import logging
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from models.model_config import ModelConfig
from retrain.cycle.cycle_parts import CycleParts
from retrain.cycle.run_cycle import close
from schemas.errors import UsageError
from schemas.retrain_cycle import CycleRecord
from schemas.run_record import RunSource

_LOGGER = logging.getLogger("millrace.retrain.cycle")


@dataclass(frozen=True)
class CyclePlan:
    """What a cycle would be."""

    trigger: str
    """Why it runs, in words."""
    config: ModelConfig
    source: RunSource
    since: str | None = None
    from_scratch: bool = False
    restart: bool = False
    """Whether to begin anew whatever was killed."""
    request_ids: list[str] = field(default_factory=list)


def open_cycle(parts: CycleParts, plan: CyclePlan) -> CycleRecord:
    """The cycle to work on, saved.

    Raises:
        UsageError: the work folder cannot be used.
        Unavailable: Redis does not answer.
    """
    found, unanswered = _unfinished(parts, plan), None
    now = parts.clock.now()
    if found is not None:
        why_not = "" if found.outcome else _why_not(found, plan, now, parts.settings.retrain_resume_h)
        if not why_not:
            resumed = replace(found, attempts=found.attempts + 1)
            parts.work.save(resumed)
            _LOGGER.warning("retrain cycle %s: goes on behind %s", found.cycle_id, _last_step(found))
            return resumed
        _LOGGER.warning("retrain cycle %s: is begun anew: %s", found.cycle_id, why_not)
        given_up = _given_up(found, why_not)
        close(parts, given_up)
        unanswered = given_up if given_up.outcome == "abandoned" else None
    parts.work.empty()
    record = _new(plan, now, unanswered)
    parts.work.save(record)
    return record


def _unfinished(parts: CycleParts, plan: CyclePlan) -> CycleRecord | None:
    try:
        found = parts.work.record()
    except UsageError:
        if not plan.restart:
            raise
        return None
    return None if found is None or found.closed else found


def _given_up(found: CycleRecord, why: str) -> CycleRecord:
    """A cycle that is not gone on with; its release runs all the same where it was marked."""
    if "mark" in found.done:
        return replace(found, outcome="running", reason=f"not watched to the end: {why}")
    return replace(found, outcome="abandoned", reason=why)


def _why_not(found: CycleRecord, plan: CyclePlan, now: datetime, resume_h: float) -> str:
    """Why a cycle is not gone on with; "" where it is."""
    if plan.restart:
        return "--restart was given"
    if now - found.started_at > timedelta(hours=resume_h):
        began = f"{found.started_at.astimezone(UTC):%Y-%m-%d %H:%M}Z"
        return f"it began {began}, over {resume_h:g} h ago (MILLRACE_RETRAIN_RESUME_H)"
    if found.config != as_json_values(plan.config):
        return "it has another model config"
    if (found.source, found.since) != (plan.source, plan.since):
        return f"it learns from {_learned(found)}, and this command from {_learned(plan)}"
    if plan.from_scratch and not found.from_scratch:
        return "--from-scratch was given"
    return ""


def _learned(one: CyclePlan | CycleRecord) -> str:
    return f"{one.source.name}{f' since {one.since}' if one.since else ''}"


def as_json_values(config: ModelConfig) -> dict[str, Any]:
    """The config as it comes back from a file."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config))
    return values


def _new(plan: CyclePlan, now: datetime, unanswered: CycleRecord | None) -> CycleRecord:
    """A cycle's record; it answers the requests of one that was abandoned too, as they wanted it."""
    carried = unanswered.request_ids if unanswered else []
    wanted_from_scratch = bool(carried) and unanswered is not None and unanswered.from_scratch
    return CycleRecord(
        cycle_id=f"cycle-{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{uuid.uuid4().hex[:8]}",
        trigger=plan.trigger,
        started_at=now,
        config=as_json_values(plan.config),
        source=plan.source,
        since=plan.since,
        from_scratch=plan.from_scratch or wanted_from_scratch,
        request_ids=[*carried, *plan.request_ids],
    )


def _last_step(record: CycleRecord) -> str:
    return next(reversed(record.done), "its beginning")
