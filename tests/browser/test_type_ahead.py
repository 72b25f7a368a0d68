"""What is offered while one types: events, properties and values, by keyboard and by mouse, among thousands."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.signing_in import PASSWORD, url
from tests.browser.test_explore import answered, asked, event, explore, figures, happened
from tests.browser.test_pages import examine
from tests.system.server import Server

THOUSANDS = 9_990
BATCH = 1_000
ODD = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Ten days of a small shop, and nearly ten thousand events of other names."""
    server = Server(tmp_path_factory.mktemp("names") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    rare = [event(f"rare purchase {n}", "somebody", 1, 0, {}) for n in range(THOUSANDS)]
    odd = event(ODD, "somebody", 1, 0, {ODD: ODD, "city": "Köln, links"})
    with server.client() as api:
        for first in range(0, THOUSANDS, BATCH):
            assert api.capture(rare[first : first + BATCH])["rejected"] == 0
        for _ in range(2):
            assert api.capture(happened())["rejected"] == 0
        assert api.capture([odd, odd, odd])["rejected"] == 0
    yield server
    server.close()


@pytest.fixture
def trend(server: Server, page: Page) -> Page:
    """The builder of a trend, once names are there to be offered."""
    with page.expect_response("**/explore/catalogue"):
        page.goto(f"{url(server)}/explore/trend")
    answered(page)
    return page


def offered(page: Page) -> Locator:
    return page.get_by_role("listbox").get_by_role("option")


def names(page: Page) -> list[str]:
    return offered(page).locator("bdi").all_inner_texts()


def test_a_name_typed_in_part_and_taken_by_keyboard(server: Server, trend: Page) -> None:
    field = trend.get_by_label("Event of line A")
    field.press_sequentially("PURCH")
    expect(offered(trend).first).to_contain_text("purchase")
    assert names(trend)[0] == "purchase", "what begins with the text comes first"
    field.press("ArrowDown")
    chosen = offered(trend).first
    expect(chosen).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    assert field.get_attribute("aria-expanded") == "true"
    field.press("Enter")
    expect(field).to_have_value("purchase")
    expect(offered(trend)).to_have_count(0)
    assert field.get_attribute("aria-expanded") == "false"
    answered(trend)
    assert asked(trend)["series"] == [{"event": "purchase", "measure": "count"}]
    with server.client() as api:
        reply = api.trend([{"event": "purchase"}])
    assert [row[0] for row in figures(trend)] == reply["series"][0]["values"]


def test_a_name_that_is_taken_asks_once(trend: Page) -> None:
    sent: list[str] = []

    def note(request: Request) -> None:
        if "/answer?" in request.url:
            sent.append(request.url)

    trend.on("request", note)
    field = trend.get_by_label("Event of line A")
    field.press_sequentially("page")
    field.press("ArrowDown")
    field.press("Enter")
    field.press("Tab")
    answered(trend)
    assert len(sent) == 1
    assert trend.evaluate("document.activeElement.getAttribute('aria-label')") == "Measure of line A"


def test_any_part_of_a_name_finds_it_and_the_mouse_takes_it(trend: Page) -> None:
    field = trend.get_by_label("Event of line A")
    field.press_sequentially("_vi")
    expect(offered(trend)).to_have_count(1)
    offered(trend).click()
    expect(field).to_have_value("page_view")
    answered(trend)
    assert asked(trend)["series"][0]["event"] == "page_view"


def test_any_text_may_be_typed(trend: Page) -> None:
    field = trend.get_by_label("Event of line A")
    field.press_sequentially("pur")
    field.press("ArrowDown")
    field.press("ArrowUp")
    assert trend.locator("[aria-selected=true]").count() == 0, "the way back leads to the text itself"
    field.press("Escape")
    expect(offered(trend)).to_have_count(0)
    expect(field).to_have_value("pur")
    field.press("Enter")
    trend.wait_for_function("decodeURIComponent(location.search).includes('\"pur\"')")
    assert asked(trend)["series"][0]["event"] == "pur"


def test_ten_thousand_names(trend: Page) -> None:
    field = trend.get_by_label("Event of line A")
    field.click()
    expect(offered(trend).first).to_contain_text("any event")
    field.press_sequentially("rare")
    expect(offered(trend)).to_have_count(50)
    expect(trend.locator(".offers-more")).to_have_text("9,940 more: type on")
    field.press_sequentially(" purchase 987")
    expect(offered(trend)).to_have_count(11)  # it, and ten that go on
    assert names(trend)[0] == "rare purchase 987"


def test_properties_with_their_types_and_values_with_their_counts(server: Server, trend: Page) -> None:
    only = trend.get_by_role("group", name="Only where")
    only.get_by_role("button", name="+ filter").click()
    expect(only.get_by_label("Property")).to_be_focused()
    trend.keyboard.type("reve")
    expect(offered(trend)).to_contain_text("number")
    trend.keyboard.press("Control+A")
    trend.keyboard.type("devi")
    trend.keyboard.press("ArrowDown")
    trend.keyboard.press("Enter")
    expect(only.get_by_label("Property")).to_have_value("device")
    value = only.get_by_label("Value")
    value.click()
    with server.client() as api:
        catalogue = api.get("/v1/catalog/properties").good()["properties"]
    (device,) = (each for each in catalogue if each["name"] == "device")
    assert names(trend) == [each["value"] for each in device["values"]]
    counts = [int(text.replace(",", "")) for text in offered(trend).locator(".hint").all_inner_texts()]
    assert counts == [each["count"] for each in device["values"]]
    value.press_sequentially("mob")
    value.press("ArrowDown")
    value.press("Enter")
    answered(trend)
    assert asked(trend)["filters"] == [{"property": "device", "op": "eq", "value": "mobile"}]


def test_several_values_are_taken_one_after_the_other(server: Server, page: Page) -> None:
    filters = [{"property": "device", "op": "in", "value": ["desktop"]}, {"property": "city", "op": "in", "value": []}]
    explore(page, server, "trend", {"series": [{"event": "page_view"}], "filters": filters})
    value = page.get_by_label("Value", exact=True).first
    value.press("End")
    value.press_sequentially(", mo")
    value.press("ArrowDown")
    value.press("Enter")
    expect(value).to_have_value("desktop, mobile")
    answered(page)
    assert asked(page)["filters"] == [{"property": "device", "op": "in", "value": ["desktop", "mobile"]}]


def test_names_are_shown_as_text_and_the_list_can_be_read_by_everybody(trend: Page) -> None:
    field = trend.get_by_label("Event of line A")
    field.press_sequentially("img src")
    expect(offered(trend).locator("bdi")).to_have_text(ODD)
    assert trend.locator("img").count() == 0
    field.press("ArrowDown")
    examine(trend, "light", "type-ahead")
    trend.get_by_role("button", name="Light or dark").press("Enter")
    field.press_sequentially("")
    field.press("ArrowDown")
    field.press("ArrowDown")
    expect(offered(trend)).to_have_count(1)
    examine(trend, "dark", "type-ahead")


def test_other_pages_offer_names_too(server: Server, page: Page) -> None:
    page.goto(f"{url(server)}/events")
    field = page.get_by_label("Event", exact=True)
    field.press_sequentially("purc")
    expect(offered(page).first).to_contain_text("purchase")
    field.press("ArrowDown")
    field.press("Enter")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**event_type=purchase**")
    with server.client() as api:
        api.post("/v1/experiments", {"name": "cups", "variants": [{"name": "a"}, {"name": "b"}]}).good(201)
    page.goto(f"{url(server)}/experiments/cups")
    page.get_by_label("Split by").press_sequentially("dev")
    expect(offered(page)).to_have_count(1)
    page.get_by_label("Split by").press("ArrowDown")
    page.get_by_label("Split by").press("Enter")
    page.wait_for_url("**dimension=device**")


def test_a_path_begins_with_what_was_sent(server: Server, page: Page) -> None:
    explore(page, server, "paths", {"steps": 3})
    field = page.get_by_role("combobox", name="Beginning with")
    field.press_sequentially("page")
    expect(offered(page).first).to_contain_text("page_view")
    field.press("ArrowDown")
    field.press("Enter")
    answered(page)
    assert asked(page)["start"] == "page_view"
