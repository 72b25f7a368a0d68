"""Saved reports: opened, kept under a name, put on a dashboard, forgotten."""

import msgspec

from evensplit import clock
from evensplit.errors import Conflict, InvalidReport, NotFound
from evensplit.model.saved import SavedReport, read_dashboard, read_saved
from evensplit.ui import answers, grid
from evensplit.ui.replies import Reply, link, redirect, segment
from evensplit.ui.visit import Visit


async def open_(visit: Visit) -> Reply:
    """On to the page where it can be looked at and changed."""
    _, saved = visit.catalog.saved.report(visit.parts["name"])
    report = bytes(saved.report).decode()
    return redirect(link(f"/explore/{segment(saved.kind)}", q=report, saved=saved.name))


async def keep(visit: Visit) -> Reply:
    """Save a report; `replace` takes the place of the one of that name. `dashboard` puts it on one, too."""
    form = visit.form
    name, kind, report = form.text("name").strip(), form.text("kind"), form.text("report")
    saved = _read(name, kind, report, form.text("description").strip() or None)
    reports = visit.catalog.saved
    try:
        await reports.keep(saved)
    except Conflict:
        if not form.text("replace"):
            raise
        await reports.change(name, lambda _: saved)
    board = form.text("dashboard").strip()
    if board:
        await _put_on(visit, board, name)
    return redirect(link(f"/explore/{segment(kind)}", q=report, saved=name))


async def forget(visit: Visit) -> Reply:
    await visit.catalog.saved.forget(visit.parts["name"])
    return redirect("/explore")


def _read(name: str, kind: str, report: str, description: str | None) -> SavedReport:
    """Raises Invalid, InvalidJson, InvalidReport, NotFound."""
    asked = answers.kind_of(kind)
    try:
        asked.resolved(report, clock.now_ms())
    except InvalidReport as error:
        raise InvalidReport(error.code, f"report: {error.message}", error.details) from None
    body = {"name": name, "kind": kind, "report": msgspec.Raw(report.encode()), "description": description}
    return read_saved(msgspec.json.encode(body))


async def _put_on(visit: Visit, board: str, name: str) -> None:
    """Below what stands there; the dashboard is put up where there is none."""
    reports = visit.catalog.saved
    try:
        await reports.rearrange(board, lambda before: grid.with_tile(before, name))
    except NotFound:
        await reports.put_up(grid.with_tile(read_dashboard(msgspec.json.encode({"name": board})), name))
