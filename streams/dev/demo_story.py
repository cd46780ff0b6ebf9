"""One shopper's visit, as the demo tells it: each click, and the list that came out of the topic after it.

Owns the choice of the shopper and the wording. Caller: the demo.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import polars as pl
from rich.console import RenderableType
from rich.markup import escape
from rich.text import Text

from schemas.ids import ItemId
from schemas.item_metadata import ItemMetadata
from streams.dev.demo_events import DemoEvents
from streams.dev.demo_live import LiveRun
from streams.dev.list_reader import ReadList
from streams.dev.lookup_check import LookupClient, session_path
from streams.dev.millrace_services import RECOMMENDATIONS

SHOWN_ITEMS = 4
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
    hint = "clicks, the list after each; ← place in the list before"
    title = f"[bold]One visit[/] [dim]({escape(session_id)}): {hint}[/]"
    told: list[RenderableType] = [title, *story_lines(clicks, catalogue)]
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
    return [escape(source), _top(item_ids, None, catalogue)]


def story_lines(clicks: Sequence[Click], catalogue: Mapping[ItemId, ItemMetadata]) -> list[RenderableType]:
    """Two lines a click: what the shopper does and its place in the list before; the list after."""
    lines: list[RenderableType] = []
    for at, click in enumerate(clicks):
        following = clicks[at + 1].item_id if at + 1 < len(clicks) else None
        verb, title = _VERBS[click.event_type], _title(click.item_id, catalogue)
        place = _place(clicks[at - 1].after, click.item_id) if at else ""
        lines.append(f"[dim]{verb}[/] [bold]{title}[/]  {place}")
        after = click.after
        lines.append("    [red]no list[/]" if after is None else _top(after.item_ids, following, catalogue))
    return lines


def _top(
    item_ids: Sequence[ItemId], following: ItemId | None, catalogue: Mapping[ItemId, ItemMetadata]
) -> Text:
    """The top of a list on one line; what the shopper takes next is green."""
    styled = ("green" if item_id == following else "dim" for item_id in item_ids[:SHOWN_ITEMS])
    titles = (_title(item_id, catalogue) for item_id in item_ids[:SHOWN_ITEMS])
    top = "[dim] · [/]".join(f"[{style}]{title}[/]" for style, title in zip(styled, titles, strict=True))
    return Text.from_markup(f"    {top}")


def _place(before: ReadList | None, item_id: ItemId) -> str:
    """Where in the list before the click its item was."""
    if before is None or item_id not in before.item_ids:
        return "[dim]← not listed[/]"
    return f"[green]← number {before.item_ids.index(item_id) + 1}[/]"


def _title(item_id: ItemId, catalogue: Mapping[ItemId, ItemMetadata]) -> str:
    item = catalogue.get(item_id)
    return escape(item.title if item and item.title else item_id)
