"""The page's parts as HTML: the frame, headings, figures, tables. What comes from outside is escaped.

Callers: `retrain.report_page.html_report`, the sections.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from retrain.report_page.page_style import COLOR_RULES, STYLE


@dataclass(frozen=True)
class Cell:
    """A figure and what belongs to it."""

    text: str
    small: str = ""
    """Behind it, an interval for one."""


def page(title: str, body: Sequence[str]) -> str:
    """A whole page that needs nothing from elsewhere."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}{COLOR_RULES}\n</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, explained: str, content: Sequence[str]) -> str:
    """A heading, a sentence or two, and what belongs to it."""
    name = "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n'
        f"<p>{escape(explained)}</p>\n" + "\n".join(content) + "\n</section>"
    )


def charts(captioned: Mapping[str, str]) -> str:
    """Charts side by side, one below the other where there is no room.

    Args:
        captioned: caption to SVG.
    """
    figures = [
        f"<figure>\n<figcaption>{escape(caption)}</figcaption>\n{svg}\n</figure>"
        for caption, svg in captioned.items()
    ]
    return '<div class="charts">\n' + "\n".join(figures) + "\n</div>"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str | Cell]]) -> str:
    """A table; the first cell of a row names it."""
    first = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = ["<tr>" + _row(row) + "</tr>" for row in rows]
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">\n<table>\n'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{first}</tr></thead>\n<tbody>\n"
        + "\n".join(lines)
        + "\n</tbody>\n</table>\n</div>"
    )


def side_by_side(tables: Sequence[str]) -> str:
    """Narrow tables beside one another, as far as there is room."""
    return '<div class="tables">\n' + "\n".join(tables) + "\n</div>"


def tiles(figures: Mapping[str, Cell]) -> str:
    """The few figures to see first."""
    shown = [
        f'<div class="tile"><span>{escape(name)}</span><b>{escape(cell.text)}</b>'
        f"<span>{escape(cell.small)}</span></div>"
        for name, cell in figures.items()
    ]
    return '<div class="tiles">\n' + "\n".join(shown) + "\n</div>"


def facts(named: Mapping[str, str]) -> str:
    """A list of names and what they are."""
    return (
        "<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(said)}</dd>" for name, said in named.items())
        + "</dl>"
    )


def folded(summary: str, content: str) -> str:
    """What only some want to see."""
    return f"<details>\n<summary>{escape(summary)}</summary>\n{content}\n</details>"


def _row(row: Sequence[str | Cell]) -> str:
    name, *others = row
    cells = [f"<td>{_cell(each)}</td>" for each in others]
    return f'<th scope="row">{_cell(name)}</th>' + "".join(cells)


def _cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return escape(cell)
    return escape(cell.text) + (f" <small>{escape(cell.small)}</small>" if cell.small else "")
