"""For whoever runs it: is it up, is it ready, how is it doing, who has keys."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, delete, get, post
from litestar.params import Parameter

from evensplit.model.instant import rfc3339
from evensplit.storage.catalog.keys import Key as StoredKey


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok"] = "ok"


class Key(msgspec.Struct, frozen=True):
    """A key without the key: only its hash is kept. `hint` is its beginning and end."""

    id: int
    kind: str
    name: str
    hint: str
    created_at: str
    revoked_at: str | None


class KeyList(msgspec.Struct, frozen=True):
    keys: list[Key]


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["write", "secret"]
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""


class CreatedKey(msgspec.Struct, frozen=True):
    """`key` is shown this once."""

    id: int
    kind: str
    name: str
    key: str


class Problem(msgspec.Struct, frozen=True):
    table: str
    id: int
    reason: str


class Storage(msgspec.Struct, frozen=True):
    """How far the columns have followed the record, and the rows they hold only in part."""

    events: int
    assignments: int
    metrics: int
    problems: list[Problem]


@get("/healthz", summary="The process is up", tags=["Operation"])
async def healthz() -> Health:
    return Health()


@get("/readyz", summary="The stores can be used", tags=["Operation"])
async def readyz(request: Request[Any, Any, Any]) -> Health:
    store = request.app.state.services.store
    store.read(("SELECT 1 FROM ab_tests LIMIT 1", []))
    await store.query("SELECT 1", [])
    return Health()


@get("/v1/storage", summary="How the columnar copy stands to the record", tags=["Operation"])
async def storage(request: Request[Any, Any, Any]) -> Storage:
    store = request.app.state.services.store
    at = await store.fresh()
    problems = [Problem(*row) for row in await store.problems()]
    return Storage(at.events, at.assignments, at.metrics, problems)


@get("/v1/keys", summary="Keys, without the keys", tags=["Operation"])
async def list_keys(request: Request[Any, Any, Any]) -> KeyList:
    return KeyList([_shown(key) for key in request.app.state.services.catalog.keys.all()])


@post("/v1/keys", summary="Make a key; it is shown this once", tags=["Operation"])
async def create_key(request: Request[Any, Any, Any], data: NewKey) -> CreatedKey:
    services = request.app.state.services
    text, key = await services.catalog.keys.create(data.kind, data.name)
    services.read_keys()
    return CreatedKey(key.id, key.kind, key.name, text)


@delete("/v1/keys/{key_id:int}", summary="Revoke a key", tags=["Operation"])
async def revoke_key(request: Request[Any, Any, Any], key_id: Annotated[int, Parameter(ge=1, le=1 << 62)]) -> None:
    services = request.app.state.services
    await services.catalog.keys.revoke(key_id)
    services.read_keys()


@get("/metrics", summary="Figures for Prometheus", media_type="text/plain; version=0.0.4", tags=["Operation"])
async def metrics(request: Request[Any, Any, Any]) -> str:
    store = request.app.state.services.store
    lines = []
    for name, kind, text, values in store.figures():
        lines += [f"# HELP evensplit_{name} {text}", f"# TYPE evensplit_{name} {kind}"]
        lines += [f"evensplit_{name}{labels} {value}" for labels, value in values]
    return "\n".join(lines) + "\n"


def _shown(key: StoredKey) -> Key:
    revoked = None if key.revoked_at is None else rfc3339(key.revoked_at)
    return Key(key.id, key.kind, key.name, key.hint, rfc3339(key.created_at), revoked)


HANDLERS = [healthz, readyz, storage, list_keys, create_key, revoke_key, metrics]
