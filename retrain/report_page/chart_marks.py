"""Marks of charts: the shape that belongs to a color, and the name that fits beside it.

Colors come from the page's style (classes `c0` to `c7`). Callers: `retrain.report_page.line_chart`,
`retrain.report_page.dot_chart`.
"""

from html import escape

COLORS = 8
LONGEST_NAME = 15
"""Characters."""


def mark(color: int, x: float, y: float, said: str) -> str:
    """A mark of the shape that belongs to the color, so that lines differ without it, too."""
    shapes = (
        f'<circle cx="{x}" cy="{y}" r="3.6"',
        f'<rect x="{x - 3.3:.1f}" y="{y - 3.3:.1f}" width="6.6" height="6.6"',
        f'<path d="M{x} {y - 4.6:.1f}l4.4 7.8h-8.8z"',
        f'<path d="M{x} {y - 4.8:.1f}l4.8 4.8l-4.8 4.8l-4.8 -4.8z"',
    )
    shape, tag = shapes[color % len(shapes)], ("circle", "rect", "path", "path")[color % len(shapes)]
    return f'{shape} class="mark c{color % COLORS}"><title>{escape(said)}</title></{tag}>'


def shortened(name: str, most: int = LONGEST_NAME) -> str:
    """The name, cut where it is too long for its place."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
