"""The plan of a sessions report: which events are page views, and which properties say where a visit came from."""

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import ANY, EventChoice, Filter
from evensplit.model.report.sessions import Sessions, SessionsCell, Top
from evensplit.query.conditions import Condition, Property
from evensplit.query.edges import Buckets, cut
from evensplit.query.plan import (
    MOST_LIMIT,
    EventPlan,
    Step,
    bucket_at,
    event_plan,
    fixed_range,
    known_zone,
    span,
    taken,
)
from evensplit.query.zones import zone

PAGE_VIEWS = ("page_view", "pageview", "$pageview", "page")  # as libraries and people call them
PATHS = ("$pathname", "path", "pathname", "url")
# The properties of each list; of those that an event has, the first counts, and an empty text is none.
PROPERTIES: dict[Top, tuple[str, ...]] = {
    "pages": PATHS,
    "entry_pages": PATHS,
    "exit_pages": PATHS,
    "referrers": ("$referring_domain", "$referrer", "referrer"),
    "utm_sources": ("$utm_source", "utm_source"),
    "utm_mediums": ("$utm_medium", "utm_medium"),
    "utm_campaigns": ("$utm_campaign", "utm_campaign"),
    "utm_terms": ("$utm_term", "utm_term"),
    "utm_contents": ("$utm_content", "utm_content"),
    "devices": ("$device_type", "device_type", "device"),
    "browsers": ("$browser", "browser"),
    "systems": ("$os", "os"),
    "countries": ("$country", "$geoip_country_code", "country"),
}
OF_PAGES: tuple[Top, ...] = ("pages", "entry_pages", "exit_pages")  # these look at page views alone


class TopPlan(msgspec.Struct, frozen=True):
    """A list, and the properties that it is made of, the first one set first."""

    top: Top
    of: tuple[Property, ...]


class SessionsPlan(msgspec.Struct, frozen=True):
    """Everything resolved. `page_view` holds the report's filters, too."""

    report: Sessions
    buckets: Buckets
    condition: Condition
    page_view: EventPlan
    tops: tuple[TopPlan, ...]


class CellPlan(msgspec.Struct, frozen=True):
    """The visitors in [since, until), or of them those with the value in a list."""

    since: int
    until: int
    top: TopPlan | None
    value: str | None


def plan(report: Sessions, now: int) -> SessionsPlan:
    """The plan of a report asked at `now` (milliseconds since 1970-01-01 UTC). Raises InvalidReport."""
    report = taken(report, now, STEPS)
    since, until = span(report, now)
    assert report.page_view is not None and report.tops is not None
    return SessionsPlan(
        report,
        cut(since, until, report.interval, zone(report.timezone), report.week_start),
        event_plan(report, ANY, "event", now).condition,
        event_plan(report, report.page_view, "page_view", now),
        tuple(top_plan(top) for top in report.tops),
    )


def top_plan(top: Top) -> TopPlan:
    """The list with its properties."""
    return TopPlan(top, tuple(Property((name,)) for name in PROPERTIES[top]))


def placed(planned: SessionsPlan, cell: SessionsCell) -> CellPlan:
    """The persons of a cell. Raises `unknown_cell` for one that the report cannot have."""
    buckets = planned.buckets
    since, until = buckets.since, buckets.until
    if cell.metric != "visitors":
        if cell.bucket is not None:
            raise InvalidReport("unknown_cell", f"at.bucket: {cell.metric!r} are about the whole range")
        return CellPlan(since, until, top_plan(cell.metric), cell.value)
    if cell.value is not None:
        raise InvalidReport("unknown_cell", "at.value: the visitors as a whole have no value")
    if cell.bucket is not None:
        at = bucket_at(buckets, cell.bucket)
        since = max(since, buckets.edges[at])
        until = buckets.edges[at + 1] if at + 1 < len(buckets.edges) else until
    return CellPlan(since, until, None, None)


# --- the steps ------------------------------------------------------------------------------------


def known_page_views(report: Sessions, now: int) -> Sessions:
    """Which events are page views."""
    if report.page_view is not None:
        return report
    usual = Filter(property="@event_type", op="in", value=PAGE_VIEWS)
    return msgspec.structs.replace(report, page_view=EventChoice(ANY, (usual,)))


def chosen_tops(report: Sessions, now: int) -> Sessions:
    """The lists that are wanted, each once; from 1 to 1,000 values in them."""
    if not 1 <= report.limit <= MOST_LIMIT:
        raise InvalidReport("invalid_limit", f"limit {report.limit} is not from 1 to {MOST_LIMIT}")
    tops = tuple(PROPERTIES) if report.tops is None else tuple(dict.fromkeys(report.tops))
    return msgspec.structs.replace(report, tops=tops)


STEPS: tuple[Step[Sessions], ...] = (known_zone, fixed_range, known_page_views, chosen_tops)
