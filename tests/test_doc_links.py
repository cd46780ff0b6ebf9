"""Pages lead somewhere: links and anchors are there, every page can be found, nothing stands twice in one."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose_of(page: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def relative_links(page: Path) -> list[tuple[str, str]]:
    """(path, anchor) of every link of the page that does not leave the repository."""
    links = [link for link in LINK.findall(prose_of(page)) if not re.match(r"https?:|mailto:", link)]
    return [(path, anchor) for path, _, anchor in (link.partition("#") for link in links)]


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub makes of the page's headings, and those that it sets itself."""
    seen: Counter[str] = Counter()
    anchors = set(re.findall(r'<a id="([^"]+)"', page.read_text()))
    for heading in re.findall(r"^#{1,6} (.*)$", prose_of(page), flags=re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for path, anchor in relative_links(page):
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {path}, which is not there"
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target), (
                f"{page.name} links to {path}#{anchor}, a heading that is not there"
            )


@pytest.mark.parametrize("door", ["README.md", "docs/README.md"])
def test_every_page_is_linked_from_readme_and_docs_index(door: str) -> None:
    page = ROOT / door
    linked = {(page.parent / path).resolve() for path, _ in relative_links(page) if path}
    assert {one for one in (ROOT / "docs").glob("*.md") if one.name != "README.md"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_has_a_paragraph_or_a_table_row_twice(page: Path) -> None:
    rows = [
        line for line in prose_of(page).splitlines() if len(line) > 60 and not line.startswith("| model |")
    ]
    assert [row for row, times in Counter(rows).items() if times > 1] == []
