"""The answers on pages against those of the JSON interface, kind by kind; the builder's fields against the model."""

import csv
import io
import json
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from evensplit import clock
from evensplit.model.account import Role
from evensplit.model.report.trend import TrendAnswer
from evensplit.query.run.kinds import KINDS
from evensplit.ui import as_sql, tables
from evensplit.ui.builders import BUILDERS, BY_KIND, Builder
from tests.unit.ui.conftest import SECRET, Browser, Site

HOSTILE = '<script>alert("x")</script>'
IS_HOSTILE = {"property": "path", "op": "eq", "value": HOSTILE}
REPORTS: list[tuple[str, dict[str, Any]]] = [
    ("trend", {"series": [{"event": "buy", "measure": "users"}, {"event": "view"}]}),
    ("trend", {"series": [{"event": "view"}], "breakdown": [{"property": "path", "limit": 1}], "compare": "previous"}),
    ("trend", {"series": [{"event": "buy", "label": "x"}, {"event": "view", "label": "x"}], "interval": "week"}),
    ("trend", {"series": [{"event": "buy"}, {"event": "view"}], "formula": "A / B"}),
    ("funnel", {"steps": ["view", "buy"]}),
    ("funnel", {"steps": ["view", "buy"], "breakdown": [{"property": "path"}], "view": "trend"}),
    ("funnel", {"steps": ["view", "buy"], "view": "time_to_convert", "bins": 3}),
    ("retention", {"start": "view", "periods": 3}),
    ("lifecycle", {"event": "view"}),
    ("stickiness", {"event": "view"}),
    ("paths", {"steps": 3}),
    ("sessions", {}),
]


@pytest.fixture(scope="module")
def analyst(site: Site, as_role: Callable[[Role], Browser]) -> Browser:
    """Signed in, with a week of events to look at."""
    browser = as_role("viewer")
    now = clock.now_ms()
    events = []
    for day in range(1, 8):
        for n in range(day % 3 + 2):
            at = now - day * 86_400_000 + n
            base = {"user_id": f"u{n}", "session_id": f"s{day}{n}", "timestamp": at}
            events.append({**base, "event_type": "view", "properties": {"path": HOSTILE if n % 2 else "/"}})
            if n != day % 4:
                properties = {"path": "/", "price": 1.1 * n}
                events.append({**base, "event_type": "buy", "timestamp": at + 5_000, "properties": properties})
    headers = {"authorization": f"Bearer {SECRET}"}
    reply = site.done(browser.client.post("/v1/events", content=json.dumps(events), headers=headers))
    assert reply.json()["accepted"] == len(events)
    return browser


def api(browser: Browser, path: str, body: object) -> Any:
    headers = {"authorization": f"Bearer {SECRET}"}
    reply = browser.site.done(browser.client.post(path, content=json.dumps(body), headers=headers))
    assert reply.status_code == 200, reply.text
    return reply.json()


def page(browser: Browser, kind: str, report: dict[str, Any], part: str = "answer", **more: str) -> httpx.Response:
    query = "&".join(f"{name}={quote(text)}" for name, text in {"q": json.dumps(report), **more}.items())
    return browser.get(f"/explore/{kind}/{part}?{query}", {"x-evensplit-fragment": "1"})


@pytest.mark.parametrize(("kind", "report"), REPORTS)
def test_every_number_leads_to_as_many_people(analyst: Browser, kind: str, report: dict[str, Any]) -> None:
    """Where people are counted, the page's cells name the number that the persons route answers with."""
    reply = page(analyst, kind, report)
    assert reply.status_code == 200, reply.text
    assert HOSTILE not in reply.text
    cells = [part.partition("</button>")[0] for part in reply.text.split('data-at="')[1:]]
    counted = kind != "trend" or report["series"][0].get("measure") == "users"
    assert cells or "formula" in report
    for cell in cells[:12]:
        at = unescape(cell.partition('"')[0])
        shown = float(cell.partition('<data value="')[2].partition('"')[0])
        found = api(analyst, f"/v1/reports/{kind}/persons", {"report": report, "at": json.loads(at)})
        assert found["count"] > 0
        if counted and not (kind == "trend" and json.loads(at)["series"]):
            assert found["count"] == shown, at
        people = page(analyst, kind, report, "persons", at=at)
        assert people.status_code == 200 and f'<a href="/users/{found["persons"][0]["id"]}"' in people.text


@pytest.mark.parametrize(("kind", "report"), REPORTS)
def test_the_file_has_the_cells_of_the_page(analyst: Browser, kind: str, report: dict[str, Any]) -> None:
    body = page(analyst, kind, report, "answer.csv")
    assert body.headers["content-type"].startswith("text/csv")
    rows = [row for row in csv.reader(io.StringIO(body.text)) if row]
    answer = next(k for k in KINDS if k.name == kind).answer

    found = tables.tables(msgspec.convert(api(analyst, f"/v1/reports/{kind}", report), answer))
    cells = sum(len(table.columns) * (1 + len(table.rows) + bool(table.foot)) for table in found)
    assert sum(len(row) for row in rows) == cells + (len(found) if len(found) > 1 else 0)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_a_page_for_every_kind(analyst: Browser, kind: str) -> None:
    reply = analyst.get(f"/explore/{kind}?q={quote(json.dumps({'cohort': HOSTILE}))}")
    assert reply.status_code == 200 and BY_KIND[kind].question in unescape(reply.text)
    assert HOSTILE not in reply.text


