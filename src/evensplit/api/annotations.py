"""`/v1/annotations`: what happened on a day or at an instant, to be drawn beside reports. Rules: `model.saved`."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post, put
from litestar.params import FromQuery, Parameter

from evensplit import clock
from evensplit.api.bodies import takes
from evensplit.model.instant import rfc3339
from evensplit.model.saved import Annotation, read_annotation
from evensplit.query import ranges
from evensplit.query.zones import zone
from evensplit.storage.catalog.saved import Annotations, Stored

TAGS = ["Annotations"]

Call = Request[Any, Any, Any]
Id = Annotated[int, Parameter(ge=1, le=1 << 62)]


class AnnotationReply(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    at: str
    text: str
    created_at: str


class AnnotationList(msgspec.Struct, frozen=True):
    annotations: list[AnnotationReply]


class AnnotationBody(msgspec.Struct):
    at: Annotated[str, msgspec.Meta(description="A date (2026-11-01), or an instant with its zone.")]
    text: Annotated[str, msgspec.Meta(min_length=1)]


class AnnotationChange(msgspec.Struct):
    at: str | None = None
    text: str | None = None


# --- routes ---------------------------------------------------------------------------------------


@get("/v1/annotations", tags=TAGS, summary="Annotations, by time")
async def list_annotations(
    request: Call, since: FromQuery[str | None] = None, until: FromQuery[str | None] = None
) -> AnnotationList:
    low = -(1 << 62) if since is None else _moment("since", since)
    high = 1 << 62 if until is None else _moment("until", until)
    return AnnotationList([_annotation(*found) for found in _annotations(request).between(low, high)])


@post("/v1/annotations", tags=TAGS, summary="Note what happened", operation_class=takes(AnnotationBody))
async def create_annotation(request: Call) -> AnnotationReply:
    return _annotation(*await _annotations(request).note(read_annotation(await request.body())))


@get("/v1/annotations/{annotation_id:int}", tags=TAGS, summary="One annotation")
async def one_annotation(request: Call, annotation_id: Id) -> AnnotationReply:
    return _annotation(*_annotations(request).one(annotation_id))


@put(
    "/v1/annotations/{annotation_id:int}",
    tags=TAGS,
    summary="Replace an annotation",
    operation_class=takes(AnnotationBody),
)
async def replace_annotation(request: Call, annotation_id: Id) -> AnnotationReply:
    body = await request.body()
    return _annotation(*await _annotations(request).change(annotation_id, lambda _: read_annotation(body)))


@patch(
    "/v1/annotations/{annotation_id:int}",
    tags=TAGS,
    summary="Change what is given",
    operation_class=takes(AnnotationChange),
)
async def change_annotation(request: Call, annotation_id: Id) -> AnnotationReply:
    body = await request.body()
    changed = await _annotations(request).change(annotation_id, lambda before: read_annotation(body, before))
    return _annotation(*changed)


@delete("/v1/annotations/{annotation_id:int}", tags=TAGS, summary="Delete an annotation")
async def delete_annotation(request: Call, annotation_id: Id) -> None:
    await _annotations(request).erase(annotation_id)


HANDLERS = [
    list_annotations,
    create_annotation,
    one_annotation,
    replace_annotation,
    change_annotation,
    delete_annotation,
]


def _annotations(request: Call) -> Annotations:
    annotations: Annotations = request.app.state.services.catalog.annotations
    return annotations


def _moment(field: str, text: str) -> int:
    return ranges.resolve(text, field, clock.now_ms(), zone("UTC"))


def _annotation(stored: Stored, annotation: Annotation) -> AnnotationReply:
    return AnnotationReply(id=stored.id, at=annotation.at, text=annotation.text, created_at=rfc3339(stored.created_at))
