import polars as pl
from rich.console import Console

from schemas.ids import ItemId, RecommendationId, ReleaseId, SessionId
from schemas.item_metadata import ItemMetadata
from streams.dev.demo_story import Click, choose_session, story_lines
from streams.dev.list_reader import ReadList


def events(**sessions: str) -> pl.DataFrame:
    """Sessions of event types, by their first letters: v, c, p."""
    names = {"v": "view", "c": "cart", "p": "purchase"}
    rows = [(session, names[letter]) for session, letters in sessions.items() for letter in letters]
    return pl.DataFrame(rows, schema=["session_id", "event_type"], orient="row")


def shown(*clicks: Click) -> str:
    catalogue = {ItemId("a"): ItemMetadata(item_id=ItemId("a"), title="Aurea tamper")}
    console = Console(width=160)
    with console.capture() as captured:
        for line in story_lines(clicks, catalogue):
            console.print(line)
    return captured.get()


def a_click(item_id: str, *listed: str) -> Click:
    after = ReadList(
        RecommendationId("r"), SessionId("s"), ReleaseId("r1"), (0, 0), tuple(map(ItemId, listed)), 0.0
    )
    return Click("view", ItemId(item_id), after)


def test_visit_of_a_telling_length_and_most_kinds_of_events_is_chosen() -> None:
    assert (
        choose_session(events(short="vcp", long="vvvvvvcp", plain="vvvv", rich="vvcp", later="vvcp"))
        == "rich"
    )


def test_longest_visit_is_chosen_where_all_are_short() -> None:
    assert choose_session(events(one="v", two="vv")) == "two"


def test_story_shows_titles_and_the_place_of_the_click_in_the_list_before() -> None:
    story = shown(a_click("b", "c", "a"), a_click("a", "c"))

    assert "Aurea tamper" in story
    assert "← number 2" in story


def test_story_says_when_a_click_was_not_listed() -> None:
    assert "← not listed" in shown(a_click("b", "c", "d"), a_click("a", "c"))


def test_click_without_a_list_says_so() -> None:
    assert "no list" in shown(Click("view", ItemId("a"), None))
