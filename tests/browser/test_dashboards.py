"""Dashboards in a real Chromium: put up, filled, arranged by keyboard and by pointer, looked at, shared."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import watched
from tests.browser.signing_in import PASSWORD, url
from tests.browser.test_explore import answered, figures, happened, moment
from tests.system.server import Server

REPORTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Purchases": ("trend", {"series": [{"event": "purchase"}], "since": "-14d"}),
    "Way to buy": ("funnel", {"steps": ["page_view", "purchase"], "since": "-14d"}),
    "Visits": ("sessions", {"since": "-14d"}),
}
NOTE = "New <b>prices</b>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("boards") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with server.client() as api:
        assert api.capture(happened())["rejected"] == 0
        for name, (kind, report) in REPORTS.items():
            api.post("/v1/saved", {"name": name, "kind": kind, "report": report}).good(201)
        api.post("/v1/annotations", {"at": moment(5, 0)[:10], "text": NOTE}).good(201)
    yield server
    server.close()


def put_up(server: Server, name: str, *tiles: tuple[str, int, int], **more: Any) -> str:
    """A dashboard of tiles below each other, as wide and high as said; its path."""
    with server.client() as api:
        layout = [{"saved": saved, "x": 0, "y": n * 8, "w": w, "h": h} for n, (saved, w, h) in enumerate(tiles)]
        api.post("/v1/dashboards", {"name": name, "layout": layout, **more}).good(201)
    return f"{url(server)}/dashboards/{quote(name, safe='')}"


def layout(server: Server, name: str) -> list[tuple[str, int, int, int, int]]:
    with server.client() as api:
        tiles = api.get(f"/v1/dashboards/{quote(name, safe='')}").good()["layout"]
    return [(tile["saved"], tile["x"], tile["y"], tile["w"], tile["h"]) for tile in tiles]


def tile(page: Page, name: str) -> Locator:
    """With its answer."""
    found = page.locator(".tile-card").filter(has=page.get_by_role("heading", name=name, exact=True))
    expect(found.locator(".answer-body[aria-busy]")).to_have_count(0)
    return found


def values(page: Page, name: str) -> list[float]:
    """Every exact figure of a tile's tables, in order."""
    cells = tile(page, name).locator("tbody data")
    found: list[float] = cells.evaluate_all("cells => cells.map(cell => Number(cell.value))")
    return found


def test_put_up_filled_and_looked_at(server: Server, page: Page) -> None:
    page.goto(f"{url(server)}/dashboards")
    page.get_by_label("Name").fill("Monday & <more>")
    page.get_by_label("What it is for").fill("What we look at")
    page.get_by_role("button", name="Put it up").click()
    expect(page.get_by_role("heading", name="Nothing stands on this dashboard yet")).to_be_visible()
    for name in ("Purchases", "Visits"):
        page.get_by_label("Saved report").select_option(name)
        page.get_by_role("button", name="Add", exact=True).click()
        tile(page, name)
    page.get_by_role("link", name="Done").click()
    assert [each[0] for each in layout(server, "Monday & <more>")] == ["Purchases", "Visits"]
    with server.client() as api:
        reply = api.post("/v1/reports/trend", REPORTS["Purchases"][1]).good()
    assert values(page, "Purchases") == reply["series"][0]["values"]
    expect(tile(page, "Purchases").locator(".chart .scatterlayer .trace")).to_have_count(1)
    tile(page, "Purchases").get_by_role("link", name="Explore").click()
    answered(page)
    assert [row[0] for row in figures(page)] == reply["series"][0]["values"]


def test_every_tile_has_the_figures_of_the_api(server: Server, page: Page) -> None:
    page.goto(put_up(server, "All", *((name, 6, 4) for name in REPORTS)))
    with server.client() as api:
        steps = api.get("/v1/saved/Way%20to%20buy/run").good()["steps"]
        totals = api.get("/v1/saved/Visits/run").good()["totals"]
    shown = values(page, "Way to buy")
    assert shown[0] == steps[0]["users"] and steps[1]["users"] in shown[1:]
    assert values(page, "Visits")[:3] == [totals[name] for name in ("visitors", "sessions", "page_views")]
    with page.expect_download() as file:
        tile(page, "Way to buy").get_by_role("link", name="CSV").click()
    rows = list(csv.reader(io.StringIO(file.value.path().read_text())))
    assert [row[2] for row in rows[1:]] == [str(step["users"]) for step in steps]


