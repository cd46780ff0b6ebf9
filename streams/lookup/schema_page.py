"""The page at `/schema`: the OpenAPI document as plain HTML, complete in itself, so that it works offline.

Owns the page; the document is Litestar's, from the routes. Caller: `streams.lookup.application`.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from streams.lookup.answer_headers import page_headers

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h2{margin-top:2rem;font-size:1.1rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-top:1px solid #ddd}"
    "th{width:14rem;font-weight:normal}"
)
PAGE_HEADERS = page_headers(_STYLE)
"""What an answer bears that is a page."""


class SchemaPage(OpenAPIRenderPlugin):
    """Every path with its parameters and answers, and the fields of each answer."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page."""
        return schema_page(openapi_schema, self.get_openapi_json_route(request)).encode()


def schema_page(document: Mapping[str, Any], json_path: str) -> str:
    """The OpenAPI document as a page.

    Args:
        document: what `/schema/openapi.json` says.
        json_path: where it says so.
    """
    parts = [
        _head(document["info"], json_path),
        *(_operation(*one) for one in _operations(document)),
        *(_answer_type(*one) for one in document.get("components", {}).get("schemas", {}).items()),
    ]
    return "\n".join(parts) + "\n"


def _head(info: Mapping[str, Any], json_path: str) -> str:
    title, said = escape(info["title"]), escape(info.get("description") or "")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<link rel=icon href='data:,'><style>{_STYLE}</style><h1>{title} {escape(info['version'])}</h1>"
        f"<p>{said} As a document: <a href='{escape(json_path)}'>OpenAPI</a>.</p>"
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in document["paths"].items():
        for method in ("get", "put", "post", "delete"):
            if method in item:
                yield path, method.upper(), item[method]


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    said = operation.get("description") or operation.get("summary") or ""
    parameters = [
        (f"<code>{escape(one['name'])}</code>, in {escape(one['in'])}", escape(one.get("description") or ""))
        for one in operation.get("parameters", [])
    ]
    answers = [
        (f"{escape(status)} {escape(', '.join(one.get('content', {})))}", _answer(one))
        for status, one in operation.get("responses", {}).items()
    ]
    heading = f"<h2><code>{method} {escape(path)}</code></h2><p>{escape(said)}</p>"
    return heading + _table(parameters + answers)


def _answer(answer: Mapping[str, Any]) -> str:
    kinds = [_kind(one.get("schema", {})) for one in answer.get("content", {}).values()]
    return " ".join([escape(answer.get("description") or ""), *kinds])


def _answer_type(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    fields = [
        (f"<code>{escape(field)}</code>{'' if field in required else ', optional'}", _field(of))
        for field, of in schema.get("properties", {}).items()
    ]
    said = escape(schema.get("description") or "")
    return f"<h2 id='{escape(name)}'>{escape(name)}</h2><p>{said}</p>{_table(fields)}"


def _field(schema: Mapping[str, Any]) -> str:
    return f"{_kind(schema)} {escape(schema.get('description') or '')}"


def _kind(schema: Mapping[str, Any]) -> str:
    """What a schema allows, in a few words; other schemas are links."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if "items" in schema:
        return f"list of {_kind(schema['items'])}"
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return " or ".join(_kind(one) for one in choices)
    kinds = schema.get("type", "")
    return escape(" or ".join(kinds) if isinstance(kinds, list) else str(kinds))


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"<tr><th>{left}<td>{right}" for left, right in rows]
    return f"<table>{''.join(lines)}</table>" if lines else ""
