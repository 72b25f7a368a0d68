"""The OpenAPI document of every route, hot ones included, and its page /docs, made here without foreign assets."""

from functools import cache
from html import escape
from typing import Any

import msgspec
from litestar import MediaType, Request, get

from evensplit.api.hot_routes import hot_paths
from evensplit.web.responses import ErrorReply

ERRORS = {
    "400": "The request cannot be read.",
    "401": "No key, or none of ours.",
    "403": "This key may not do that.",
    "404": "There is no such thing.",
    "409": "It stands against something that is there.",
    "413": "Too large.",
    "415": "An unknown Content-Encoding.",
    "422": "Understood, but against a rule.",
    "503": "Nothing was taken; ask again after Retry-After seconds.",
}


@get("/openapi.json", include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return _document(request.app)


@get("/docs", include_in_schema=False, media_type=MediaType.HTML)
async def docs(request: Request[Any, Any, Any]) -> str:
    return _page(request.app)


@cache
def _document(app: Any) -> dict[str, Any]:
    """Litestar's document, with the hot routes, the keys and the one error shape added."""
    document: dict[str, Any] = app.openapi_schema.to_schema()
    paths, schemas = hot_paths()
    (error,), shared = msgspec.json.schema_components([ErrorReply], ref_template="#/components/schemas/{name}")
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas | shared)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, item in paths.items():
        document["paths"].setdefault(path, {}).update(item)
    content = {"application/json": {"schema": error}}
    for path, item in document["paths"].items():
        for operation in item.values():
            responses = operation["responses"]
            for status, text in ERRORS.items():
                responses[status] = {"description": text, "content": content}
            if path not in ("/healthz", "/readyz"):
                operation["security"] = [{"key": []}]
    return document


@cache
def _page(app: Any) -> str:
    document = _document(app)
    parts = []
    for path, item in sorted(document["paths"].items()):
        for method, operation in item.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(operation.get('summary', ''))}</p>")
            if operation.get("description"):
                parts.append(f"<p>{escape(operation['description'])}</p>")
            rows = [
                f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
                f"<td>{escape(p.get('description', ''))}</td></tr>"
                for p in operation.get("parameters", [])
            ]
            if rows:
                parts.append(f"<table><tr><th>parameter<th>in<th></tr>{''.join(rows)}</table>")
            body = operation.get("requestBody")
            if body:
                text = msgspec.json.format(msgspec.json.encode(body["content"])).decode()
                parts.append(f"<details><summary>Body</summary><pre>{escape(text)}</pre></details>")
    schemas = msgspec.json.format(msgspec.json.encode(document["components"]["schemas"])).decode()
    return PAGE.format(routes="\n".join(parts), schemas=escape(schemas))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Evensplit: the HTTP interface</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
pre{{overflow:auto;background:#8881;padding:1rem}}td,th{{text-align:left;padding:.1rem 1rem .1rem 0}}</style></head>
<body><h1>Evensplit: the HTTP interface</h1>
<p>The same as <a href="/openapi.json">OpenAPI document</a>. Keys go into <code>Authorization: Bearer KEY</code>.</p>
{routes}
<h2>Schemas</h2><details><summary>All of them</summary><pre>{schemas}</pre></details>
</body></html>
"""

HANDLERS = [openapi, docs]
