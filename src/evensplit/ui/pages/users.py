"""People: found by an id or a trait, one of them with everything known, and taken out of everything."""

from collections.abc import Sequence

import msgspec

from evensplit.errors import Invalid
from evensplit.model.instant import rfc3339
from evensplit.query import events, users
from evensplit.ui.pages.events import Shown, listed
from evensplit.ui.replies import Reply, link, segment
from evensplit.ui.visit import Visit

MOST = 50
PAGE = 50
WORD = "erase"  # what is typed before a person is


class Entry(msgspec.Struct, frozen=True):
    """One line of the timeline: an event, or the assignment to a variant. `at` as RFC 3339."""

    at: str
    event: Shown | None = None
    experiment: str = ""
    variant: str = ""

    @property
    def day(self) -> str:
        return self.at[:10]


class Assigned(msgspec.Struct, frozen=True):
    """`user_id`: under which of the person's ids."""

    experiment: str
    variant: str
    at: str
    user_id: str


async def page(visit: Visit) -> Reply:
    """Those who are searched for; without a search those whose events came last."""
    asked, store = visit.query.text("q").strip(), visit.services.store
    if asked:
        found = await users.search(store, asked, MOST)
        known = any(each.user_id == asked for each in found) or bool(_assigned(visit, [asked]))
    else:
        found, known = await users.lately(store, await store.events.newest(), MOST), False
    return visit.page("users.html", found=found, asked=asked, known=known, full=len(found) == MOST)


async def one(visit: Visit) -> Reply:
    """The person behind an id: what the JSON interface tells of them, and their timeline."""
    user_id, services = visit.parts["id"], visit.services
    circle = visit.catalog.links.circle(user_id)
    seen = await users.seen(services.store, circle)
    assigned = _assigned(visit, circle)
    cursor = visit.query.text("cursor")
    found, following = await listed(visit, events.EventFilter(ids=tuple(circle), limit=PAGE, cursor=cursor or None))
    entries = _timeline(found, assigned, visit.query.text("before") if cursor else "", bool(following))
    older = ""
    if following:
        older = link(f"/users/{segment(user_id)}", cursor=following, before=found[-1].created_at)
    return visit.page(
        "user.html",
        user_id=user_id,
        person=circle[0],
        linked=[id_ for id_ in circle if id_ != user_id],
        seen=seen,
        traits=visit.catalog.identity.traits(circle),
        assigned=assigned,
        entries=entries,
        older=older,
        word=WORD,
    )


async def erase(visit: Visit) -> Reply:
    """Everything under any id of the person. The word has to be typed."""
    if visit.form.text("confirm").strip() != WORD:
        raise Invalid(f"to erase a person, type {WORD!r}")
    erased = await visit.services.eraser.person(visit.parts["id"])
    return visit.page("user_erased.html", erased=erased)


def _assigned(visit: Visit, circle: Sequence[str]) -> list[Assigned]:
    return [
        Assigned(row.experiment, row.variant, rfc3339(row.assigned_at), id_)
        for id_ in circle
        for row in visit.catalog.assignments.of_user(id_)
    ]


def _timeline(found: Sequence[Shown], assigned: Sequence[Assigned], before: str, goes_on: bool) -> list[Entry]:
    """Newest first: one page of events, and the assignments that lie between it and the page before."""
    since = found[-1].created_at if goes_on and found else ""
    entries = [Entry(event.created_at, event) for event in found]
    entries += [
        Entry(each.at, None, each.experiment, each.variant)
        for each in assigned
        if each.at >= since and (not before or each.at < before)
    ]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)
