"""Errors as RFC 9457 problem details.

Callers: the routes, which raise `ProblemError`, and Litestar, which calls the handlers for everything else.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from schemas.errors import Unavailable
from schemas.lookup_responses import Problem
from streams.lookup.answer_headers import PROBLEM_JSON

log = structlog.get_logger("millrace.lookup")
RETRY_AFTER_S = 1
_BLANK = ""
"""The kind of what its status says all of."""
_REMEDIES = {
    "k": "give a whole number from 1 to 1000",
    "fallback": "give `popular` or `none`",
    "reason": "give 1 to 256 characters",
    "from_scratch": "give `true` or `false`",
}
AnyRequest = Request[Any, Any, Any]


class ProblemError(Exception):
    """An answer that is a problem."""

    def __init__(
        self,
        kind: str,
        status: HTTPStatus,
        title: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the problem.

        Args:
            kind: the last part of its URN.
            status: the HTTP status.
            title: the kind in words, the same for every occurrence.
            detail: what was wrong, the value, and what to do.
            headers: of the answer, beside its content type.
        """
        super().__init__(detail)
        self.kind = kind
        self.status = status
        self.title = title
        self.detail = detail
        retry = {"retry-after": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        self.headers = {**retry, **(headers or {})}

    def body(self, path: str) -> bytes:
        """What is answered to a request of the path."""
        urn = f"urn:millrace:problem:{self.kind}" if self.kind else "about:blank"
        problem = Problem(type=urn, title=self.title, status=self.status, detail=self.detail, instance=path)
        return msgspec.json.encode(problem)


def unknown_path(path: str) -> ProblemError:
    """There is nothing at a path."""
    detail = f"there is no {path}; /schema lists the paths"
    return ProblemError(_BLANK, HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase, detail)


def invalid_parameter(detail: str) -> ProblemError:
    """A parameter is wrong: which, its value, the remedy."""
    return ProblemError("invalid-parameter", HTTPStatus.BAD_REQUEST, "Invalid parameter", detail)


def not_encoded(character: str, code: str) -> ProblemError:
    """An id was sent as it is, and would be taken for what stands before a character that URLs use."""
    return invalid_parameter(f"percent-encode a {character} in an id ({code})")


def answer_problem(request: AnyRequest, error: ProblemError) -> Response[bytes]:
    """A problem that a route has raised."""
    return Response(
        error.body(str(request.scope["path"])),
        status_code=error.status,
        media_type=PROBLEM_JSON,
        headers=error.headers,
    )


def answer_unavailable(request: AnyRequest, error: Unavailable) -> Response[bytes]:
    """Redis does not answer: not a bug, and over soon."""
    detail = f"{error}; try again in {RETRY_AFTER_S} s"
    return answer_problem(
        request, ProblemError("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "Not available now", detail)
    )


def answer_validation(request: AnyRequest, error: ValidationException) -> Response[bytes]:
    """A parameter of the request is wrong: which, its value, the remedy."""
    detail = "; ".join(_in_words(request, one) for one in error.extra or []) or error.detail
    return answer_problem(request, invalid_parameter(detail))


def answer_http_exception(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses: an unknown path, a wrong method."""
    status = HTTPStatus(error.status_code)
    match status:
        case HTTPStatus.NOT_FOUND:
            return answer_problem(request, unknown_path(str(request.scope["path"])))
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("allow", "")
            detail = f"{request.method} is not possible here; possible are {allowed}"
        case _:
            detail = error.detail
    return answer_problem(request, ProblemError(_BLANK, status, status.phrase, detail, error.headers))


def answer_bug(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Anything else is a bug: logged with its traceback, of which the client sees nothing.

    The route is logged, not the path: that names a session or a user.
    """
    log.error("request failed", route=request.scope.get("path_template"), exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    problem = ProblemError(_BLANK, status, status.phrase, "the lookup failed; its log says more")
    return answer_problem(request, problem)


EXCEPTION_HANDLERS: dict[int | type[Exception], Callable[[AnyRequest, Any], Response[bytes]]] = {
    ProblemError: answer_problem,
    Unavailable: answer_unavailable,
    ValidationException: answer_validation,
    HTTPException: answer_http_exception,
    Exception: answer_bug,
}


def _in_words(request: AnyRequest, extra: Any) -> str:
    name = extra.get("key", "")
    value = (request.query_params.getall(name, None) or [""])[-1]
    remedy = _REMEDIES.get(name, "see /schema")
    return f"query parameter {name}={value}: {extra.get('message', 'invalid')}; {remedy}"
