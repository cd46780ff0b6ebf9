"""The arguments and options of `millrace evaluate` as one types them.

Owns names, help and panels; `retrain.evaluation.evaluate_commands`, the only caller, has the defaults.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_ACCURACY, _SPLIT, _TRAINING, _TIME = (
    "Figures",
    "What is evaluated on",
    "What is trained or fitted",
    "Windows",
)


class Part(StrEnum):
    """What is predicted."""

    test = "test"
    validation = "validation"


class TiePolicy(StrEnum):
    """See `retrain.evaluation.all_item_ranks.Ties`."""

    standard = "standard"
    conservative = "conservative"
    median = "median"


ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A release's folder; or what is fitted first on the training part: gru4rec (--config), "
        "fast, small, large, pair, a config file, or a baseline with its options: vsknn:neighbors=100.",
    ),
]
CutoffsOption = Annotated[str, typer.Option(help="Cutoffs, comma-separated.", rich_help_panel=_ACCURACY)]
JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write all figures here.", rich_help_panel=_ACCURACY)
]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", help="Write a page with tables and plots here.", rich_help_panel=_ACCURACY),
]
CompareOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL",
        help="Another model on the same predictions: paired differences. Several times: several models.",
        rich_help_panel=_ACCURACY,
    ),
]
ResamplesOption = Annotated[
    int,
    typer.Option(min=0, help="Of the bootstrap over sessions; 0: no intervals.", rich_help_panel=_ACCURACY),
]
AllItemsOption = Annotated[
    bool,
    typer.Option(
        "--all-items",
        help="Rank the target among the scores of all items, as publications do, not in the served list; "
        "--ties says how.",
        rich_help_panel=_ACCURACY,
    ),
]
TiesOption = Annotated[
    TiePolicy | None,
    typer.Option(help="What equal scores count, with --all-items.", rich_help_panel=_ACCURACY),
]
ExcludeOption = Annotated[
    str,
    typer.Option(
        help="Leave items out of a release's lists that the session has under these event types.",
        rich_help_panel=_ACCURACY,
    ),
]
PartOption = Annotated[
    Part,
    typer.Option(
        help="validation: the last of the training sessions, which a model fitted here then leaves out.",
        rich_help_panel=_SPLIT,
    ),
]
TestShareOption = Annotated[
    float | None,
    typer.Option(
        help="Where the file has no split; in place of the one of the release's config or --config.",
        rich_help_panel=_SPLIT,
    ),
]
ValidationShareOption = Annotated[
    float | None,
    typer.Option(
        help="Of the training sessions, with --on validation; without it a tenth.", rich_help_panel=_SPLIT
    ),
]
TypeMapOption = Annotated[
    str | None,
    typer.Option(
        help="Other names, as in addtocart=cart,order=purchase [MILLRACE_EVENT_TYPE_MAP].",
        rich_help_panel=_SPLIT,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(help="Of gru4rec: a file, or fast, small, large, pair.", rich_help_panel=_TRAINING),
]
SessionGapOption = Annotated[
    float | None,
    typer.Option(
        help="In place of the config's; 0: never. A baseline takes a release's.",
        rich_help_panel=_TRAINING,
    ),
]
SeedsOption = Annotated[
    int,
    typer.Option(
        min=0,
        help="Train configurations with seeds 1 to so many; mean and std.",
        rich_help_panel=_TRAINING,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(help="Keep the releases trained here in this folder.", rich_help_panel=_TRAINING),
]
RunsOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder in which each training gets its folder; without it `runs` in --out.",
        rich_help_panel=_TRAINING,
    ),
]
WindowsOption = Annotated[
    int,
    typer.Option(
        min=0,
        help="Predict the last so many windows of time, each after training on what is before it.",
        rich_help_panel=_TIME,
    ),
]
WindowHoursOption = Annotated[
    float | None,
    typer.Option(min=0.001, help="Length of a window; without it 24.", rich_help_panel=_TIME),
]
TrainHoursOption = Annotated[
    float | None,
    typer.Option(min=0.001, help="Train on so much before each window; else on all.", rich_help_panel=_TIME),
]
UntilOption = Annotated[
    str | None,
    typer.Option(help="Where the last window ends, RFC 3339; else at the log's end.", rich_help_panel=_TIME),
]
