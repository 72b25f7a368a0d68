"""Annotations: what happened when, shown on the charts of dashboards; noted, listed, erased."""

import msgspec

from evensplit import clock
from evensplit.errors import EvensplitError
from evensplit.model.saved import read_annotation
from evensplit.ui.replies import Reply, redirect
from evensplit.ui.visit import Visit

LATEST = 253_402_300_800_000  # the end of the year 9999
EARLIEST = -LATEST


async def page(visit: Visit) -> Reply:
    return _page(visit)


async def note(visit: Visit) -> Reply:
    form = visit.form
    try:
        body = {"at": form.text("at").strip(), "text": form.text("text").strip()}
        await visit.catalog.annotations.note(read_annotation(msgspec.json.encode(body)))
    except EvensplitError as error:
        return _page(visit, error)
    return redirect("/annotations")


async def erase(visit: Visit) -> Reply:
    text = visit.parts["id"]
    await visit.catalog.annotations.erase(int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0)
    return redirect("/annotations")


def _page(visit: Visit, error: EvensplitError | None = None) -> Reply:
    form = visit.form
    return visit.page(
        "annotations.html",
        200 if error is None else error.status,
        annotations=list(reversed(visit.catalog.annotations.between(EARLIEST, LATEST))),
        error=error,
        at=form.text("at") or clock.to_text(clock.now_ms())[:10],
        text=form.text("text"),
    )
