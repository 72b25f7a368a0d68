"""The first page: where to go from here."""

from evensplit.ui.replies import Reply
from evensplit.ui.visit import Visit


async def page(visit: Visit) -> Reply:
    newest = await visit.services.store.newest()
    return visit.page("home.html", empty=newest == 0, saved=visit.catalog.saved.reports()[:12])
