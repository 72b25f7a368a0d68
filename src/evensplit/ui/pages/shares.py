"""Links that show one saved report or one dashboard to anybody who has them: made, listed, revoked, opened.

Whoever opens one sees the answers and nothing else: no persons, no other report, nothing to change.
"""

from collections.abc import Sequence

import msgspec

from evensplit.errors import NotFound
from evensplit.model.account import Shown
from evensplit.model.saved import Dashboard, SavedReport
from evensplit.ui import answers, tables
from evensplit.ui.replies import Reply, download, link, redirect
from evensplit.ui.visit import Visit


class Panel(msgspec.Struct, frozen=True):
    """A report of a shared page, and how wide it stands (of 12)."""

    name: str
    kind: str
    description: str | None
    width: int


async def page(visit: Visit) -> Reply:
    share = visit.catalog.shares.opened(visit.parts["token"])
    if share.shows == "report":
        panels: Sequence[Panel] = [_panel(visit.catalog.saved.report(share.name)[1], 12)]
        description = None
    else:
        dashboard = visit.catalog.saved.dashboard(share.name)[1]
        description = dashboard.description
        in_order = sorted(dashboard.layout, key=lambda tile: (tile.y, tile.x))
        panels = [_panel(visit.catalog.saved.report(tile.saved)[1], min(tile.w, 12)) for tile in in_order]
    return visit.page("share.html", share=share, panels=panels, description=description, token=visit.parts["token"])


async def answer(visit: Visit) -> Reply:
    """A part of the page: the answer to one of its reports, `?report=` by name."""
    saved, report = _asked(visit)
    found = await answers.asked(visit.services, answers.kind_of(saved.kind), report)
    csv = link(f"/share/{visit.parts['token']}/answer.csv", report=saved.name)
    return visit.page("answer.html", **answers.shown(found), snippets=None, statement=None, sql_page="", shared=csv)


async def table(visit: Visit) -> Reply:
    saved, report = _asked(visit)
    found = await answers.asked(visit.services, answers.kind_of(saved.kind), report)
    return download(tables.csv_of(tables.tables(found)), f"{saved.name}.csv", "text/csv; charset=utf-8")


async def overview(visit: Visit) -> Reply:
    """Every link there is."""
    return visit.page("shares.html", made=None, shares=visit.catalog.shares.all())


async def make(visit: Visit) -> Reply:
    """A new link, shown this once."""
    shows: Shown = "dashboard" if visit.form.text("shows") == "dashboard" else "report"
    token, share = await visit.catalog.shares.make(shows, visit.form.text("name"), visit.who)
    made = (share, f"{visit.base_url}/share/{token}")
    return visit.page("shares.html", made=made, shares=visit.catalog.shares.of(shows, share.name))


async def revoke(visit: Visit) -> Reply:
    text = visit.parts["id"]
    await visit.catalog.shares.revoke(int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0)
    return redirect("/shares")


def _panel(saved: SavedReport, width: int) -> Panel:
    return Panel(saved.name, saved.kind, saved.description, width)


def _asked(visit: Visit) -> tuple[SavedReport, bytes]:
    """The report, over the dashboard's range where it has one. Raises NotFound for one that the link does not show."""
    share = visit.catalog.shares.opened(visit.parts["token"])
    name = visit.query.text("report")
    board: Dashboard | None = None
    if share.shows == "dashboard":
        board = visit.catalog.saved.dashboard(share.name)[1]
        if all(tile.saved != name for tile in board.layout):
            raise NotFound("this link does not show that")
    elif share.name != name:
        raise NotFound("this link does not show that")
    saved = visit.catalog.saved.report(name)[1]
    report = bytes(saved.report)
    return saved, report if board is None else answers.over(report, board.since, board.until)
