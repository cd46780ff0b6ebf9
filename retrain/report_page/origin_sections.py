"""The sections of the page about where the figures come from: the trainings, and how it was measured.

Caller: `retrain.report_page.html_report`.
"""

from collections.abc import Mapping, Sequence
from html import escape

from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.report_page.chart_scales import plain_text
from retrain.report_page.compared_models import ComparedModel
from retrain.report_page.line_chart import LineChart, Series, line_chart
from retrain.report_page.page_parts import Cell, charts, facts, folded, section, table
from schemas.run_record import EpochRecord

_SHOWN_EPOCHS = 12
_MARKED_EPOCHS = 25


def training_section(histories: Mapping[str, Sequence[EpochRecord]]) -> str:
    """Loss and speed by epoch; nothing without a history."""
    kept = {name: epochs for name, epochs in histories.items() if epochs}
    if not kept:
        return ""
    drawn = {}
    for caption, unit, column, from_zero in (
        ("Loss", "mean loss an event", "loss", False),
        ("Speed", "events a second", "events_per_s", True),
    ):
        series = [
            Series(name, [(e.epoch, getattr(e, column)) for e in epochs], at, marked=_marked(epochs))
            for at, (name, epochs) in enumerate(kept.items())
        ]
        drawn[f"{caption} by epoch"] = line_chart(
            LineChart(caption, "epoch", unit, series, from_zero=from_zero)
        )
    explained = (
        "The mean loss an event by epoch, and how fast the epoch went. Losses compare only under the same "
        "kind of loss and number of negatives."
    )
    return section("Training", explained, [charts(drawn), _epoch_table(kept)])


def _marked(epochs: Sequence[EpochRecord]) -> frozenset[float]:
    """So many that the marks do not run into one another; the last one always."""
    apart = -(-len(epochs) // _MARKED_EPOCHS)
    return frozenset(e.epoch for e in epochs[::-1][::apart])


def _epoch_table(kept: Mapping[str, Sequence[EpochRecord]]) -> str:
    """Folded where it is long; the charts say as much."""
    rows: list[list[str | Cell]] = [
        [
            f"{name}, {e.epoch}" if len(kept) > 1 else str(e.epoch),
            f"{e.loss:.4f}",
            plain_text(e.events_per_s),
            f"{e.elapsed_s:,.1f}",
        ]
        for name, epochs in kept.items()
        for e in epochs
    ]
    shown = table("Each epoch", ["epoch", "loss", "events/s", "seconds since the start"], rows)
    return shown if len(rows) <= _SHOWN_EPOCHS else folded(f"Each of the {len(rows):,} epochs", shown)


def protocol_section(models: Sequence[ComparedModel]) -> str:
    """How everything was measured, and the models' configs."""
    parts = []
    for model in models:
        if model.report is not None:
            heading = f"<h3>{escape(model.name)}</h3>" if len(models) > 1 else ""
            config = facts({name: str(value) for name, value in model.description.config.items()})
            more = folded("Model config", config) if model.description.config else ""
            parts.append(heading + facts(_protocol(model.report)) + more)
    explained = (
        "Every event but the last of a session is answered by a list, whose hit is the item of the session's "
        "next event; all items are ranked."
    )
    return section("How it was measured", explained, parts)


def _protocol(report: EvaluationReport) -> dict[str, str]:
    model, data, protocol = report.model, report.data, report.protocol
    ties = f", {protocol.ties} ties" if protocol.ties else ""
    return {
        "model": model.release_id or model.name,
        "items that it knows": f"{model.items:,}",
        "session gap": f"{model.session_gap_s:g} s" if model.session_gap_s else "none",
        "index": model.index or "none",
        "data": f"{data.file}, {data.part} ({data.split}), {data.events:,} events",
        "trained on": f"{data.train_events:,} events",
        "ranking": f"{protocol.ranking}{ties}",
        "left out of lists": ", ".join(protocol.excluded_event_types) or "nothing",
        "intervals": _intervals(protocol.confidence, protocol.resamples),
        "targets not known to the model": f"{report.unseen_targets:,}, counted as misses",
        "seconds for all lists": f"{report.wall_s:,.1f}",
    }


def _intervals(confidence: float | None, resamples: int) -> str:
    if confidence is None:
        return "none"
    return f"{confidence:.0%}, bootstrap over sessions, {resamples:,} resamples"
