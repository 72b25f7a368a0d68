"""From the first start to a saved report, in a real Chromium: what is clicked and typed, and that the figures agree."""

import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import watched
from tests.browser.signing_in import PASSWORD, url
from tests.system.server import Server

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def moment(days_ago: int, n: int) -> str:
    return (TODAY - timedelta(days=days_ago) + timedelta(minutes=n)).isoformat()


def happened() -> list[dict[str, Any]]:
    """Ten days of a small shop; the same people every time."""
    found: list[dict[str, Any]] = []
    for day in range(1, 11):
        for n in range(day % 4 + 3):
            user, device = f"user {n}", "mobile" if n % 2 else "desktop"
            seen = {"device": device, "$pathname": "/tea", "<b>odd</b>": "<script>alert(1)</script>"}
            found.append(event("page_view", user, day, n, seen))
            if n % 2 == day % 2:
                found.append(event("purchase", user, day, n + 1, {"device": device, "revenue": 12.5 + day / 3}))
    return found


def event(name: str, user: str, day: int, n: int, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_type": name,
        "user_id": user,
        "session_id": f"{user} {day}",
        "timestamp": moment(day, n),
        "properties": properties,
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("shop") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with server.client() as api:
        assert api.capture(happened())["rejected"] == 0
    yield server
    server.close()


def answered(page: Page) -> None:
    """Wait until the answer to the question in the address bar stands there."""
    expect(page.locator("#answer:not([aria-busy])")).to_be_visible()


def explore(page: Page, server: Server, kind: str, report: dict[str, Any]) -> None:
    page.goto(f"{url(server)}/explore/{kind}?q={quote(json.dumps(report))}")
    answered(page)


def asked(page: Page) -> dict[str, Any]:
    """The report in the address bar."""
    found: dict[str, Any] = json.loads(parse_qs(urlsplit(page.url).query)["q"][0])
    return found


def figures(page: Page, table: int = 0) -> list[list[float | None]]:
    """Every exact figure of a table's body, a list a row."""
    found: list[list[float | None]] = (
        page.locator("table.numbers")
        .nth(table)
        .locator("tbody tr")
        .evaluate_all(
            "rows => rows.map(row => [...row.cells].slice(1).map(cell => {"
            "  const data = cell.querySelector('data'); return data ? Number(data.value) : null; }))"
        )
    )
    return found


# --- the first start -------------------------------------------------------------------------------


def test_from_the_first_start_to_a_trend(new_server: Callable[..., Server], chromium: Browser) -> None:
    server = new_server().start()
    found = re.search(r"http://127\.0\.0\.1:\d+/welcome\?token=[0-9a-f]{48}", server.said())
    assert found, server.said()
    with watched(chromium, viewport={"width": 1280, "height": 900}) as visitor:
        page = visitor.page()
        page.goto(found[0])
        page.get_by_label("Password").fill("too short")
        page.get_by_label("The same again").fill("too short")
        page.get_by_role("button", name="Set password").click()
        assert page.url == found[0], "the browser itself knows how long a password must be"
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set password").click()
        expect(page).to_have_url(f"{url(server)}/")
        expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
        with server.client() as api:
            api.capture(happened())
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Explore").click()
        page.get_by_role("main").get_by_role("link", name="Trend").click()
        answered(page)
        page.get_by_label("Event of line A").fill("purchase")
        page.get_by_label("Event of line A").press("Tab")
        answered(page)
        with server.client() as api:
            reply = api.trend([{"event": "purchase"}])
        assert [row[0] for row in figures(page)] == reply["series"][0]["values"]
        again = visitor.page()
        visitor.tolerate("404")
        again.goto(found[0])
        expect(again.get_by_role("heading", name="This link does not work any more")).to_be_visible()


# --- the trend -------------------------------------------------------------------------------------


def test_a_trend_put_together_by_hand_has_the_figures_of_the_api(server: Server, page: Page) -> None:
    page.goto(f"{url(server)}/explore/trend")
    answered(page)
    page.get_by_label("Event of line A").fill("purchase")
    page.get_by_label("Measure of line A").select_option("sum of")
    page.get_by_label("Property of line A").fill("revenue")
    page.get_by_role("button", name="line", exact=False).filter(has_text="+ line").click()
    page.get_by_label("Event of line B").fill("page_view")
    page.get_by_label("Measure of line B").select_option("unique users")
    page.get_by_role("group", name="Only where").get_by_role("button", name="+ filter").click()
    page.get_by_role("group", name="Only where").get_by_label("Property").fill("device")
    page.get_by_role("group", name="Only where").get_by_label("Property").press("Tab")
    page.get_by_role("group", name="Only where").get_by_label("Value").fill("mobile")
    page.get_by_label("When").last.select_option("last 14 days")
    answered(page)
    expect(page.locator(".chart .scatterlayer .trace")).to_have_count(2)
    report = {
        "series": [
            {"event": "purchase", "measure": "sum", "property": "revenue"},
            {"event": "page_view", "measure": "users"},
        ],
        "filters": [{"property": "device", "op": "eq", "value": "mobile"}],
        "since": "-14d",
    }
    assert asked(page) == report
    with server.client() as api:
        reply = api.post("/v1/reports/trend", report).good()
    first, second = (series["values"] for series in reply["series"])
    assert any(first) and any(second)
    assert figures(page) == [list(row) for row in zip(first, second, strict=True)]
    expect(page.locator("table.numbers tfoot data").first).to_have_attribute("value", re.compile(r"^\d"))
    totals = page.locator("table.numbers tfoot data").evaluate_all("cells => cells.map(cell => Number(cell.value))")
    assert totals == [series["total"] for series in reply["series"]]


def test_back_and_forward_bring_questions_back(server: Server, page: Page) -> None:
    explore(page, server, "trend", {"series": [{"event": "purchase", "measure": "count"}]})
    before = figures(page)
    page.get_by_label("Event of line A").fill("page_view")
    page.get_by_label("Event of line A").press("Tab")
    page.wait_for_function("location.search.includes('page_view')")
    answered(page)
    after = figures(page)
    assert before != after
    page.go_back()
    answered(page)
    expect(page.get_by_label("Event of line A")).to_have_value("purchase")
    assert figures(page) == before
    page.go_forward()
    answered(page)
    expect(page.get_by_label("Event of line A")).to_have_value("page_view")
    assert figures(page) == after
    page.reload()
    answered(page)
    assert figures(page) == after


def test_names_are_offered_as_they_were_sent(server: Server, page: Page) -> None:
    page.goto(f"{url(server)}/explore/trend")
    offered = page.get_by_role("listbox").get_by_role("option").locator("bdi")
    page.get_by_label("Event of line A").click()
    expect(offered.filter(has_text="page_view")).to_be_visible()
    assert offered.all_inner_texts() == ["@any", "page_view", "purchase"]
    page.get_by_role("button", name="+ property").click()
    page.get_by_label("Split by").last.click()
    expect(offered.filter(has_text="revenue")).to_be_visible()
    assert {"device", "revenue", "<b>odd</b>"} <= set(offered.all_inner_texts())


def test_what_others_sent_is_shown_as_text(server: Server, page: Page) -> None:
    report = {"series": [{"event": "page_view"}], "breakdown": [{"property": "<b>odd</b>", "limit": 5}]}
    explore(page, server, "trend", report)
    expect(page.locator("table.numbers thead")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("#answer script:not([type='application/json'])").count() == 0
    assert page.locator("#answer b").count() == 0


def test_the_people_behind_a_number(server: Server, page: Page) -> None:
    report = {"series": [{"event": "purchase", "measure": "users"}], "since": "-14d"}
    explore(page, server, "trend", report)
    total = page.locator("table.numbers tfoot [data-at]")
    count = int(total.locator("data").get_attribute("value") or 0)
    total.click()
    people = page.get_by_role("dialog", name="These users")
    expect(people.get_by_role("listitem")).to_have_count(count)
    with server.client() as api:
        reply = api.post("/v1/reports/trend/persons", {"report": report}).good()
    assert people.get_by_role("listitem").all_inner_texts() == [person["id"] for person in reply["persons"]]
    people.get_by_role("button", name="Close").click()
    page.locator(".chart .nsewdrag").first.wait_for()


def test_the_table_as_a_file_and_the_chart_as_a_picture(server: Server, page: Page) -> None:
    explore(page, server, "trend", {"series": [{"event": "purchase", "measure": "count"}], "since": "-14d"})
    with page.expect_download() as file:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.reader(io.StringIO(file.value.path().read_text())))
    assert rows[0] == ["interval", "purchase"]
    assert [[float(cell) for cell in row[1:]] for row in rows[1:-1]] == figures(page)
    with page.expect_download() as picture:
        page.get_by_role("button", name="PNG").click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_question_copied_answers_alike_elsewhere(server: Server, page: Page) -> None:
    explore(page, server, "trend", {"series": [{"event": "purchase", "measure": "count"}], "since": "-14d"})
    page.get_by_role("button", name="Copy as").click()
    dialog = page.get_by_role("dialog", name="The same question elsewhere")
    expect(dialog).to_contain_text("curl http://127.0.0.1")
    expect(dialog).to_contain_text("es.trend(")
    expect(dialog).to_contain_text("FROM events AS e")


def test_saved_opened_shared_and_taken_back(server: Server, page: Page, chromium: Browser) -> None:
    explore(page, server, "trend", {"series": [{"event": "purchase", "measure": "count"}], "since": "-14d"})
    expected = figures(page)
    page.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog", name="Save this report")
    dialog.get_by_label("Name", exact=True).fill("Purchases & <more>")
    dialog.get_by_label("Put on the dashboard").fill("Monday")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_have_text("Saved")
    with server.client() as api:
        kept = api.get(f"/v1/saved/{quote('Purchases & <more>', safe='')}").good()
        assert kept["report"] == {"series": [{"event": "purchase", "measure": "count"}], "since": "-14d"}
        assert [tile["saved"] for tile in api.get("/v1/dashboards/Monday").good()["layout"]] == ["Purchases & <more>"]
    page.goto(f"{url(server)}/explore")
    page.get_by_role("link", name="Purchases & <more>").click()
    answered(page)
    assert figures(page) == expected
    page.goto(f"{url(server)}/explore")
    page.get_by_role("row", name="Purchases & <more>").get_by_role("button", name="Share").click()
    link = page.get_by_label("Link", exact=True).input_value()
    with watched(chromium) as stranger:
        elsewhere = stranger.page()
        elsewhere.goto(link)
        expect(elsewhere.locator("table.numbers tbody tr")).to_have_count(len(expected))
        assert figures(elsewhere) == expected
        assert elsewhere.locator("[data-at]").count() == 0, "who stands behind a number is not shared"
        stranger.tolerate("404")
        page.get_by_role("button", name="Revoke").click()
        elsewhere.goto(link)
        expect(elsewhere.locator("table.numbers")).to_have_count(0)


def test_a_slow_question_shows_progress_and_can_be_taken_back(server: Server, page: Page) -> None:
    explore(page, server, "trend", {"series": [{"event": "purchase"}]})
    expect(page.locator("#progress")).to_be_hidden()
    page.route("**/answer?*", lambda route: time.sleep(0))  # never answered
    page.get_by_label("Event of line A").fill("page_view")
    page.get_by_label("Event of line A").press("Tab")
    page.get_by_role("button", name="Cancel").first.click()
    expect(page.get_by_role("heading", name="Taken back")).to_be_visible()
    page.unroute("**/answer?*")
    page.get_by_role("button", name="Ask again").click()
    answered(page)
    assert figures(page)


# --- the other kinds ---------------------------------------------------------------------------------

KINDS: list[tuple[str, dict[str, Any], Callable[[Any], list[list[float | None]]]]] = [
    (
        "funnel",
        {"steps": ["page_view", "purchase"], "since": "-14d"},
        lambda reply: [[step["users"]] for step in reply["steps"]],
    ),
    (
        "retention",
        {"start": "page_view", "periods": 3, "since": "-7d"},
        lambda reply: [[cohort["size"]] for cohort in reply["cohorts"]],
    ),
    (
        "lifecycle",
        {"event": "page_view", "since": "-7d"},
        lambda reply: [
            list(row)
            for row in zip(reply["new"], reply["returning"], reply["resurrecting"], reply["dormant"], strict=True)
        ],
    ),
    (
        "stickiness",
        {"event": "page_view", "since": "-7d"},
        lambda reply: [[bar["users"]] for bar in reply["histogram"]],
    ),
    ("paths", {"steps": 3, "since": "-14d"}, lambda reply: [[link["users"]] for link in reply["links"]]),
    (
        "sessions",
        {"since": "-14d"},
        lambda reply: [[reply["totals"][name] for name in ("visitors", "sessions", "page_views", "bounce_rate")]],
    ),
]


@pytest.mark.parametrize(("kind", "report", "expected"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_every_kind_has_the_figures_of_the_api(
    server: Server, page: Page, kind: str, report: dict[str, Any], expected: Callable[[Any], list[list[float | None]]]
) -> None:
    explore(page, server, kind, report)
    with server.client() as api:
        reply = api.post(f"/v1/reports/{kind}", report).good()
    wanted = expected(reply)
    assert wanted and any(map(any, wanted))
    shown = [[value for value in row if value is not None] for row in figures(page)]
    assert [row[: len(want)] for row, want in zip(shown, wanted, strict=True)] == [
        [value for value in row if value is not None] for row in wanted
    ]
    expect(page.locator(".chart .main-svg").first).to_be_visible()


def test_a_funnel_put_together_by_hand(server: Server, page: Page) -> None:
    page.goto(f"{url(server)}/explore/funnel")
    expect(page.get_by_role("heading", name="Not a question yet")).to_be_visible()
    for n, name in enumerate(("page_view", "purchase"), 1):
        page.get_by_role("button", name="+ step").click()
        page.get_by_label(f"Step {n}", exact=True).fill(name)
        page.get_by_label(f"Step {n}", exact=True).press("Tab")
    page.wait_for_function("location.search.includes('purchase')")
    answered(page)
    assert asked(page) == {"steps": ["page_view", "purchase"]}
    with server.client() as api:
        reply = api.post("/v1/reports/funnel", asked(page)).good()
    assert [row[1] for row in figures(page)] == [step["users"] for step in reply["steps"]]
