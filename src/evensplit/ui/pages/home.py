"""The first page: what happens now, today against yesterday, experiments that run, what needs attention.

The page itself asks the columns nothing: what takes a question is fetched by it.
"""

from itertools import pairwise
from typing import Any

import msgspec

from evensplit import clock
from evensplit.ingest.reasons import REFUSED
from evensplit.model.report.trend import TrendAnswer, TrendSeries
from evensplit.query import ranges
from evensplit.query.zones import local, names, zone
from evensplit.ui import answers
from evensplit.ui.replies import Reply, link
from evensplit.ui.visit import Visit

DAY_MS = 86_400_000
SAVED = 12
TOP = 8  # event types
FEW = 10  # refused events that are worth no word
RISING = 2.0  # times as many as the day before
MEASURES = (("events", "count"), ("users", "users"), ("sessions", "sessions"))


class Tile(msgspec.Struct, frozen=True):
    """A number of today, that of yesterday to this hour, and where it is looked into."""

    title: str
    now: float | None
    before: float | None
    explore: str


async def page(visit: Visit) -> Reply:
    newest = await visit.services.store.events.newest()
    running = [each for each in visit.catalog.experiments() if each.status == "running"]
    return visit.page("home.html", empty=newest == 0, running=running, saved=visit.catalog.saved.reports()[:SAVED])


async def now(visit: Visit) -> Reply:
    """A part of the page: today so far, in the zone of the browser, beside yesterday to the same time of day."""
    asked = visit.query.text("timezone")
    report = today(asked if asked in names() else "UTC")
    series = [{"event": "@any", "measure": measure, "label": title} for title, measure in MEASURES]
    found = await _asked(visit, {**report, "series": series})
    split = {"breakdown": [{"property": "@event_type", "limit": TOP}]}
    top = await _asked(visit, {**report, **split, "series": [{"event": "@any"}]})
    counts = refused(visit)
    return visit.page(
        "home_now.html",
        tiles=[
            Tile(title, line.total, _before(line), _explore({**report, "series": [one]}))
            for (title, _), line, one in zip(MEASURES, found.series, series, strict=True)
        ],
        chart=answers.shown(await _asked(visit, {**report, "series": series[:1]}))["chart"],
        top=[(_name(line), line.total, _before(line), _one_type(report, line)) for line in top.series if line.total],
        refused=counts,
        rising=is_rising(counts),
    )


def today(timezone: str) -> dict[str, Any]:
    """What the reports of this page have in common."""
    tz, at = zone(timezone), clock.now_ms()
    return {
        "since": local(at, tz).date().isoformat(),
        "until": ranges.written(at - at % 60_000 + 60_000, tz),  # this minute is in it; asked again, it is remembered
        "interval": "hour",
        "timezone": timezone,
        "compare": {"shift": "-1d"},
    }


def refused(visit: Visit) -> tuple[int, int]:
    """Events refused in the last 24 hours, and in the 24 hours before, of the newest that are kept whole."""
    at = clock.now_ms()
    edges = [clock.to_text(at - days * DAY_MS) for days in (2, 1, 0)]
    counts = [visit.catalog.rejects.between(since, until, tuple(REFUSED)) for since, until in pairwise(edges)]
    return counts[1], counts[0]


def is_rising(counts: tuple[int, int]) -> bool:
    latest, before = counts
    return latest >= FEW and latest > RISING * before


async def _asked(visit: Visit, report: dict[str, Any]) -> TrendAnswer:
    found = await answers.asked(visit.services, answers.kind_of("trend"), msgspec.json.encode(report))
    assert isinstance(found, TrendAnswer)
    return found


def _before(line: TrendSeries) -> float | None:
    return None if line.compare is None else line.compare.total


def _name(line: TrendSeries) -> str | None:
    return "others" if any(line.rest) else line.breakdown[0]


def _one_type(report: dict[str, Any], line: TrendSeries) -> str:
    return (
        ""
        if any(line.rest) or not line.breakdown[0]
        else _explore({**report, "series": [{"event": line.breakdown[0]}]})
    )


def _explore(report: dict[str, Any]) -> str:
    """The same question, to go on from; there it is about today whenever it is opened."""
    asked = {name: value for name, value in report.items() if name != "until"} | {"since": "-0d"}
    return link("/explore/trend", q=msgspec.json.encode(asked).decode())
