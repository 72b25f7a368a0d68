"""`/v1/saved` and `/v1/dashboards`: reports under a name, and several of them side by side. Rules: `model.saved`."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post, put
from litestar.params import FromPath, Parameter

from evensplit import clock
from evensplit.api.bodies import takes
from evensplit.api.renderings import Rendering
from evensplit.errors import Invalid, InvalidReport
from evensplit.model.faults import Fault
from evensplit.model.instant import rfc3339
from evensplit.model.saved import Dashboard, SavedReport, Tile, read_dashboard, read_saved
from evensplit.query import ranges
from evensplit.query.reading import Reading
from evensplit.query.run.cache import Answered, Answers
from evensplit.query.run.kinds import KINDS, Kind
from evensplit.query.zones import zone
from evensplit.storage.catalog import Catalog
from evensplit.storage.catalog.saved import Stored

SAVED, DASHBOARDS = ["Saved reports"], ["Dashboards"]

Call = Request[Any, Any, Any]
Override = Annotated[str | None, Parameter(description="Stands in for that of the report.")]


# --- what is sent ---------------------------------------------------------------------------------


class SavedReply(msgspec.Struct, frozen=True, kw_only=True):
    """`report` is the JSON that was sent."""

    id: int
    name: str
    kind: str
    report: Any
    description: str | None
    created_at: str
    updated_at: str


class SavedList(msgspec.Struct, frozen=True):
    saved: list[SavedReply]


class DashboardReply(msgspec.Struct, frozen=True, kw_only=True):
    """`since` and `until`, where there are any, stand in for those of its reports."""

    id: int
    name: str
    description: str | None
    layout: list[Tile]
    since: str | None
    until: str | None
    created_at: str
    updated_at: str


class DashboardList(msgspec.Struct, frozen=True):
    dashboards: list[DashboardReply]


# --- what is asked for, for the OpenAPI document --------------------------------------------------


class SavedBody(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Annotated[str, msgspec.Meta(description="The last word of the report's path, such as trend.")]
    report: dict[str, Any]
    description: str | None = None


class SavedChange(msgspec.Struct):
    name: str | None = None
    kind: str | None = None
    report: dict[str, Any] | None = None
    description: str | None = None


class DashboardBody(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    layout: list[Tile] = []
    description: str | None = None
    since: str | None = None
    until: str | None = None


class DashboardChange(msgspec.Struct):
    name: str | None = None
    layout: list[Tile] | None = None
    description: str | None = None
    since: str | None = None
    until: str | None = None


# --- saved reports --------------------------------------------------------------------------------


@get("/v1/saved", tags=SAVED, summary="Saved reports, by name")
async def list_saved(request: Call) -> SavedList:
    return SavedList([_saved(*found) for found in _catalog(request).saved.reports()])


@post("/v1/saved", tags=SAVED, summary="Save a report under a name", operation_class=takes(SavedBody))
async def create_saved(request: Call) -> SavedReply:
    return _saved(*await _catalog(request).saved.keep(_checked(read_saved(await request.body()))))


@get("/v1/saved/{name:str}", tags=SAVED, summary="One saved report")
async def one_saved(request: Call, name: FromPath[str]) -> SavedReply:
    return _saved(*_catalog(request).saved.report(name))


@put("/v1/saved/{name:str}", tags=SAVED, summary="Replace a saved report", operation_class=takes(SavedBody))
async def replace_saved(request: Call, name: FromPath[str]) -> SavedReply:
    body = await request.body()
    return _saved(*await _catalog(request).saved.change(name, lambda _: _checked(read_saved(body))))


@patch(
    "/v1/saved/{name:str}",
    tags=SAVED,
    summary="Change what is given; dashboards follow a new name",
    operation_class=takes(SavedChange),
)
async def change_saved(request: Call, name: FromPath[str]) -> SavedReply:
    body = await request.body()
    return _saved(*await _catalog(request).saved.change(name, lambda before: _checked(read_saved(body, before))))


@delete("/v1/saved/{name:str}", tags=SAVED, summary="Delete it, also from the dashboards that show it")
async def delete_saved(request: Call, name: FromPath[str]) -> None:
    await _catalog(request).saved.forget(name)


@get(
    "/v1/saved/{name:str}/run",
    tags=SAVED,
    summary="The answer to a saved report",
    description="As `POST /v1/reports/{kind}` answers it.",
    response_class=Rendering,
)
async def run_saved(
    request: Call, name: FromPath[str], since: Override = None, until: Override = None
) -> dict[str, Any]:
    services = request.app.state.services
    _, saved = services.catalog.saved.report(name)
    return await _run(services.answers, services.store, saved, since, until)  # type: ignore[return-value]


# --- dashboards -----------------------------------------------------------------------------------


@get("/v1/dashboards", tags=DASHBOARDS, summary="Dashboards, by name")
async def list_dashboards(request: Call) -> DashboardList:
    return DashboardList([_dashboard(*found) for found in _catalog(request).saved.dashboards()])


@post("/v1/dashboards", tags=DASHBOARDS, summary="Put up a dashboard", operation_class=takes(DashboardBody))
async def create_dashboard(request: Call) -> DashboardReply:
    return _dashboard(*await _catalog(request).saved.put_up(_timed(read_dashboard(await request.body()))))


@get("/v1/dashboards/{name:str}", tags=DASHBOARDS, summary="One dashboard")
async def one_dashboard(request: Call, name: FromPath[str]) -> DashboardReply:
    return _dashboard(*_catalog(request).saved.dashboard(name))


@put(
    "/v1/dashboards/{name:str}",
    tags=DASHBOARDS,
    summary="Replace a dashboard",
    operation_class=takes(DashboardBody),
)
async def replace_dashboard(request: Call, name: FromPath[str]) -> DashboardReply:
    body = await request.body()
    return _dashboard(*await _catalog(request).saved.rearrange(name, lambda _: _timed(read_dashboard(body))))


@patch(
    "/v1/dashboards/{name:str}",
    tags=DASHBOARDS,
    summary="Change what is given",
    description="`layout` is the whole of it.",
    operation_class=takes(DashboardChange),
)
async def change_dashboard(request: Call, name: FromPath[str]) -> DashboardReply:
    body = await request.body()
    saved = _catalog(request).saved
    return _dashboard(*await saved.rearrange(name, lambda before: _timed(read_dashboard(body, before))))


@delete("/v1/dashboards/{name:str}", tags=DASHBOARDS, summary="Take it down; the saved reports stay")
async def delete_dashboard(request: Call, name: FromPath[str]) -> None:
    await _catalog(request).saved.take_down(name)


HANDLERS = [
    list_saved,
    create_saved,
    one_saved,
    replace_saved,
    change_saved,
    delete_saved,
    run_saved,
    list_dashboards,
    create_dashboard,
    one_dashboard,
    replace_dashboard,
    change_dashboard,
    delete_dashboard,
]

_KINDS: dict[str, Kind] = {kind.name: kind for kind in KINDS}


def _catalog(request: Call) -> Catalog:
    catalog: Catalog = request.app.state.services.catalog
    return catalog


def _checked(saved: SavedReport) -> SavedReport:
    """The same, once its kind has read the report. Raises Invalid and InvalidReport."""
    kind = _kind(saved)
    try:
        kind.resolved(bytes(saved.report), clock.now_ms())
    except InvalidReport as error:
        raise InvalidReport(error.code, f"report: {error.message}", error.details) from None
    return saved


def _kind(saved: SavedReport) -> Kind:
    kind = _KINDS.get(saved.kind)
    if kind is None:
        fault = Fault("kind", f"must be one of {', '.join(_KINDS)}, is {saved.kind[:100]!r}")
        raise Invalid(f"{fault.field}: {fault.message}", [fault])
    return kind


async def _run(answers: Answers, store: Reading, saved: SavedReport, since: str | None, until: str | None) -> Answered:
    """The report as it stands, over another range where one is given."""
    report = msgspec.json.decode(saved.report, type=dict[str, msgspec.Raw])
    for name, text in (("since", since), ("until", until)):
        if text is not None:
            report[name] = msgspec.Raw(msgspec.json.encode(text))
    return await answers.asked(_kind(saved), store, msgspec.json.encode(report), clock.now_ms())


def _timed(dashboard: Dashboard) -> Dashboard:
    """The same, once its times can be read. Raises InvalidReport."""
    for field, text in (("since", dashboard.since), ("until", dashboard.until)):
        if text is not None:
            ranges.resolve(text, field, clock.now_ms(), zone("UTC"))
    return dashboard


def _saved(stored: Stored, saved: SavedReport) -> SavedReply:
    return SavedReply(
        id=stored.id,
        name=saved.name,
        kind=saved.kind,
        report=saved.report,
        description=saved.description,
        created_at=rfc3339(stored.created_at),
        updated_at=rfc3339(stored.updated_at),
    )


def _dashboard(stored: Stored, dashboard: Dashboard) -> DashboardReply:
    return DashboardReply(
        id=stored.id,
        name=dashboard.name,
        description=dashboard.description,
        layout=list(dashboard.layout),
        since=dashboard.since,
        until=dashboard.until,
        created_at=rfc3339(stored.created_at),
        updated_at=rfc3339(stored.updated_at),
    )
