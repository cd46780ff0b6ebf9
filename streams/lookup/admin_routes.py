"""The route that asks for a retrain cycle. It needs an admin key (`streams.lookup.admission`).

Caller: `streams.lookup.application`.
"""

from typing import Annotated

from litestar import post
from litestar.params import QueryParameter

from schemas.lookup_responses import RetrainAccepted
from schemas.retrain_request import MAX_TEXT
from streams.lookup.routes import Parts, problem_responses

Reason = Annotated[
    str | None,
    QueryParameter(min_length=1, max_length=MAX_TEXT, description="For the log and the history of cycles."),
]
FromScratch = Annotated[
    bool, QueryParameter(description="Whether to train without the weights of the running release.")
]


@post("/admin/retrain", status_code=202, responses=problem_responses(400, 403, 503))
async def request_retrain(
    lookup: Parts, reason: Reason = None, from_scratch: FromScratch = False
) -> RetrainAccepted:
    """Have a retrain cycle run as soon as one can; several requests that wait become one cycle."""
    return RetrainAccepted(request_id=await lookup.retraining.request(reason, from_scratch=from_scratch))


ADMIN_ROUTES = [request_retrain]