def test_a_low_tile_shows_figures_alone(server: Server, page: Page) -> None:
    page.goto(put_up(server, "Figures", ("Visits", 12, 2)))
    shown = tile(page, "Visits")
    expect(shown.locator(".headline")).to_be_visible()
    assert shown.locator(".chart").count() == 0
    with server.client() as api:
        totals = api.get("/v1/saved/Visits/run").good()["totals"]
    assert shown.locator(".headline data").first.get_attribute("value") == str(totals["visitors"])


def test_arranged_by_keyboard_and_kept(server: Server, page: Page) -> None:
    page.goto(put_up(server, "Keys", *((name, 6, 4) for name in REPORTS)))
    page.get_by_role("link", name="Edit").click()
    last = tile(page, "Visits")
    last.get_by_label("Move earlier").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Visits: 2 of 3")
    expect(last.get_by_label("Move earlier")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Visits: 1 of 3")
    last.get_by_label("How wide").select_option("all of it")
    expect(page.locator("#said")).to_have_text("Visits is sized")
    last.get_by_label("What it shows").select_option("figures")
    expect(last.locator(".headline")).to_be_visible()
    tile(page, "Way to buy").get_by_label("Take Way to buy off").click()
    expect(page.locator("#said")).to_contain_text("is off the dashboard")
    assert layout(server, "Keys") == [("Visits", 0, 0, 12, 2), ("Purchases", 0, 2, 6, 4)]
    page.reload()
    assert page.locator(".tile-card h2").all_inner_texts() == ["Visits", "Purchases"]
    with server.client() as api:
        api.get("/v1/saved/Way%20to%20buy").good()


def test_arranged_by_pointer(server: Server, page: Page) -> None:
    page.goto(put_up(server, "Pointer", *((name, 4, 4) for name in REPORTS)) + "?edit=1")
    for name in REPORTS:
        tile(page, name)
    first, last = (tile(page, name).locator(".tile-head .tag") for name in ("Purchases", "Visits"))
    first.drag_to(last)
    expect(page.locator("#said")).to_have_text("Purchases: 3 of 3")
    assert [each[0] for each in layout(server, "Pointer")] == ["Way to buy", "Visits", "Purchases"]


def test_a_range_and_a_zone_of_its_own(server: Server, page: Page) -> None:
    page.goto(put_up(server, "Range", ("Purchases", 12, 8), since="-3d"))
    assert len(values(page, "Purchases")) == 4, "the dashboard's range goes before the report's"
    page.get_by_label("When").select_option("last 7 days")
    page.wait_for_url(re.compile("since=-7d"))
    assert len(values(page, "Purchases")) == 8
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    page.get_by_label("Time zone").press("Enter")
    page.wait_for_url(re.compile("timezone=Asia"))
    tokyo = values(page, "Purchases")
    with server.client() as api:
        asked = {**REPORTS["Purchases"][1], "since": "-7d", "timezone": "Asia/Tokyo"}
        assert tokyo == api.post("/v1/reports/trend", asked).good()["series"][0]["values"]
    page.get_by_role("link", name="Edit").click()
    assert "timezone=Asia" in page.url and "since=-7d" in page.url


def test_annotations_stand_on_charts_over_time(server: Server, page: Page) -> None:
    page.goto(put_up(server, "Notes", ("Purchases", 6, 4), ("Way to buy", 6, 4)))
    noted = tile(page, "Purchases")
    expect(noted.locator(".chart .shapelayer path")).to_have_count(1)
    noted.locator(".tile-foot summary").click()
    expect(noted.locator(".menu-list li")).to_have_text(f"{moment(5, 0)[:10]} {NOTE}")
    assert tile(page, "Way to buy").locator(".shapelayer path").count() == 0, "steps have no time"
    page.goto(f"{url(server)}/annotations")
    page.get_by_label("When").fill(moment(3, 0)[:10])
    page.get_by_label("What", exact=True).fill("Newsletter")
    page.get_by_role("button", name="Note it").click()
    expect(page.get_by_role("row", name="Newsletter")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("row", name="Newsletter").get_by_role("button", name="Erase").click()
    expect(page.get_by_role("row", name="Newsletter")).to_have_count(0)


def test_a_slow_tile_holds_nobody_up(server: Server, page: Page) -> None:
    path = put_up(server, "Slow", ("Purchases", 6, 4), ("Visits", 6, 4))
    page.route("**/answer?report=Purchases*", lambda route: None)  # never answered
    page.goto(path)
    tile(page, "Visits")
    expect(page.locator(".tile-card .answer-body[aria-busy]")).to_have_count(1)


def test_fills_the_screen(server: Server, page: Page) -> None:
    page.goto(put_up(server, "Screen", ("Visits", 12, 2)))
    tile(page, "Visits")
    page.get_by_role("button", name="Full screen").click()
    expect(page.locator("#board:fullscreen")).to_be_visible()


def test_settings_and_taken_down(server: Server, page: Page) -> None:
    page.goto(put_up(server, "Old name", ("Visits", 12, 2)) + "?edit=1")
    page.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog", name="This dashboard")
    dialog.get_by_label("Name").fill("New name")
    dialog.get_by_label("From").fill("-7d")
    dialog.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("heading", name="New name")).to_be_visible()
    with server.client() as api:
        kept = api.get("/v1/dashboards/New%20name").good()
        assert kept["since"] == "-7d" and len(kept["layout"]) == 1
        page.get_by_role("button", name="Settings").click()
        page.once("dialog", lambda question: question.accept())
        page.get_by_role("button", name="Take it down").click()
        page.wait_for_url(f"{url(server)}/dashboards")
        assert api.get("/v1/dashboards/New%20name").status == 404


def test_a_link_shows_that_dashboard_and_nothing_else(server: Server, page: Page, chromium: Browser) -> None:
    page.goto(put_up(server, "Shown", ("Purchases", 6, 4), ("Visits", 6, 2)))
    expected = values(page, "Purchases")
    page.get_by_role("button", name="Share").click()
    link = page.get_by_label("Link", exact=True).input_value()
    with watched(chromium, viewport={"width": 1280, "height": 900}) as stranger:
        elsewhere = stranger.page()
        elsewhere.goto(link)
        assert values(elsewhere, "Purchases") == expected
        expect(tile(elsewhere, "Visits").locator(".headline")).to_be_visible()
        assert elsewhere.locator("[data-at], nav, form").count() == 0
        assert set(elsewhere.locator("a[href]").all_inner_texts()) == {"CSV", "Skip to the content"}
        stranger.tolerate("40[134]")
        answer = f"{link}/answer?report={quote('Way to buy')}"
        assert elsewhere.request.get(answer).status == 404, "a report that does not stand on it"
        for path in ("/dashboards/Shown", "/explore/trend", "/saved/Purchases"):
            elsewhere.goto(url(server) + path)
            assert "/sign-in" in elsewhere.url
        page.get_by_role("button", name="Revoke").click()
        assert elsewhere.request.get(link).status == 404


def test_a_viewer_looks_and_changes_nothing(server: Server, page: Page, chromium: Browser) -> None:
    path = put_up(server, "Looked at", ("Visits", 12, 2))
    page.goto(f"{url(server)}/accounts")
    page.get_by_label("Name or e-mail").fill("vera")
    page.locator('form[action="/accounts"] select').select_option("viewer")
    page.get_by_role("button", name="Make a one-time link").click()
    welcome = page.get_by_label("One-time link").input_value()
    with watched(chromium) as other:
        vera = other.page()
        vera.goto(welcome)
        vera.get_by_label("Password").fill(PASSWORD)
        vera.get_by_label("The same again").fill(PASSWORD)
        vera.get_by_role("button", name="Set password").click()
        vera.goto(f"{path}?edit=1")
        tile(vera, "Visits")
        for name in ("Edit", "Done", "Share", "Settings", "Add"):
            assert vera.get_by_role("button", name=name).count() + vera.get_by_role("link", name=name).count() == 0
        token = vera.locator('meta[name="form-token"]').get_attribute("content") or ""
        refused = vera.request.post(f"{path}/layout", headers={"x-form-token": token}, form={})
        assert refused.status == 403
