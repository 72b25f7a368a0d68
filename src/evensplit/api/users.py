"""Making two users one person, undoing that or a link, erasing a person. Identify is `api.identify`, one user
`api.events`."""

from typing import Any

import msgspec
from litestar import Request, delete, post
from litestar.params import FromPath

from evensplit.api.bodies import takes
from evensplit.errors import Invalid
from evensplit.ingest.identify import read_id
from evensplit.ingest.identity import is_placeholder
from evensplit.ingest.sent import ABSENT
from evensplit.model.faults import Fault, text_of
from evensplit.storage.catalog import Catalog
from evensplit.web.erasure import Erased

TAGS = ["Users"]

Call = Request[Any, Any, Any]


class PersonReply(msgspec.Struct, frozen=True):
    """A person by the id that reports name, and every id that resolves to them."""

    person: str
    ids: list[str]


class MergeBody(msgspec.Struct):
    """`other_id` becomes part of the person of `user_id`."""

    user_id: str | int
    other_id: str | int


class UnlinkBody(msgspec.Struct):
    """One of the two: `anonymous_id` loses its links, `user_id` is a person of their own again after a merge."""

    anonymous_id: str | int | None = None
    user_id: str | int | None = None


class _Ids(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of both bodies, none of them looked at."""

    user_id: msgspec.Raw = ABSENT
    other_id: msgspec.Raw = ABSENT
    anonymous_id: msgspec.Raw = ABSENT


@post(
    "/v1/users/merge",
    status_code=200,
    tags=TAGS,
    summary="Make two users one person",
    operation_class=takes(MergeBody),
)
async def merge(request: Call) -> PersonReply:
    ids = _ids(await request.body(), "user_id", "other_id")
    faults = [Fault(name, "is required") for name in ("user_id", "other_id") if name not in ids]
    faults += [Fault(name, f"{id_[:64]!r} stands for nobody") for name, id_ in ids.items() if is_placeholder(id_)]
    if faults:
        raise Invalid(f"{faults[0].field} {faults[0].message}", faults)
    return _person(await _catalog(request).identity.merge(ids["user_id"], ids["other_id"]))


@post(
    "/v1/users/unlink",
    status_code=200,
    tags=TAGS,
    summary="Undo the links of an anonymous id, or a merge",
    operation_class=takes(UnlinkBody),
)
async def unlink(request: Call) -> PersonReply:
    ids = _ids(await request.body(), "anonymous_id", "user_id")
    if len(ids) != 1:
        raise Invalid("either anonymous_id or user_id", [Fault("anonymous_id", "or user_id, exactly one of them")])
    identity = _catalog(request).identity
    if "user_id" in ids:
        return _person(await identity.unmerge(ids["user_id"]))
    return _person(await identity.unlink(ids["anonymous_id"]))


@delete(
    "/v1/users/{user_id:str}",
    status_code=200,
    tags=TAGS,
    summary="Erase a person: everything under any of their ids",
    description="Events, metric values, assignments, links and traits, and refused events that name them. There is no "
    "way back. What is sent about them from then on is kept again.",
)
async def erase(request: Call, user_id: FromPath[str]) -> Erased:
    found: Erased = await request.app.state.services.eraser.person(user_id)
    return found


def _ids(body: bytes, *names: str) -> dict[str, str]:
    """Those of the fields that hold an id. Raises InvalidJson, Invalid, Rejected."""
    try:
        found = msgspec.json.decode(text_of(body), type=_Ids)
    except msgspec.ValidationError as error:
        raise Invalid(f"the body is not valid: {error}") from None
    ids = {name: id_ for name in names if (id_ := read_id(getattr(found, name), name)) is not None}
    for name in ("user_id", "other_id", "anonymous_id"):
        if name not in names and getattr(found, name) is not ABSENT:
            raise Invalid(f"{name} is not a field of this", [Fault(name, "is not a known field")])
    return ids


def _person(ids: list[str]) -> PersonReply:
    return PersonReply(ids[0], ids)


def _catalog(request: Call) -> Catalog:
    catalog: Catalog = request.app.state.services.catalog
    return catalog


HANDLERS = [merge, unlink, erase]
