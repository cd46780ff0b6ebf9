"""Asking a running lookup for the list of a session, as a shop does."""

import http.client
import json
from urllib.parse import quote, urlsplit

TIMEOUT_S = 30.0


def looked_up(lookup: str, session_id: str) -> str | int:
    """The id of the session's list, or the status where it is not 200.

    Args:
        lookup: the URL of the lookup.
        session_id: whose list.
    """
    connection = http.client.HTTPConnection(urlsplit(lookup).netloc, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"/sessions/{quote(session_id, safe='')}/recommendations")
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return str(json.loads(body)["recommendation_id"]) if answer.status == http.client.OK else answer.status
