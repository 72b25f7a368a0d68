"""Dashboards: listed, put up, looked at over a range and a zone, arranged, taken down."""

from collections.abc import Mapping

import msgspec

from evensplit import clock
from evensplit.errors import EvensplitError, Invalid, NotFound
from evensplit.model.saved import Dashboard, SavedReport, read_dashboard
from evensplit.query import ranges
from evensplit.query.zones import names, zone
from evensplit.ui import answers, grid, tables
from evensplit.ui.marks import marks
from evensplit.ui.replies import Reply, download, link, redirect, segment
from evensplit.ui.visit import Visit

RANGES = (
    ("-0d", "today"), ("-24h", "last 24 hours"), ("-7d", "last 7 days"), ("-14d", "last 14 days"),
    ("-30d", "last 30 days"), ("-90d", "last 90 days"), ("-12m", "last 12 months"),
)  # fmt: skip
OVER = ("since", "until", "timezone")  # of the address: stand in for those of the dashboard and its reports


async def overview(visit: Visit) -> Reply:
    return _overview(visit)


async def put_up(visit: Visit) -> Reply:
    """A new, empty one."""
    try:
        board = read_dashboard(msgspec.json.encode(_face(visit)))
        await visit.catalog.saved.put_up(board)
    except EvensplitError as error:
        return _overview(visit, error, visit.form.text("name"))
    return redirect(link(_path(board.name), edit="1"))


async def page(visit: Visit) -> Reply:
    """The grid; every tile fetches its own answer. `?edit=1` offers to arrange it."""
    stored, board = visit.catalog.saved.dashboard(visit.parts["name"])
    reports = {saved.name: saved for _, saved in visit.catalog.saved.reports()}
    panels = [grid.panel(reports[tile.saved], tile) for tile in grid.in_order(board) if tile.saved in reports]
    shown = {panel.name for panel in panels}
    return visit.page(
        "dashboard.html",
        board=board,
        stored=stored,
        panels=panels,
        others=[name for name in reports if name not in shown],
        editing=bool(visit.query.text("edit")) and visit.who.may("editor"),
        over=_over(visit),
        given={name: visit.query.text(name) for name in OVER},
        ranges=RANGES,
        zones=sorted(names()),
        path=_path(board.name),
        widths=grid.WIDTHS,
        heights=grid.HEIGHTS,
    )


async def answer(visit: Visit) -> Reply:
    """A part of the page: one tile's answer, `?report=` by name."""
    saved, report = _asked(visit)
    found = await answers.asked(visit.services, answers.kind_of(saved.kind), report)
    shown = answers.shown(found, annotations=marks(found, visit.catalog))
    return visit.page(
        "tile.html",
        **shown,
        headline=grid.headline(found),
        look=visit.query.text("look"),
        csv=link(f"{_path(visit.parts['name'])}/answer.csv", report=saved.name, **_over(visit)),
        onward=link(f"/explore/{segment(saved.kind)}", q=report.decode(), saved=saved.name),
    )


async def table(visit: Visit) -> Reply:
    """A tile's tables as a file."""
    saved, report = _asked(visit)
    found = await answers.asked(visit.services, answers.kind_of(saved.kind), report)
    return download(tables.csv_of(tables.tables(found)), f"{saved.name}.csv", "text/csv; charset=utf-8")


async def change(visit: Visit) -> Reply:
    """Its name, its description, its range."""
    body = msgspec.json.encode(_face(visit))
    _, board = await visit.catalog.saved.rearrange(
        visit.parts["name"], lambda before: _timed(read_dashboard(body, before))
    )
    return redirect(link(_path(board.name), edit="1"))


async def add(visit: Visit) -> Reply:
    """A saved report, below what stands there."""
    name = visit.form.text("saved")
    await visit.catalog.saved.rearrange(visit.parts["name"], lambda before: grid.with_tile(before, name))
    return redirect(link(_path(visit.parts["name"]), edit="1"))


async def arrange(visit: Visit) -> Reply:
    """All its tiles in their order: `saved`, `wide` and `high`, once for each."""
    form = visit.form
    saved, wide, high = form.all("saved"), form.all("wide"), form.all("high")
    if not len(saved) == len(wide) == len(high):
        raise Invalid("a tile needs a saved report, how wide it is, and how high")
    sizes = [(_size("wide", w), _size("high", h)) for w, h in zip(wide, high, strict=True)]
    layout = grid.packed([(name, w, h) for name, (w, h) in zip(saved, sizes, strict=True)])
    await visit.catalog.saved.rearrange(
        visit.parts["name"], lambda before: msgspec.structs.replace(before, layout=layout)
    )
    return redirect(link(_path(visit.parts["name"]), edit="1"))


async def take_down(visit: Visit) -> Reply:
    await visit.catalog.saved.take_down(visit.parts["name"])
    return redirect("/dashboards")


def _overview(visit: Visit, error: EvensplitError | None = None, name: str = "") -> Reply:
    boards = visit.catalog.saved.dashboards()
    status = 200 if error is None else error.status
    return visit.page("dashboards.html", status, boards=boards, error=error, name=name)


def _path(name: str) -> str:
    return f"/dashboards/{segment(name)}"


def _face(visit: Visit) -> dict[str, str | None]:
    """What a dashboard's form says; an empty field is none."""
    form = visit.form
    face: dict[str, str | None] = {
        field: form.text(field).strip() or None for field in ("description", "since", "until")
    }
    return {"name": form.text("name").strip(), **face}


def _timed(board: Dashboard) -> Dashboard:
    """The same, once its times can be read. Raises InvalidReport."""
    for field, text in (("since", board.since), ("until", board.until)):
        if text is not None:
            ranges.resolve(text, field, clock.now_ms(), zone("UTC"))
    return board


def _over(visit: Visit) -> Mapping[str, str]:
    """What the address says of range and zone."""
    return {name: text for name in OVER if (text := visit.query.text(name))}


def _asked(visit: Visit) -> tuple[SavedReport, bytes]:
    """A report that stands on the dashboard, over the range of the address, else of the dashboard, else its own."""
    _, board = visit.catalog.saved.dashboard(visit.parts["name"])
    name = visit.query.text("report")
    if all(tile.saved != name for tile in board.layout):
        raise NotFound("this dashboard does not show that")
    _, saved = visit.catalog.saved.report(name)
    own = {"since": board.since or "", "until": board.until or ""}
    given = _over(visit)
    # A range of the address is whole: its `since` does not go with another's `until`.
    chosen = {"since": "", "until": "", **given} if "since" in given or "until" in given else {**own, **given}
    return saved, grid.over(bytes(saved.report), chosen["since"], chosen["until"], given.get("timezone", ""))


def _size(field: str, text: str) -> int:
    """Raises Invalid."""
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise Invalid(f"{field}: must be a whole number, is {text[:100]!r}")
    return int(text)
