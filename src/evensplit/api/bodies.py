"""What the OpenAPI document says of a body that the model reads by itself, so that every fault in it is named."""

from typing import Any

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema


def takes(body: type | object) -> type[Operation]:
    """An operation whose document says what its body looks like."""
    found, definitions = msgspec.json.schema_components([body], ref_template="#/$defs/{name}")
    schema = _inlined(found[0], definitions)

    class Documented(Operation):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            media = OpenAPIMediaType(schema=_Verbatim(schema))
            self.request_body = RequestBody(content={"application/json": media}, required=True)

    return Documented


class _Verbatim(Schema):
    """A JSON schema as msgspec wrote it."""

    def __init__(self, text: dict[str, Any]) -> None:
        super().__init__()
        self._text = text

    def to_schema(self) -> dict[str, Any]:
        return self._text


def _inlined(schema: Any, definitions: dict[str, Any], within: tuple[str, ...] = ()) -> Any:
    """Every definition in the place of its name; what holds itself, as groups of filters do, is left open there."""
    if isinstance(schema, list):
        return [_inlined(each, definitions, within) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return {} if name in within else _inlined(definitions[name], definitions, (*within, name))
    return {name: _inlined(each, definitions, within) for name, each in schema.items() if name != "discriminator"}
