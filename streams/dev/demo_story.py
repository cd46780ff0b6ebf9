"""One shopper's visit, as the demo tells it: each click, and the list that came out of the topic after it.

Owns the choice of the shopper and the wording. Caller: the demo.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import polars as pl
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from schemas.ids import ItemId
from schemas.item_metadata import ItemMetadata
from streams.dev.demo_events import DemoEvents
from streams.dev.demo_live import LiveRun
from streams.dev.list_reader import ReadList
from streams.dev.lookup_check import LookupClient, session_path
from streams.dev.millrace_services import RECOMMENDATIONS

SHOWN_ITEMS = 3
_VERBS = {"view": "looks at", "cart": "puts into the cart", "purchase": "buys"}
_WANTED_LENGTH = (4, 7)


class Click(NamedTuple):
    """One event of the shopper and the list after it."""

    event_type: str
    item_id: ItemId
    after: ReadList | None


def choose_session(events: pl.DataFrame) -> str:
    """The first session of 4 to 7 events and most event types; without one of that length, the longest.

    Args:
        events: columns `session_id`, `event_type`, in log order.
    """
    least, most = _WANTED_LENGTH
    sessions = events.group_by("session_id", maintain_order=True).agg(
        length=pl.len(), types=pl.col("event_type").n_unique()
    )
    fitting = sessions.filter(pl.col("length").is_between(least, most))
    ranked = (
        fitting.sort("types", descending=True, maintain_order=True)
        if len(fitting)
        else sessions.sort("length", descending=True, maintain_order=True)
    )
    return str(ranked["session_id"][0])


def tell_story(demo: DemoEvents, run: LiveRun, lookup_url: str) -> list[RenderableType]:
    """One shopper's clicks, and their last list as both ways of reading it have it."""
    session_id = choose_session(demo.live)
    rows = demo.live.with_row_index("row").filter(pl.col("session_id") == session_id)
    clicks = [
        Click(event_type, ItemId(item_id), run.reader.lists.get(run.positions[row]))
        for row, event_type, item_id in rows.select("row", "event_type", "item_id").iter_rows()
    ]
    catalogue = {item.item_id: item for item in demo.catalogue}
    title = f"[bold]One visit[/] [dim]({escape(session_id)}): each click, and the list after it[/]"
    told: list[RenderableType] = [title, story_table(clicks, catalogue)]
    if (last := clicks[-1].after) is not None:
        told += ["", *_both_ways(last, lookup_url, catalogue)]
    return told


def _both_ways(
    last: ReadList, lookup_url: str, catalogue: Mapping[ItemId, ItemMetadata]
) -> list[RenderableType]:
    with closing(LookupClient(lookup_url)) as client:
        answer = client.get(session_path(last.session_id))
    over_http = [ItemId(item["item_id"]) for item in answer["items"]]
    partition, offset = last.position
    return [
        "[bold]The last list, read both ways[/]",
        *_one_way(f"topic {RECOMMENDATIONS}, after event {partition}@{offset}", last.item_ids, catalogue),
        *_one_way(f"GET {session_path(last.session_id)}", over_http, catalogue),
    ]


def _one_way(
    source: str, item_ids: Sequence[ItemId], catalogue: Mapping[ItemId, ItemMetadata]
) -> list[RenderableType]:
    top = " · ".join(_title(item_id, catalogue) for item_id in item_ids[:SHOWN_ITEMS])
    return [escape(source), Text.from_markup(f"  [dim]{top}[/]", overflow="ellipsis")]


def story_table(clicks: Sequence[Click], catalogue: Mapping[ItemId, ItemMetadata]) -> Table:
    """Two rows a click: what the shopper does, then the top of the list, and where in it the next item is."""
    table = Table.grid(expand=True, padding=(0, 2))
    table.add_column()
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for at, click in enumerate(clicks):
        following = clicks[at + 1].item_id if at + 1 < len(clicks) else None
        verb, title = _VERBS[click.event_type], _title(click.item_id, catalogue)
        table.add_row(f"[dim]{verb}[/]", f"[bold]{title}[/]", "")
        if click.after is None:
            table.add_row("", "[red]no list[/]", "")
        else:
            top = _top(click.after.item_ids, following, catalogue)
            table.add_row("", top, _place(click.after.item_ids, following))
    return table


def _top(
    item_ids: Sequence[ItemId], following: ItemId | None, catalogue: Mapping[ItemId, ItemMetadata]
) -> str:
    styled = ("green" if item_id == following else "dim" for item_id in item_ids[:SHOWN_ITEMS])
    titles = (_title(item_id, catalogue) for item_id in item_ids[:SHOWN_ITEMS])
    return "[dim] · [/]".join(f"[{style}]{title}[/]" for style, title in zip(styled, titles, strict=True))


def _place(item_ids: Sequence[ItemId], following: ItemId | None) -> str:
    if following is None:
        return ""
    if following not in item_ids:
        return f"[dim]next: not among {len(item_ids)}[/]"
    return f"[green]next: number {item_ids.index(following) + 1}[/]"


def _title(item_id: ItemId, catalogue: Mapping[ItemId, ItemMetadata]) -> str:
    item = catalogue.get(item_id)
    return escape(item.title if item and item.title else item_id)
