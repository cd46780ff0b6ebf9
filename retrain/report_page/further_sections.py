"""The sections of the page about what accuracy leaves out: coverage and diversity, new items, the index.

Caller: `retrain.report_page.html_report`.
"""

from collections.abc import Mapping, Sequence

from retrain.evaluation.evaluation_sections import BeyondAccuracy
from retrain.evaluation.metric_tables import AtK
from retrain.report_page.chart_scales import MISSING, plain_text, share_text
from retrain.report_page.compared_models import ComparedModel
from retrain.report_page.line_chart import LineChart, Series, line_chart
from retrain.report_page.page_parts import Cell, charts, section, table

_MEASURES = {
    "item_coverage": "item coverage",
    "catalogue_coverage": "catalogue coverage",
    "hit_coverage": "coverage of hit items",
    "aggregate_diversity": "distinct items shown",
    "exposure_gini": "Gini index of exposure",
    "exposure_entropy": "entropy of exposure (bits)",
    "intra_list_diversity_embedding": "diversity in a list, by embedding",
    "intra_list_diversity_category": "diversity in a list, by category",
    "inter_session_diversity": "diversity between sessions",
    "novelty": "novelty (bits)",
    "average_popularity": "mean popularity (training events)",
    "popularity_lift": "popularity lift over the targets",
}
_COVERAGE = ("item_coverage", "catalogue_coverage", "hit_coverage")
_DIVERSITY = ("inter_session_diversity", "intra_list_diversity_embedding", "intra_list_diversity_category")


def beyond_section(models: Sequence[ComparedModel], k: str) -> str:
    """Coverage, diversity, novelty; nothing where no model has them."""
    found = [(m, m.found.beyond_accuracy) for m in models if m.found.beyond_accuracy]
    if not found:
        return ""
    if len(found) == 1:
        ks = sorted(found[0][1].item_coverage, key=int)
        head = ["measure", *(f"@{each}" for each in ks)]
        shown = [(name, [_at(found[0][1], name, each) for each in ks]) for name in _MEASURES]
    else:
        head = ["measure", *(f"{model.name}@{k}" for model, _ in found)]
        shown = [(name, [_at(beyond, name, k) for _, beyond in found]) for name in _MEASURES]
    rows = [[_MEASURES[name], *cells] for name, cells in shown if set(cells) != {MISSING}]
    explained = (
        "How much of the assortment the lists show (coverage), how different they are (diversity), and "
        "whether they show what everybody sees anyway (novelty, popularity)."
    )
    return section(
        "Beyond accuracy", explained, [charts(_beyond_charts(found)), table("Measures", head, rows)]
    )


def _beyond_charts(found: Sequence[tuple[ComparedModel, BeyondAccuracy]]) -> dict[str, str]:
    """Of one model several measures, of several models one measure."""
    if len(found) == 1:
        beyond = found[0][1]
        return {
            "Coverage by k": _at_k_chart(
                "share of the items", {_short(n): v for n in _COVERAGE if (v := _of(beyond, n))}
            ),
            "Diversity by k": _at_k_chart(
                "share that differs", {_short(n): v for n in _DIVERSITY if (v := _of(beyond, n))}
            ),
        }
    return {
        f"{title} by k": _at_k_chart(
            title, {m.name: v for m, b in found if (v := _of(b, name))}, [m.color for m, _ in found]
        )
        for title, name in {
            "Item coverage": "item_coverage",
            "Diversity between sessions": "inter_session_diversity",
        }.items()
    }


def _short(name: str) -> str:
    return {
        "item_coverage": "known items",
        "catalogue_coverage": "all items",
        "hit_coverage": "hit targets",
        "inter_session_diversity": "across sessions",
        "intra_list_diversity_embedding": "in a list",
        "intra_list_diversity_category": "in categories",
    }[name]


def _of(beyond: BeyondAccuracy, name: str) -> AtK | None:
    found: AtK | None = getattr(beyond, name)
    return found


def _at(beyond: BeyondAccuracy, name: str, k: str) -> str:
    value = (_of(beyond, name) or {}).get(k)
    if value is None:
        return MISSING
    return plain_text(value) if abs(value) > 1 else share_text(value)


def _at_k_chart(title: str, named: Mapping[str, AtK], colors: Sequence[int] = range(8)) -> str:
    series = [
        Series(name, [(int(k), found[k]) for k in sorted(found, key=int)], colors[at])
        for at, (name, found) in enumerate(named.items())
    ]
    ks = sorted({x for each in series for x, _ in each.points})
    return line_chart(LineChart(f"{title} by k", "k", title, series, x_ticks=ks))


def new_items_section(models: Sequence[ComparedModel], k: str) -> str:
    """Targets that the training part hardly has; nothing where no model has them."""
    rows: list[list[str | Cell]] = []
    for model in models:
        new = model.report.new_items if model.report else None
        if new is not None:
            of_rare = (
                share_text(new.rare.metrics[metric][k]) if new.rare.n else MISSING
                for metric in ("recall", "mrr")
            )
            listed = (
                share_text(new.listed_share[k]) if new.listed_share and k in new.listed_share else MISSING
            )
            rows.append([model.name, f"{new.unseen:,}", f"{new.rare.n:,}", *of_rare, listed])
    if not rows:
        return ""
    head = ["model", "never seen", "rare", f"Recall@{k} of rare", f"MRR@{k} of rare", "share of lists"]
    explained = (
        "Next items that training has never seen cannot be hit and count as misses; rare ones have a few "
        "events only."
    )
    return section("New and rare items", explained, [table("Targets that are new", head, rows)])


def index_section(models: Sequence[ComparedModel], k: str) -> str:
    """What an approximate index costs; nothing where all are exact."""
    rows: list[list[str | Cell]] = []
    for model in models:
        loss = model.report.index_loss if model.report else None
        if loss is not None:
            rows.append(
                [
                    f"{model.name}, {loss.index}",
                    *(share_text(loss.exact_metrics[metric][k]) for metric in ("recall", "mrr")),
                    *(f"{loss.difference[metric][k]:+.4f}" for metric in ("recall", "mrr")),
                    share_text(loss.overlap[k]),
                ]
            )
    if not rows:
        return ""
    head = [
        "index",
        f"exact Recall@{k}",
        f"exact MRR@{k}",
        "Recall lost or won",
        "MRR lost or won",
        "same items",
    ]
    explained = "The same release with every item scored, beside the approximate search that serves it."
    return section("What the index costs", explained, [table("Index beside exact search", head, rows)])