@pytest.mark.parametrize(
    ("kind", "q", "status"),
    [
        ("trend", "", 400),
        ("trend", "{", 400),
        ("trend", "[]", 422),
        ("trend", '{"series": []}', 422),
        ("trend", '{"series": [{"event": "x", "measure": "sum"}]}', 422),
        ("funnel", '{"steps": ["a"], "window": "x"}', 422),
        ("nothing", "{}", 404),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(analyst: Browser, kind: str, q: str, status: int) -> None:
    reply = analyst.get(f"/explore/{kind}/answer?q={quote(q)}", {"x-evensplit-fragment": "1"})
    assert reply.status_code == status and 'class="fault"' in reply.text and "<html" not in reply.text


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.kind)
def test_the_builder_offers_the_whole_report(builder: Builder) -> None:
    """Every field of the report but `as_of`, under its own name, and no other; with the default that it has."""
    kind = next(kind for kind in KINDS if kind.name == builder.kind)

    fields = {field.encode_name: field for field in msgspec.structs.fields(kind.report)}
    offered = {field.name for field in builder.fields}
    # `until` is set together with `since`; which lists of sessions are shown is not asked.
    assert offered | {"until", "as_of"} | ({"tops"} if kind.name == "sessions" else set()) == set(fields)
    for field in builder.fields:
        if field.default is not None:
            assert fields[field.name].default == field.default, field.name


def test_kinds_and_builders_are_the_same() -> None:
    assert [builder.kind for builder in BUILDERS] == [kind.name for kind in KINDS]


def test_what_may_be_copied(analyst: Browser) -> None:
    report = {"series": [{"event": "it's"}], "cumulative": True}
    reply = unescape(page(analyst, "trend", report).text)
    assert """-d '{"series":[{"event":"it'"'"'s"}],"cumulative":true}'""" in reply
    assert "    cumulative=True,\n).figure()" in reply
    returning = unescape(page(analyst, "retention", {"return": "buy"}).text)
    assert "return_='buy'" in returning


@pytest.mark.parametrize(
    "report",
    [
        {"series": [{"event": "buy", "measure": "users"}]},
        {"series": [{"event": "buy", "measure": "sum", "property": "price"}], "timezone": "Asia/Tokyo"},
        {"series": [{"event": "@any"}, {"event": "view", "measure": "sessions"}], "interval": "month"},
        {
            "series": [
                {"event": {"event_type": "view", "filters": [{"property": "path", "op": "eq", "value": HOSTILE}]}}
            ],
            "filters": [
                {"property": "path", "op": "not_in", "value": ["a", "b"]},
                {"property": "gone", "op": "is_not_set"},
            ],
            "interval": "week",
        },
    ],
)
def test_a_trend_as_sql_gives_the_same_figures(analyst: Browser, report: dict[str, Any]) -> None:
    reply = api(analyst, "/v1/reports/trend", report)

    written = as_sql.statement(msgspec.convert(reply, TrendAnswer))
    assert written is not None and HOSTILE not in written.sql
    found = api(analyst, "/v1/sql", {"sql": written.sql, "parameters": written.parameters})
    values: dict[str, dict[str, float]] = {}
    for bucket, line, value in found["rows"]:
        values.setdefault(line, {})[bucket[:10]] = value
    for series in reply["series"]:
        expected = dict(zip([bucket[:10] for bucket in reply["buckets"]], series["values"], strict=True))
        shown = values.get(series["label"], {})
        if report.get("interval") in ("week", "month"):  # a clipped first bucket keeps its start as label in reports
            assert sum(shown.values()) == sum(expected.values())
        else:
            assert shown == pytest.approx({bucket: value for bucket, value in expected.items() if value})


@pytest.mark.parametrize(
    "more", [{"formula": "A*2"}, {"compare": "previous"}, {"smooth": 2}, {"interval": "hour"}, {"cumulative": True}]
)
def test_what_is_not_written_as_sql(analyst: Browser, more: dict[str, Any]) -> None:

    reply = api(analyst, "/v1/reports/trend", {"series": [{"event": "buy"}], **more})
    assert as_sql.statement(msgspec.convert(reply, TrendAnswer)) is None


def test_any_event_is_called_so(analyst: Browser) -> None:
    report = {"series": [{"event": "@any", "measure": "users"}, {"event": "@anything"}]}
    shown = page(analyst, "trend", report).text
    assert "any event: users" in shown and ">@any:" not in shown
    assert "@anything" in shown, "that is another name"
