"""The report as text, as `millrace evaluate` prints it: the most important of it, `--json` has all.

Caller: `retrain.evaluation.evaluate_commands`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.evaluation.evaluation_sections import (
    BeyondAccuracy,
    Comparison,
    Group,
    IndexLoss,
    Seeds,
    Windows,
)
from retrain.evaluation.metric_tables import MetricTable

_NAMES = ("recall", "mrr", "ndcg")


def report_text(report: EvaluationReport) -> str:
    """Several tables, the greatest cutoff in most of them."""
    last = str(report.protocol.cutoffs[-1])
    blocks = [_heading(report), _accuracy(report)]
    if report.seeds:
        blocks.append(_seeds(report.seeds, last))
    if report.windows:
        blocks.append(_windows(report.windows, last))
    blocks.extend(_comparison(each, last) for each in report.comparisons)
    if report.index_loss:
        blocks.append(_index_loss(report.index_loss, last))
    groups = {
        "events known": report.by_position,
        "session length": report.by_session_length,
        "training events of the target": report.by_popularity,
        "type of the target": report.by_target_type,
    }
    blocks.extend(_groups(title, found, last) for title, found in groups.items() if found)
    if report.beyond_accuracy:
        blocks.append(_beyond_accuracy(report.beyond_accuracy, report.protocol.cutoffs))
    return "\n\n".join(blocks)


def table_text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in plain text: the first column to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _heading(report: EvaluationReport) -> str:
    ranking = report.protocol.ranking + (f", {report.protocol.ties} ties" if report.protocol.ties else "")
    return (
        f"{report.model.name} on {report.data.file} ({report.data.part}), ranking: {ranking}\n"
        f"{report.n:,} predictions in {report.sessions:,} sessions; the targets of {report.unseen_targets:,} "
        "are not known to the model and count as misses"
        f"{_warnings(report)}"
    )


def _warnings(report: EvaluationReport) -> str:
    """What may make figures too good to be true, a line each."""
    models = [report.model, *(comparison.model for comparison in report.comparisons)]
    return "".join(
        f"\n{model.name} learned from other events than the training part here: it may know what is predicted"
        for model in models
        if model.learned_elsewhere
    )


def _accuracy(report: EvaluationReport) -> str:
    bounds = report.intervals
    rows = []
    for k in map(str, report.protocol.cutoffs):
        cells = []
        for name in _NAMES:
            cells.append(f"{report.metrics[name][k]:.4f}")
            cells.append("" if bounds is None else "[{:.4f}, {:.4f}]".format(*bounds[name][k]))
        rows.append([k, *cells])
    confidence = "" if report.protocol.confidence is None else f"{report.protocol.confidence:.0%} interval"
    return table_text(["k", *(cell for name in _NAMES for cell in (name, confidence))], rows)


def _seeds(seeds: Seeds, k: str) -> str:
    rows = [
        [f"seed {run.seed}", *_cells(run.metrics, k), f"{run.training_s:.1f} s, {run.release_id}"]
        for run in seeds.runs
    ]
    rows += [["mean", *_cells(seeds.mean, k), ""], ["std", *_cells(seeds.std, k), ""]]
    return table_text(["", *_at(k), "training"], rows)


def _windows(windows: Windows, k: str) -> str:
    rows = [
        [_time(each.train_until_ms), f"{each.train_events:,}", f"{each.n:,}", *_cells(each.metrics, k)]
        for each in windows.windows
    ]
    rows += [["mean", "", "", *_cells(windows.mean, k)], ["std", "", "", *_cells(windows.std, k)]]
    return table_text(["window from", "trained on", "n", *_at(k)], rows)


def _comparison(comparison: Comparison, k: str) -> str:
    rows = []
    for name in _NAMES:
        bounds, certain = "", ""
        if comparison.intervals and comparison.significant:
            bounds = "[{:+.4f}, {:+.4f}]".format(*comparison.intervals[name][k])
            certain = "" if comparison.significant[name][k] else "includes 0"
        other, gained = comparison.metrics[name][k], comparison.difference[name][k]
        rows.append([f"{name}@{k}", f"{other:.4f}", f"{gained:+.4f}", bounds, certain])
    head = [f"compared with {comparison.model.name}", "other", "difference", "paired interval", ""]
    return table_text(head, rows)


def _index_loss(loss: IndexLoss, k: str) -> str:
    rows = [
        ["exact search", *_cells(loss.exact_metrics, k)],
        [f"{loss.index} minus exact", *(f"{loss.difference[name][k]:+.4f}" for name in _NAMES)],
    ]
    shared = (
        f"{loss.overlap[k]:.2%} of the exact lists' items are found, {loss.same_lists[k]:.2%} are the same"
    )
    return table_text(["index loss", *_at(k)], rows) + "\n" + shared


def _groups(title: str, groups: Sequence[Group], k: str) -> str:
    rows = [[group.label, f"{group.n:,}", *_cells(group.metrics, k)] for group in groups]
    return table_text([title, "n", *_at(k)], rows)


def _beyond_accuracy(found: BeyondAccuracy, cutoffs: Sequence[int]) -> str:
    figures: dict[str, Mapping[str, float] | None] = {
        "item coverage": found.item_coverage,
        "catalogue coverage": found.catalogue_coverage,
        "coverage of hit items": found.hit_coverage,
        "distinct items shown": found.aggregate_diversity,
        "Gini index of exposure": found.exposure_gini,
        "entropy of exposure (bits)": found.exposure_entropy,
        "diversity in a list, by embedding": found.intra_list_diversity_embedding,
        "diversity in a list, by category": found.intra_list_diversity_category,
        "diversity between sessions": found.inter_session_diversity,
        "novelty (bits)": found.novelty,
        f"mean popularity (targets {found.target_popularity:.1f})": found.average_popularity,
        "popularity lift": found.popularity_lift,
    }
    rows = [
        [name, *(_short(at_k.get(str(k))) for k in cutoffs)]
        for name, at_k in figures.items()
        if at_k is not None
    ]
    return table_text(["beyond accuracy", *(f"@{k}" for k in cutoffs)], rows)


def _at(k: str) -> list[str]:
    return [f"{name}@{k}" for name in _NAMES]


def _cells(metrics: MetricTable, k: str) -> list[str]:
    return [f"{metrics[name][k]:.4f}" for name in _NAMES]


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _time(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M}Z"
