"""Experiments over HTTP, all but asking for a variant, which is on the hot path (`api.evaluate`)."""

from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from litestar import Request, delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from evensplit.api.bodies import takes
from evensplit.errors import Invalid, NotFound
from evensplit.experiments.conditions import check
from evensplit.experiments.explain import Explanation, explain
from evensplit.model.experiment import Action, Experiment, Variant, read_new, read_patch, settle
from evensplit.model.faults import Fields, text_of
from evensplit.model.instant import rfc3339
from evensplit.model.metric import Metric, read_metrics
from evensplit.storage.base import StoredAssignment
from evensplit.storage.catalog import Catalog

MOST_ROWS = 10_000
LONGEST_ID = 512
TAGS = ["Experiments"]

Call = Request[Any, Any, Any]


# --- what is sent ---------------------------------------------------------------------------------


class VariantReply(msgspec.Struct, frozen=True):
    """`payload` is the JSON that was sent, digit for digit."""

    id: int
    name: str
    description: str | None
    weight: float
    payload: Any


class ExperimentReply(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment as it stands."""

    id: int
    name: str
    description: str | None
    status: str
    created_at: str
    started_at: str | None
    stopped_at: str | None
    control: str
    variants: list[VariantReply]
    metrics: list[Metric]
    method: str
    hash_version: str
    seed: str
    origin: str


class ExperimentList(msgspec.Struct, frozen=True):
    experiments: list[ExperimentReply]


class AssignmentRow(msgspec.Struct, frozen=True):
    """A stored assignment. `variant` is null where another program named a variant of another experiment."""

    user_id: str
    variant: str | None
    variant_id: int
    assigned_at: str


class AssignmentPage(msgspec.Struct, frozen=True):
    """`next_cursor` is null on the last page."""

    assignments: list[AssignmentRow]
    next_cursor: str | None


# --- what is asked for, for the OpenAPI document ---------------------------------------------------
# Bodies are read by `model`, which names every fault and keeps payloads as they were sent; Litestar would do neither.


class VariantBody(msgspec.Struct):
    name: str
    description: str | None = None
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    payload: Any = None


class ExperimentBody(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    variants: Annotated[list[VariantBody], msgspec.Meta(min_length=2)]
    description: str | None = None
    control: str | None = None
    start: bool = True
    hash_version: str = "growthbook_v2"
    seed: str | None = None
    metrics: list[Metric] = []


class ExperimentChange(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    control: str | None = None
    variants: list[VariantBody] | None = None
    weights: dict[str, float] | None = None
    payloads: dict[str, Any] | None = None


# --- routes ---------------------------------------------------------------------------------------


@get("/v1/experiments", tags=TAGS, summary="Every experiment, archived ones too")
async def list_experiments(request: Call) -> ExperimentList:
    return ExperimentList([_shown(experiment) for experiment in _catalog(request).experiments()])


@post(
    "/v1/experiments",
    tags=TAGS,
    summary="Create an experiment; it runs at once unless `start` is false",
    operation_class=takes(ExperimentBody),
)
async def create_experiment(request: Call) -> ExperimentReply:
    new = read_new(await request.body())
    await check(request.app.state.services.store, new.metrics)
    return _shown(await _catalog(request).create(new))


@get("/v1/experiments/{name:str}", tags=TAGS, summary="One experiment")
async def one_experiment(request: Call, name: FromPath[str]) -> ExperimentReply:
    return _shown(_catalog(request).experiment(name))


@patch(
    "/v1/experiments/{name:str}",
    tags=TAGS,
    summary="Change name, description, control, weights, payloads, variants",
    description="`variants` is the whole list: what is missing from it is removed, unless somebody is assigned to it. "
    "What an entry leaves out stays as it is. `weights` and `payloads` change single variants by name.",
    operation_class=takes(ExperimentChange),
)
async def change_experiment(request: Call, name: FromPath[str]) -> ExperimentReply:
    body = await request.body()
    return _shown(await _catalog(request).change(name, lambda before: read_patch(body, before)))


@delete("/v1/experiments/{name:str}", tags=TAGS, summary="Delete it with its assignments and metric values")
async def delete_experiment(request: Call, name: FromPath[str]) -> None:
    await _catalog(request).delete(name)


def _mover(action: Action, summary: str) -> HTTPRouteHandler:
    async def move(request: Call, name: FromPath[str]) -> ExperimentReply:
        return _shown(await _catalog(request).move(name, action))

    move.__name__ = f"{action}_experiment"
    path = f"/v1/experiments/{{name:str}}/{action}"
    return post(path, tags=TAGS, summary=summary, status_code=200)(move)


start_experiment = _mover("start", "Start it, or start it again")
stop_experiment = _mover("stop", "Stop it: nobody new is assigned")
archive_experiment = _mover("archive", "Put it away: it answers nobody any more")


@put(
    "/v1/experiments/{name:str}/metrics",
    tags=TAGS,
    summary="Replace the metric definitions",
    operation_class=takes(list[Metric]),
)
async def set_metrics(request: Call, name: FromPath[str]) -> ExperimentReply:
    wrapped = b'{"metrics":' + text_of(await request.body()) + b"}"
    fields = Fields(wrapped)
    metrics = read_metrics(fields.items("metrics"), fields.faults)
    fields.end()
    settle(fields.faults)
    await check(request.app.state.services.store, metrics)
    return _shown(await _catalog(request).measure(name, metrics))


@get("/v1/experiments/{name:str}/explain", tags=TAGS, summary="Which stored row, hash or bucket decides for a user")
async def explain_assignment(request: Call, name: FromPath[str], user_id: FromQuery[str]) -> Explanation:
    if not 1 <= len(user_id) <= LONGEST_ID:
        raise Invalid(f"user_id must have 1 to {LONGEST_ID} characters, has {len(user_id)}")
    catalog = _catalog(request)
    return explain(catalog, catalog.experiment(name), user_id)


@get("/v1/experiments/{name:str}/assignments", tags=TAGS, summary="Stored assignments, oldest first")
async def list_assignments(
    request: Call,
    name: FromPath[str],
    limit: Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)] = 1_000,
    cursor: FromQuery[str | None] = None,
) -> AssignmentPage:
    after = 0
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise Invalid(f"cursor {cursor!r} was not given out here")
        after = int(cursor)
    catalog = _catalog(request)
    experiment = catalog.experiment(name)
    rows = catalog.assignments.page(experiment.id, after, limit + 1)
    last = str(rows[limit - 1][0]) if len(rows) > limit else None
    return AssignmentPage([_row(experiment, stored) for _, stored in rows[:limit]], last)


@get("/v1/experiments/{name:str}/assignments/{user_id:path}", tags=TAGS, summary="One user's stored assignment")
async def one_assignment(request: Call, name: FromPath[str], user_id: FromPath[str]) -> AssignmentRow:
    catalog = _catalog(request)
    experiment = catalog.experiment(name)
    asked = _last_segment(request, user_id)
    stored = catalog.assignments.one(experiment.id, asked)
    if stored is None:
        raise NotFound(f"user {asked!r} has no assignment in experiment {name!r}")
    return _row(experiment, stored)


HANDLERS = [
    list_experiments,
    create_experiment,
    one_experiment,
    change_experiment,
    delete_experiment,
    start_experiment,
    stop_experiment,
    archive_experiment,
    set_metrics,
    explain_assignment,
    list_assignments,
    one_assignment,
]


def _catalog(request: Call) -> Catalog:
    catalog: Catalog = request.app.state.services.catalog
    return catalog


def _last_segment(request: Call, decoded: str) -> str:
    """The user id as it was written: an id may hold slashes, which the decoded path cannot tell from separators."""
    raw: bytes = request.scope.get("raw_path") or b""
    parts = raw.split(b"?")[0].split(b"/", 5)
    return unquote(parts[5].decode("latin-1")) if len(parts) == 6 else decoded.removeprefix("/")


def _shown(experiment: Experiment) -> ExperimentReply:
    return ExperimentReply(
        id=experiment.id,
        name=experiment.name,
        description=experiment.description,
        status=experiment.status,
        created_at=rfc3339(experiment.created_at),
        started_at=_maybe(experiment.started_at),
        stopped_at=_maybe(experiment.stopped_at),
        control=experiment.control,
        variants=[_variant(variant) for variant in experiment.variants],
        metrics=list[Metric](experiment.metrics),
        method=experiment.method,
        hash_version=experiment.hash_version,
        seed=experiment.seed,
        origin=experiment.origin,
    )


def _variant(variant: Variant) -> VariantReply:
    return VariantReply(variant.id, variant.name, variant.description, variant.weight, variant.payload)


def _maybe(text: str | None) -> str | None:
    return None if text is None else rfc3339(text)


def _row(experiment: Experiment, stored: StoredAssignment) -> AssignmentRow:
    variant = experiment.variant(stored.variant_id)
    name = variant.name if variant else None
    return AssignmentRow(stored.user_id, name, stored.variant_id, rfc3339(stored.assigned_at))
