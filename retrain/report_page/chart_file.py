"""A chart as an SVG file of its own: with the page's style in it, so that it can stand in a document.

Owns the file's frame. Caller: `retrain.benches.freshness_chart`.
"""

from retrain.report_page.line_chart import HEIGHT, WIDTH
from retrain.report_page.page_style import COLOR_RULES, STYLE

_MARGIN = 14
_PAPER = "svg .paper { fill: var(--card); }"


def chart_file(svg: str) -> str:
    """The SVG of a chart as a document, light and dark as its reader has it.

    Args:
        svg: as `retrain.report_page.line_chart.line_chart` draws it.
    """
    tag, _, inside = svg.partition(">")
    width, height = WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN
    around = f'viewBox="{-_MARGIN} {-_MARGIN} {width} {height}" xmlns="http://www.w3.org/2000/svg"'
    tag = tag.replace(f'viewBox="0 0 {WIDTH} {HEIGHT}"', around)
    paper = f'<rect class="paper" x="{-_MARGIN}" y="{-_MARGIN}" width="{width}" height="{height}" rx="10"/>'
    return f"{tag}>\n<style>\n{STYLE}{COLOR_RULES}\n{_PAPER}\n</style>\n{paper}{inside}\n"
