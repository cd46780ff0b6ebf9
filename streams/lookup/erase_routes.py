"""The routes that forget: a session, a user. They need an admin key (`streams.lookup.admission`).

Caller: `streams.lookup.application`.
"""

from litestar import delete

from schemas.ids import MAX_ID_BYTES, SessionId, UserId
from schemas.lookup_responses import ErasureAccepted
from streams.lookup.problems import invalid_parameter
from streams.lookup.routes import Parts, SessionPath, UserPath, decode_id, problem_responses

_PROBLEMS = problem_responses(400, 403, 503)


@delete("/sessions/{session_id:str}", status_code=202, responses=_PROBLEMS)
async def erase_session(lookup: Parts, session_id: SessionPath) -> ErasureAccepted:
    """Have a session erased: its state and its latest list, in the order of its events."""
    session = SessionId(_storable_id(session_id, "session_id"))
    return ErasureAccepted(sessions=await lookup.erasing.erase_session(session))


@delete("/users/{user_id:str}", status_code=202, responses=_PROBLEMS)
async def erase_user(lookup: Parts, user_id: UserPath) -> ErasureAccepted:
    """Have all sessions of a user erased that are stored."""
    user = UserId(_storable_id(user_id, "user_id"))
    return ErasureAccepted(sessions=await lookup.erasing.erase_user(user))


ERASE_ROUTES = [erase_session, erase_user]


def _storable_id(segment: str, name: str) -> str:
    """The id in a path segment.

    Raises:
        ProblemError: no event can bear such an id: it would be accepted here and refused by the worker.
    """
    one_id = decode_id(segment, name)
    size = len(one_id.encode())
    if size > MAX_ID_BYTES:
        detail = f"path parameter {name}: it has {size} bytes; an id has 1 to {MAX_ID_BYTES}"
        raise invalid_parameter(detail)
    return one_id
