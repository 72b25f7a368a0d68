"""Reports to be put together by hand: the builder's page, and the answer that it fetches at every change."""

from typing import Any

import msgspec

from evensplit import clock
from evensplit.model.report import read
from evensplit.model.report.persons import PersonsQuestion
from evensplit.query import catalogue as sent
from evensplit.query.zones import names
from evensplit.ui import answers, as_sql, tables
from evensplit.ui.builders import BUILDERS, BY_KIND, MEASURES, OPERATOR_OPTIONS
from evensplit.ui.replies import Reply, download, link
from evensplit.ui.visit import Visit

PERSONS = 50  # a page
MOST_OFFERED = 10_000  # event types or properties


async def overview(visit: Visit) -> Reply:
    """Every kind there is, and what was saved."""
    return visit.page("explore_overview.html", builders=BUILDERS, saved=visit.catalog.saved.reports())


async def page(visit: Visit) -> Reply:
    kind = answers.kind_of(visit.parts["kind"])
    builder = BY_KIND[kind.name]
    given = visit.query.text("q")
    report: Any = dict(builder.example)
    if given:
        report = _object(given)
    state = {
        "kind": kind.name,
        "report": report,
        "chart": visit.query.text("chart") or (builder.charts[0][0] if builder.charts else ""),
        "saved": visit.query.text("saved"),
        "builder": builder,
        "measures": MEASURES,
        "operators": OPERATOR_OPTIONS,
        "zones": sorted(names()),
    }
    boards = [dashboard.name for _, dashboard in visit.catalog.saved.dashboards()]
    return visit.page("explore.html", builder=builder, builders=BUILDERS, state=state, dashboards=boards)


async def answer(visit: Visit) -> Reply:
    """A part of the page: chart, tables, what may be copied."""
    kind, report = answers.kind_of(visit.parts["kind"]), visit.query.text("q")
    found = await answers.asked(visit.services, kind, report)
    statement = as_sql.statement(found)
    return visit.page(
        "answer.html",
        **answers.shown(found, visit.query.text("chart")),
        snippets=answers.snippets(kind.name, report, visit.base_url),
        statement=statement,
        sql_page=link("/sql", q=msgspec.json.encode(statement).decode()) if statement else "",
        shared="",
    )


async def table(visit: Visit) -> Reply:
    """The tables under the chart as a file."""
    kind = answers.kind_of(visit.parts["kind"])
    found = await answers.asked(visit.services, kind, visit.query.text("q"))
    return download(tables.csv_of(tables.tables(found)), f"{kind.name}.csv", "text/csv; charset=utf-8")


async def persons(visit: Visit) -> Reply:
    """Who stands behind a number."""
    kind, report, at = answers.kind_of(visit.parts["kind"]), visit.query.text("q"), visit.query.text("at")
    _object(report), _object(at)  # both must be JSON before they become part of a question
    question = PersonsQuestion(
        msgspec.Raw(report.encode()), msgspec.Raw(at.encode()), PERSONS, visit.query.text("cursor") or None
    )
    found = await kind.persons(visit.services.store, question, clock.now_ms())
    return visit.page("persons.html", found=found)


async def catalogue(visit: Visit) -> Reply:
    """What has been sent so far, for the builder to offer: event types and properties."""
    store = visit.services.store
    events, properties = await sent.event_types(store), await sent.properties(store)
    body = msgspec.json.encode(
        {
            "events": [[event.event_type, event.count] for event in events.events[:MOST_OFFERED]],
            "properties": [
                [use.name, use.types, [[value.value, value.count] for value in use.values]]
                for use in properties.properties[:MOST_OFFERED]
            ],
        }
    )
    return Reply(body=body, content_type="application/json")


def _object(text: str) -> dict[str, Any]:
    """Raises InvalidJson, InvalidReport."""
    return read(dict[str, Any], text.encode("utf-8", "replace"))
