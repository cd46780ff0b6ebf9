"""Whether the lookup says over HTTP what came out of the topic. Caller: the demo."""

import http.client
import json
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from schemas.errors import Unavailable
from schemas.ids import ItemId, SessionId
from streams.dev.list_reader import ReadList

K = 20
MOST_CHECKED = 2000
PATIENCE_S = 5.0
"""A list is in the topic a moment before it is saved: differences are looked at again for so long."""
_PAUSE_S = 0.05


@dataclass(frozen=True)
class LookupCheck:
    """How many of the sessions' latest lists were looked up, and the sessions whose answer differs."""

    checked: int
    differing: tuple[SessionId, ...]

    @property
    def equal(self) -> bool:
        """Whether every answer was the list that came out of the topic."""
        return self.checked > 0 and not self.differing


def latest_lists(lists: Iterable[ReadList]) -> dict[SessionId, ReadList]:
    """Each session's list with the greatest source offset, as every reader of the topic should keep it."""
    latest: dict[SessionId, ReadList] = {}
    for one in lists:
        known = latest.get(one.session_id)
        if known is None or one.position[1] > known.position[1]:
            latest[one.session_id] = one
    return latest


def check_lookup(lookup_url: str, latest: Sequence[ReadList], patience_s: float = PATIENCE_S) -> LookupCheck:
    """Look up the latest lists, or as many as `MOST_CHECKED` spread evenly over them.

    Raises:
        Unavailable: the lookup does not answer.
    """
    chosen = latest[:: -(-len(latest) // MOST_CHECKED) or 1]
    deadline = time.monotonic() + patience_s
    with closing(LookupClient(lookup_url)) as client:
        differing = [one for one in chosen if not client.agrees(one)]
        while differing and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
            differing = [one for one in differing if not client.agrees(one)]
    return LookupCheck(len(chosen), tuple(one.session_id for one in differing))


class LookupClient:
    """One connection to the lookup, kept open."""

    def __init__(self, lookup_url: str) -> None:
        address = urlsplit(lookup_url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def agrees(self, one: ReadList) -> bool:
        """Whether the session's latest list is this one: the same id, the same items in the same order."""
        answer = self.get(session_path(one.session_id))
        items = tuple(item["item_id"] for item in answer.get("items", ()))
        return answer.get("recommendation_id") == one.recommendation_id and items == one.item_ids

    def popular(self) -> list[ItemId]:
        """The release's most popular items."""
        return [ItemId(item["item_id"]) for item in self.get(f"/popular?k={K}")["items"]]

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at a path; an error's is the problem it describes.

        Raises:
            Unavailable: the lookup does not answer.
        """
        try:
            self._connection.request("GET", path)
            answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(f"the lookup did not answer GET {path}: {error!r}") from error
        return answer


def session_path(session_id: SessionId) -> str:
    """Where the lookup has a session's latest list."""
    return f"/sessions/{quote(session_id, safe='')}/recommendations?k={K}"
