"""The lookup as an ASGI application: routes, problems, OpenAPI. Connects to nothing.

Callers: `streams.lookup.serving`, the tests.
"""

from importlib.metadata import version

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.types import ASGIApp

from streams.lookup.problems import EXCEPTION_HANDLERS
from streams.lookup.request_scope import RequestScope
from streams.lookup.routes import ROUTES, Lookup
from streams.lookup.schema_page import SchemaPage


def create_application(lookup: Lookup) -> ASGIApp:
    """The application around what it reads."""
    app = Litestar(
        route_handlers=ROUTES,
        dependencies={"lookup": Provide(lambda: lookup, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Millrace lookup",
            version=version("millrace"),
            description="The latest recommendations of a session, similar and popular items.",
            render_plugins=[SchemaPage(path="/")],
        ),
    )
    return RequestScope(app, lookup.admission, lookup.metrics)
