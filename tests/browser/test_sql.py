"""SQL in a real Chromium: run by keyboard, drawn, saved, taken back, and what is wrong is said beside it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Watched
from tests.browser.signing_in import PASSWORD, url
from tests.browser.test_explore import happened
from tests.system.server import Server

COUNTS = "SELECT event_type, count(*) AS n FROM events\nWHERE event_type <> ? GROUP BY 1 ORDER BY 1"
LONG = (
    "SELECT count(*) FROM events a, events b, events c, events d, events e, events f "
    "WHERE hash(a.id, b.id, c.id, d.id, e.id, f.id) = 7"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("sql") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with found.client() as api:
        api.capture([*happened(), {"event_type": "<b>odd</b>"}, {"event_type": "hidden"}])
    yield found
    found.close()


@pytest.fixture
def page(server: Server, visitor: Watched) -> Page:
    found = visitor.page()
    found.goto(f"{url(server)}/account")
    found.get_by_role("link", name="SQL", exact=True).click()
    return found


def test_asked_drawn_and_saved(server: Server, page: Page) -> None:
    page.get_by_label("Statement", exact=True).fill(COUNTS)
    page.get_by_label("Values of").fill('["hidden"]')
    page.get_by_label("Statement", exact=True).press("Control+Enter")
    cells = page.locator("#sql-answer tbody tr")
    expect(cells.first).to_contain_text("<b>odd</b>")
    with server.client() as api:
        told = api.post("/v1/sql", {"sql": COUNTS, "parameters": ["hidden"]}).good()["rows"]
    assert cells.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))") == [
        [str(cell) for cell in row] for row in told
    ]
    page.get_by_label("Chart", exact=True).select_option("bar")
    page.locator("#sql-answer .chart .main-svg").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text().splitlines()[0] == "event_type,n"

    page.get_by_role("button", name="Save …").click()
    page.get_by_label("Name").fill("my counts")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Saved statements").get_by_role("link", name="my counts")).to_be_visible()
    expect(page.get_by_label("Values of")).to_have_value('["hidden"]')
    expect(cells.first).to_contain_text("<b>odd</b>")


def test_what_is_wrong_is_said_at_the_statement(page: Page, visitor: Watched) -> None:
    visitor.tolerate("422")
    page.get_by_label("Statement", exact=True).fill("SELECT nonsense FROM events")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#sql-fault")).to_contain_text("nonsense")
    expect(page.get_by_label("Statement", exact=True)).to_have_attribute("aria-invalid", "true")


def test_a_long_one_is_taken_back(page: Page) -> None:
    page.get_by_label("Statement", exact=True).fill(LONG)
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Cancel").first.click()
    expect(page.locator("#sql-fault")).to_contain_text("Taken back")
    page.get_by_label("Statement", exact=True).fill("SELECT 42 AS answer")
    page.get_by_role("button", name="Run").click()  # they run one at a time: it would wait for the one before
    expect(page.locator("#sql-answer tbody")).to_contain_text("42", timeout=10_000)
