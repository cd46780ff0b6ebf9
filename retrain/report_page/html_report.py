"""The page of an evaluation: one self-contained HTML file with tables and plots, for people.

Owns the order of the page; its parts are in `retrain.report_page`. Writer: of the file of `--html`.
Callers: `millrace evaluate --html`, `millrace report`.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.report_page.accuracy_sections import (
    METRICS,
    by_k_section,
    comparison_section,
    last_cutoff,
    with_interval,
)
from retrain.report_page.chart_scales import share_text
from retrain.report_page.compared_models import ComparedModel, compared_models
from retrain.report_page.further_sections import (
    beyond_section,
    index_section,
    new_items_section,
)
from retrain.report_page.group_sections import Grouping, group_section, seeds_section, windows_section
from retrain.report_page.origin_sections import protocol_section, training_section
from retrain.report_page.page_parts import Cell, page, tiles
from schemas.errors import UsageError
from schemas.run_record import EpochRecord

Histories = Mapping[str, Sequence[EpochRecord]]
"""The epochs of trainings, by a release's id or another name."""
_BARS = "Faint bars: how many predictions."
_GROUPINGS = (
    Grouping(
        "By position in the session",
        f"How many events of the session the list was made from. {_BARS}",
        "events known", lambda found: found.by_position,
    ),
    Grouping(
        "By length of the session",
        f"How many events the whole session has. {_BARS}",
        "events of the session", lambda found: found.by_session_length,
    ),
    Grouping(
        "By popularity of the next item",
        f"How many training events the next item has; a group begins at the number under it. {_BARS}",
        "training events of the target", lambda found: found.by_popularity,
    ),
    Grouping(
        "By type of the next event",
        f"What the shopper did next. {_BARS}",
        "type", lambda found: found.by_target_type, ordered=False,
    ),
)  # fmt: skip


def html_report(
    reports: Sequence[EvaluationReport], histories: Histories, further: Sequence[str] = ()
) -> str:
    """The page.

    Args:
        reports: at least one; several are compared, the first is in front.
        histories: where a name is the id of a release that was evaluated, its curves bear that model's name.
        further: sections of other kinds, behind those of the evaluations.
    """
    models = compared_models(reports)
    k = last_cutoff(models)
    sections = [
        _header(reports, models[0], k),
        comparison_section(models, k),
        by_k_section(models),
        *(group_section(models, k, grouping) for grouping in _GROUPINGS),
        windows_section(models, k),
        seeds_section(models, k),
        beyond_section(models, k),
        new_items_section(models, k),
        index_section(models, k),
        training_section(_named(histories, models)),
        protocol_section(models),
        *further,
        _footer(reports[0]),
    ]
    return page(_title(reports[0], models[0]), [each for each in sections if each])


def releases_in(reports: Sequence[EvaluationReport]) -> set[str]:
    """The ids of the releases whose histories the page can show."""
    described = [report.model for report in reports]
    described += [comparison.model for report in reports for comparison in report.comparisons]
    seeded = {run.release_id for report in reports if report.seeds for run in report.seeds.runs}
    return seeded | {each.release_id for each in described if each.release_id is not None}


def write_html_report(
    reports: Sequence[EvaluationReport], histories: Histories, path: Path, further: Sequence[str] = ()
) -> None:
    """Write the page; see `html_report`.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_text(html_report(reports, histories, further), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--html {path}: cannot be written ({error.strerror})") from error


def _footer(report: EvaluationReport) -> str:
    made_by = f"Made by Millrace {escape(report.code_version)}"
    return f"<footer>{made_by} from the figures of <code>millrace evaluate --json</code>.</footer>"


def _title(report: EvaluationReport, model: ComparedModel) -> str:
    return f"{model.name} on {Path(report.data.file).stem}"


def _header(reports: Sequence[EvaluationReport], model: ComparedModel, k: str) -> str:
    report = reports[0]
    shown = {
        f"{name}@{k}": _tile(model, metric, k, report.protocol.confidence) for metric, name in METRICS.items()
    }
    if report.beyond_accuracy and k in report.beyond_accuracy.item_coverage:
        covered = report.beyond_accuracy.item_coverage[k]
        shown[f"Item coverage@{k}"] = Cell(share_text(covered), "of the items that it knows")
    said = (
        f"{report.n:,} predictions in {report.sessions:,} sessions of the {report.data.part} part of "
        f"{report.data.file}"
    )
    measured_on = {(each.data.file, each.data.part, each.n) for each in reports}
    warning = (
        ""
        if len(measured_on) == 1
        else '<p class="warning">These reports were measured on different data: '
        "their figures do not compare.</p>"
    )
    heading = f"<h1>{escape(_title(report, model))}</h1>\n<p>{escape(said)}</p>"
    return f"<header>\n{heading}{warning}\n{tiles(shown)}\n</header>"


def _tile(model: ComparedModel, metric: str, k: str, confidence: float | None) -> Cell:
    cell = with_interval(model, metric, k)
    return Cell(cell.text, f"{confidence:.0%}: {cell.small}" if cell.small and confidence else "")


def _named(histories: Histories, models: Sequence[ComparedModel]) -> Histories:
    names = {model.description.release_id: model.name for model in models if model.description.release_id}
    for model in models:
        if model.report and model.report.seeds:
            names |= {run.release_id: f"{model.name}, seed {run.seed}" for run in model.report.seeds.runs}
    return {names.get(name, name): epochs for name, epochs in histories.items()}
