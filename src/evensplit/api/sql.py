"""`POST /v1/sql`: read-only SQL over the tables. What may be asked is `query.allowlist`, how it runs `storage`."""

from typing import Annotated, Any

import msgspec
from litestar import Request, post

from evensplit.query.allowlist import judge
from evensplit.query.dialect import speak
from evensplit.storage.embedded.questions import LONGEST, MOST_ROWS, Question

NEWEST = 1 << 62  # whatever was stated about who is who, however lately

Scalar = str | int | float | bool | None


class SqlQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """One SELECT in DuckDB's dialect over the five tables, `persons` and `person_ids`."""

    sql: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]
    parameters: Annotated[
        list[Scalar | list[Scalar]],
        msgspec.Meta(max_length=1_000, description="The values of `?` in their order; a list is one value."),
    ] = []
    limit: Annotated[
        int, msgspec.Meta(ge=1, le=MOST_ROWS, description="At most so many rows; `truncated` says there are more.")
    ] = 10_000


class SqlColumn(msgspec.Struct, frozen=True):
    """`type` is the engine's name for it."""

    name: str
    type: str


class SqlReply(msgspec.Struct, frozen=True):
    """Instants are RFC 3339 texts, nested values JSON, numbers beyond a double's exactness texts."""

    columns: list[SqlColumn]
    rows: list[list[Any]]
    truncated: bool


@post("/v1/sql", status_code=200, summary="Ask in SQL, read-only", tags=["SQL"])
async def sql(request: Request[Any, Any, Any], data: SqlQuestion) -> SqlReply:
    store = request.app.state.services.store
    people = speak(store.engine, {}).persons.resolved(NEWEST)
    answer = await store.ask(Question(data.sql, data.parameters, data.limit, (people.sql, people.values)), judge)
    return SqlReply([SqlColumn(column.name, column.type) for column in answer.columns], answer.rows, answer.truncated)


HANDLERS = [sql]
