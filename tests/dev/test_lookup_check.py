import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from schemas.errors import Unavailable
from schemas.ids import ItemId, RecommendationId, ReleaseId, SessionId
from streams.dev.list_reader import ReadList
from streams.dev.lookup_check import check_lookup, session_path
from streams.dev.ports import free_port

STORED = {"recommendation_id": "events-0-1", "items": [{"item_id": "a"}, {"item_id": "b"}]}


class AlwaysTheSame(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # headers and body in one packet

    def do_GET(self) -> None:  # the name that http.server calls
        body = json.dumps(STORED).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature of http.server
        """Quiet."""


@pytest.fixture
def lookup_url() -> Iterator[str]:
    """A server that gives every session the list `STORED`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), AlwaysTheSame) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def read(session_id: str, recommendation_id: str, *item_ids: str) -> ReadList:
    ids = tuple(ItemId(item_id) for item_id in item_ids)
    return ReadList(
        RecommendationId(recommendation_id), SessionId(session_id), ReleaseId("r1"), (0, 1), ids, 0.0
    )


def test_same_list_under_the_same_id_is_equal(lookup_url: str) -> None:
    assert check_lookup(lookup_url, [read("s", "events-0-1", "a", "b")]).equal


def test_other_order_and_other_id_are_differences(lookup_url: str) -> None:
    lists = [
        read("s", "events-0-1", "a", "b"),
        read("turned", "events-0-1", "b", "a"),
        read("older", "events-0-0", "a", "b"),
    ]

    check = check_lookup(lookup_url, lists, patience_s=0)

    assert not check.equal
    assert (check.checked, check.differing) == (3, ("turned", "older"))


def test_at_most_two_thousand_sessions_are_looked_up(lookup_url: str) -> None:
    lists = [read(f"s{at}", "events-0-1", "a", "b") for at in range(4001)]

    assert check_lookup(lookup_url, lists).checked == 1334


def test_lookup_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="GET /sessions/s/"):
        check_lookup(f"http://127.0.0.1:{free_port()}", [read("s", "events-0-1")])


def test_session_id_is_encoded_in_the_path() -> None:
    assert session_path(SessionId("a/b ü")) == "/sessions/a%2Fb%20%C3%BC/recommendations?k=20"
