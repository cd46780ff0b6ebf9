"""The lookup as an ASGI application: routes, problems, OpenAPI. Connects to nothing.

Callers: `streams.lookup.serving`, the tests.
"""

from importlib.metadata import version

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Reference, SecurityScheme
from litestar.types import ASGIApp

from streams.lookup.admin_routes import ADMIN_ROUTES
from streams.lookup.erase_routes import ERASE_ROUTES
from streams.lookup.problems import EXCEPTION_HANDLERS
from streams.lookup.process_routes import PROCESS_ROUTES
from streams.lookup.request_scope import RequestScope
from streams.lookup.routes import ROUTES, Lookup
from streams.lookup.schema_page import SchemaPage

_KEYS: dict[str, SecurityScheme | Reference] = {
    "bearer": SecurityScheme(type="http", scheme="bearer", description="A key, where keys are configured."),
    "header": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
}
_SECURITY: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"header": []}]


def create_application(lookup: Lookup) -> ASGIApp:
    """The application around what it reads."""
    app = Litestar(
        route_handlers=[*ROUTES, *PROCESS_ROUTES, *ERASE_ROUTES, *ADMIN_ROUTES],
        dependencies={"lookup": Provide(lambda: lookup, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Millrace lookup",
            version=version("millrace"),
            description="The latest lists of sessions, similar and popular items; erasure; retraining.",
            render_plugins=[SchemaPage(path="/")],
            components=Components(security_schemes=_KEYS),
            security=_SECURITY,
        ),
    )
    return RequestScope(app, lookup.admission, lookup.metrics)
