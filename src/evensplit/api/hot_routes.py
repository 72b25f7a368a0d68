"""What the OpenAPI document says of the hot routes: they are plain ASGI, so nobody else can tell."""

from typing import Annotated, Any

import msgspec

from evensplit.api.capture import CaptureReply
from evensplit.api.evaluate import MOST_USERS
from evensplit.api.identify import IdentifyReply
from evensplit.web.script import PATH

Id = Annotated[str, msgspec.Meta(max_length=512)] | int


class NewEvent(msgspec.Struct):
    """An event as it is sent."""

    event_type: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    user_id: Id | None = None
    session_id: Id | None = None
    anonymous_id: Annotated[
        Id | None, msgspec.Meta(description="Alone it stands for the user; beside `user_id` it links the two.")
    ] = None
    properties: dict[str, Any] | None = None
    timestamp: Annotated[
        str | float | None, msgspec.Meta(description="RFC 3339 with a zone, or Unix seconds or milliseconds.")
    ] = None
    message_id: Annotated[str, msgspec.Meta(max_length=128, description="The same id is stored once.")] | None = None


class Events(msgspec.Struct):
    """Several events, with the client's clock at the time of sending."""

    events: list[NewEvent]
    sent_at: str | float | None = None


class NewValue(msgspec.Struct):
    """A value for `ab_metrics`: of a user who has a variant, or of a variant."""

    experiment: str
    metric: str
    value: float
    user_id: Id | None = None
    variant: str | None = None
    timestamp: str | float | None = None
    message_id: Annotated[str, msgspec.Meta(max_length=128)] | None = None


class Identify(msgspec.Struct):
    """Who somebody is: `anonymous_id` is who that was before being known, `traits` what is known of the user."""

    user_id: Id
    anonymous_id: Id | None = None
    traits: Annotated[dict[str, Any] | None, msgspec.Meta(description="At most 64 KiB; null takes one away.")] = None
    timestamp: str | float | None = None


class AskOne(msgspec.Struct):
    """Which variant has this user? `anonymous_id`: who this was before being known."""

    user_id: Id
    anonymous_id: Id | None = None
    attributes: dict[str, Any] | None = None


class AskMany(msgspec.Struct):
    """The same of many users; needs the secret key."""

    user_ids: Annotated[list[Id], msgspec.Meta(max_length=MOST_USERS)]


class Assigned(msgspec.Struct):
    """The user's variant; where it is null, `reason` says why: not_running, stopped or no_variant."""

    experiment: str
    user_id: str
    variant: str | None
    variant_id: int | None
    payload: Any
    assigned_at: str | None
    new: bool
    reason: str | msgspec.UnsetType = msgspec.UNSET


class ManyAssigned(msgspec.Struct):
    assignments: list[Assigned]


_SCRIPT: dict[str, Any] = {
    "summary": "The browser script",
    "description": "For the `src` of a script tag. Needs no key.",
    "tags": ["Capture"],
    "responses": {"200": {"description": "The script.", "content": {"text/javascript": {}}}},
}


def hot_paths() -> tuple[dict[str, Any], dict[str, Any]]:
    """The path items, and the schemas they refer to."""
    kinds = [NewEvent, list[NewEvent], Events, NewValue, list[NewValue], AskOne, AskMany, CaptureReply, Assigned]
    kinds += [ManyAssigned, Identify, IdentifyReply]
    (event, events, wrapped, value, values, one, many, kept, assignment, assignments, stated, identified), schemas = (
        msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    )
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    lines = {"application/x-ndjson": {"schema": {"type": "string", "description": "One event a line."}}}
    return {
        "/v1/events": {
            "post": _operation(
                "Record events",
                "One event, an array, or an object with `events`; NDJSON as application/x-ndjson. The reply comes "
                "when everything accepted is on disk. A write key will do.",
                {"application/json": {"schema": {"anyOf": [event, events, wrapped]}}, **lines},
                kept,
            )
        },
        "/v1/metrics": {
            "post": _operation(
                "Record metric values",
                "One value or an array of values, to be compared between the variants of an experiment.",
                {"application/json": {"schema": {"anyOf": [value, values]}}},
                kept,
            )
        },
        "/v1/identify": {
            "post": _operation(
                "Say who a visitor is, and what is known of a user",
                "Ties the anonymous id to the user and keeps the traits. A write key will do.",
                {"application/json": {"schema": stated}},
                identified,
            )
        },
        "/v1/experiments/{name}/assignments": {
            "post": {
                **_operation(
                    "A user's variant",
                    "Decides once and stays with it. A write key will do for one user.",
                    {"application/json": {"schema": {"anyOf": [one, many]}}},
                    {"anyOf": [assignment, assignments]},
                ),
                "parameters": [name],
            }
        },
        PATH: {"get": _SCRIPT},
    }, schemas


def _operation(summary: str, description: str, body: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": description,
        "tags": ["Capture"],
        "requestBody": {"required": True, "content": body},
        "responses": {"200": {"description": "Done.", "content": {"application/json": {"schema": reply}}}},
    }
