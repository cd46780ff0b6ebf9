"""The routes that say how the process is: for whoever restarts it, sends it requests, or draws its curves.

They need no key and have no limit (`streams.lookup.admission`). Caller: `streams.lookup.application`.
"""

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schemas.lookup_responses import Problem, ServiceStatus
from streams.lookup.answer_headers import PROBLEM_JSON
from streams.lookup.routes import Parts, tables_of

_NOT_READY = {
    503: ResponseSpec(
        Problem, media_type=PROBLEM_JSON, description="Service Unavailable", generate_examples=False
    )
}


@get("/healthz")
async def healthz() -> ServiceStatus:
    """Whether the process lives."""
    return ServiceStatus(status="alive")


@get("/readyz", responses=_NOT_READY)
async def readyz(lookup: Parts) -> ServiceStatus:
    """Whether requests can be answered: Redis is there and a release is loaded.

    Troubles with Kafka or the place of releases are named; a lookup that has a release is ready all the same.
    """
    await lookup.redis.check()
    tables_of(lookup)
    return ServiceStatus(status="ready", troubles=lookup.health.troubles)


@get("/metrics", include_in_schema=False)
async def metrics(lookup: Parts) -> Response[bytes]:
    """The metrics in Prometheus' text format."""
    return Response(generate_latest(lookup.metrics.registry), media_type=CONTENT_TYPE_LATEST)


PROCESS_ROUTES = [healthz, readyz, metrics]
