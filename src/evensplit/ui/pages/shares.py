"""Links that show one saved report or one dashboard to anybody who has them: made, listed, revoked, opened.

Whoever opens one sees the answers and nothing else: no persons, no other report, nothing to change.
"""

from evensplit.errors import NotFound
from evensplit.model.account import Share, Shown
from evensplit.model.saved import Dashboard, SavedReport, Tile
from evensplit.ui import answers, grid, tables
from evensplit.ui.replies import Reply, download, link, redirect
from evensplit.ui.visit import Visit


async def page(visit: Visit) -> Reply:
    share = visit.catalog.shares.opened(visit.parts["token"])
    board: Dashboard | None = None
    if share.shows == "report":
        saved = visit.catalog.saved.report(share.name)[1]
        panels = [grid.panel(saved, Tile(saved.name, 0, 0, grid.COLUMNS, grid.HIGHEST))]
    else:
        board = visit.catalog.saved.dashboard(share.name)[1]
        panels = [grid.panel(visit.catalog.saved.report(tile.saved)[1], tile) for tile in grid.in_order(board)]
    return visit.page("share.html", share=share, panels=panels, board=board, token=visit.parts["token"])


async def answer(visit: Visit) -> Reply:
    """A part of the page: the answer to one of its reports, `?report=` by name."""
    share, saved, report = _asked(visit)
    found = await answers.asked(visit.services, answers.kind_of(saved.kind), report)
    csv = link(f"/share/{visit.parts['token']}/answer.csv", report=saved.name)
    if share.shows == "dashboard":
        look = visit.query.text("look")
        headline = grid.headline(found)
        return visit.page("tile.html", **answers.shown(found), headline=headline, look=look, csv=csv, onward="")
    return visit.page("answer.html", **answers.shown(found), snippets=None, statement=None, sql_page="", shared=csv)


async def table(visit: Visit) -> Reply:
    _, saved, report = _asked(visit)
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


def _asked(visit: Visit) -> tuple[Share, SavedReport, bytes]:
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
    if board is not None:
        report = grid.over(report, board.since or "", board.until or "", "")
    return share, saved, report
