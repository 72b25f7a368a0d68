"""An experiment from the idea to its end in a real Chromium: clicked and typed, and its figures those of the API."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import Shared, Watched, watched
from tests.browser.signing_in import PASSWORD, url
from tests.browser.test_explore import event, happened
from tests.browser.test_pages import LOOKS, examine
from tests.system.server import Server

TEA = {
    "name": "tea",
    "description": "<b>Warm</b> colours sell more tea.",
    "variants": [{"name": "control"}, {"name": "warm", "payload": {"color": "#c40"}}, {"name": "cold"}],
    "metrics": [
        {"name": "bought", "kind": "proportion", "event": "purchase", "minimum_effect": 0.2},
        {"name": "revenue", "kind": "mean", "event": "purchase", "aggregate": "sum", "property": "revenue"},
        {"name": "errors", "kind": "mean", "event": "error", "role": "guardrail", "direction": "down", "margin": 0.5},
        {
            "name": "refunds",
            "kind": "mean",
            "event": "refund",
            "role": "secondary",
            "aggregate": "avg",
            "property": "r",
        },
    ],
}
RATES = {"control": 3, "warm": 6, "cold": 3, "treatment": 6}  # of ten users buy so many


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Events of the past, and an experiment with 600 users that has run until now."""
    server = Server(tmp_path_factory.mktemp("experiments") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with server.client() as api:
        assert api.capture(happened())["rejected"] == 0
        api.post("/v1/experiments", TEA).good(201)
        take_part(server, "tea", 600)
    yield server
    server.close()


def take_part(server: Server, name: str, users: int, first: int = 0) -> None:
    """Users come in and do what their variant makes them do."""
    with server.client() as api:
        ids = [f"{name} {n}" for n in range(first, first + users)]
        found = api.post(f"/v1/experiments/{name}/assignments", {"user_ids": ids}).good(200)["assignments"]
        at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        sent: list[dict[str, Any]] = []
        for n, each in enumerate(found):
            properties = {"country": ("DE", "FR")[n % 2], "revenue": 5.0 + n % 7}
            kinds = ["page_view"] + ["purchase"] * (n % 10 < RATES[each["variant"]]) + ["error"] * (n % 3 == 0)
            sent += [{**event(kind, each["user_id"], 0, 0, properties), "timestamp": at} for kind in kinds]
        assert api.capture(sent)["rejected"] == 0


def results(server: Server, name: str, **asked: str) -> dict[str, Any]:
    query = "&".join(f"{key}={value}" for key, value in asked.items())
    with server.client() as api:
        found: dict[str, Any] = api.get(f"/v1/experiments/{name}/results?{query}").good(200)
    return found


def cell(page: Page, metric: str, variant: str, name: str) -> float | None:
    """The exact figure of a cell; None where the page says that it is unknown."""
    box = page.locator(f'tbody[data-metric="{metric}"] tr[data-variant="{variant}"] [data-cell="{name}"]').first
    figures = box.locator("data")
    if figures.count():
        return float(figures.first.get_attribute("value") or "nan")
    assert box.locator(".unknown").count(), f"{metric} {variant} {name}: neither a figure nor unknown"
    return None


def agree(page: Page, found: dict[str, Any]) -> int:
    """Every cell of every metric is what the API says; how many there were."""
    compared = 0
    for metric in found["metrics"]:
        for each in metric["variants"]:
            for name in ("n", "mean"):
                assert cell(page, metric["metric"], each["variant"], name) == each[name], (metric["metric"], each)
                compared += 1
        for each in metric["comparisons"]:
            wanted = {name: each[name] and each[name]["estimate"] for name in ("difference", "lift")}
            believed = ("chance_to_win", "expected_loss")
            wanted |= {name: each.get(name) for name in (believed if found["method"] == "bayesian" else ("p_value",))}
            if found["correction"] != "none" and each.get("adjusted_p_value") is not None:
                wanted["p_value"] = each["adjusted_p_value"]
            for name, number in wanted.items():
                assert cell(page, metric["metric"], each["variant"], name) == number, (metric["metric"], each, name)
                compared += 1
    return compared


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked", [{}, {"method": "fixed", "correction": "holm", "alpha": "0.1"}, {"method": "bayesian"}]
)
def test_every_figure_is_that_of_the_api(server: Server, page: Page, asked: dict[str, str]) -> None:
    query = "&".join(f"{key}={value}" for key, value in asked.items())
    page.goto(f"{url(server)}/experiments/tea?{query}")
    found = results(server, "tea", **asked)
    assert agree(page, found) >= 30
    users = page.locator("#users tbody tr").evaluate_all(
        "rows => rows.map(row => [row.cells[0].textContent, Number(row.cells[1].querySelector('data').value)])"
    )
    assert dict(users) == found["users"]
    said = page.locator("#verdict .reasons li > span").all_inner_texts()
    assert said == [reason["message"] for reason in found["verdict"]["reasons"]]
    assert page.locator("#definition").inner_text() == found["definition"]


def test_unknown_is_said_with_its_reason_and_has_no_bar(server: Server, page: Page) -> None:
    page.goto(f"{url(server)}/experiments/tea")
    refunds = page.locator('tbody[data-metric="refunds"]')
    expect(refunds).to_contain_text("unknown: at least 2 a side are needed")
    assert refunds.locator("svg circle").count() == 0
    assert page.locator('tbody[data-metric="bought"] svg circle').count() == 2


def test_pickers_change_the_address_and_the_figures(server: Server, page: Page) -> None:
    page.goto(f"{url(server)}/experiments/tea")
    page.get_by_label("Method").select_option("bayesian")
    page.wait_for_url("**method=bayesian**")
    expect(page.locator("#primary thead")).to_contain_text("chance to win")
    page.get_by_label("Split by").fill("country")
    page.get_by_label("Split by").press("Enter")
    page.wait_for_url("**dimension=country**")
    expect(page.locator("#dimension details summary").first).to_contain_text("DE")
    page.go_back()
    expect(page.get_by_label("Split by")).to_have_value("")


def test_over_time_and_who_is_in_it(server: Server, page: Page) -> None:
    page.goto(f"{url(server)}/experiments/tea")
    expect(page.locator("#over-time [aria-busy]")).to_have_count(0)
    page.locator("#over-time .chart .main-svg").first.wait_for()
    last = results(server, "tea")["users"]
    so_far = page.locator("#over-time section", has=page.get_by_role("heading", name="Users so far"))
    so_far.locator("summary").click()
    shown = so_far.locator("tbody data").evaluate_all("all => all.map(each => Number(each.value))")
    assert sum(shown) == sum(last.values())
    page.get_by_role("button", name="revenue over time").click()
    revenue = page.locator("#over-time section", has=page.get_by_role("heading", name="revenue over time"))
    revenue.locator(".chart .main-svg").first.wait_for()
    page.get_by_role("link", name="Who is in it").click()
    page.get_by_role("link", name="warm").click()
    expect(page.locator("tbody tr")).to_have_count(50)
    assert set(page.locator("tbody tr td:nth-child(2)").all_inner_texts()) == {"warm"}
    first = page.locator("tbody th").first.inner_text()
    page.get_by_role("link", name="Next").click()
    expect(page.locator("tbody th").first).not_to_have_text(first)


# --- from the idea to the end ---------------------------------------------------------------------


def put_together(page: Page, at: str) -> None:
    """The guided creation, up to its last step."""
    page.goto(f"{at}/experiments")
    page.get_by_role("link", name="New experiment").click()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("must have 1 to 200 characters, has 0")).to_be_visible()
    page.get_by_label("Name").fill("cups")
    page.get_by_label("Hypothesis").fill("Larger cups sell more.")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Weight").nth(1).fill("-1")
    page.get_by_label("Payload").nth(1).fill('{"size": 1.50')
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("must be finite and at least 0, is -1")).to_be_visible()
    expect(page.get_by_text("is not JSON")).to_be_visible()
    page.get_by_label("Weight").nth(1).fill("1")
    page.get_by_label("Payload").nth(1).fill('{"size": 1.50}')
    page.get_by_role("button", name="Next").click()
    page.locator('[data-path="metrics[0].name"] input').fill("bought")
    page.get_by_role("button", name="Next").click()
    expect(page.locator('[data-path="metrics[0].event"] .field-fault')).to_have_text("is required")
    page.locator('[data-path="metrics[0].event"] input').fill("purchase")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Users come in by").fill("page_view")
    page.get_by_role("button", name="Work it out").click()
    expect(page.locator("#power-answer table")).to_contain_text("sequential")
    page.reload()
    expect(page.get_by_label("Users come in by")).to_have_value("page_view")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#guide")).to_contain_text("control 50% (control), treatment 50%")


def test_from_the_idea_to_the_end(server: Server, visitor: Watched, page: Page) -> None:
    visitor.tolerate("422")
    at = url(server)
    put_together(page, at)
    page.get_by_role("button", name="Create and start").click()
    page.wait_for_url("**/experiments/cups")
    expect(page.locator("#status")).to_have_text("running")
    expect(page.locator("#verdict h2")).to_have_text("Keep it running: it is not decided yet.")
    with server.client() as api:
        stored = api.get("/v1/experiments/cups").good(200)
    assert json.dumps(stored["variants"][1]["payload"]) == '{"size": 1.5}'
    assert stored["description"] == "Larger cups sell more."
    take_part(server, "cups", 400)
    page.goto(f"{at}/experiments")
    row = page.locator("tr", has=page.get_by_role("link", name="cups"))
    expect(row.locator("td").nth(2)).to_have_text("400")
    expect(row.locator(".tag").nth(1)).to_have_text("ship treatment")
    row.get_by_role("link", name="cups").click()
    assert agree(page, results(server, "cups")) == 7
    expect(page.locator("#verdict h2")).to_have_text("Ship treatment.")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_have_text("stopped")
    page.get_by_role("link", name="History").click()
    expect(page.locator("main")).to_contain_text("stopped")


def part(page: Page, path: str) -> Locator:
    """What the guided creation has for a field of the definition."""
    return page.locator(f'[data-path="{path}"]')


def test_metrics_of_some_events_only(server: Server, visitor: Watched, page: Page) -> None:
    """Conditions are put together as in Explore, and are what the API then has."""
    visitor.tolerate("422")
    with page.expect_response("**/explore/catalogue"):
        page.goto(f"{url(server)}/new-experiment")
    page.get_by_label("Name").fill("in Germany")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    part(page, "metrics[0].name").locator("input").fill("bought")
    part(page, "metrics[0].event").locator("input").press_sequentially("purch")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    where = part(page, "metrics[0].event.filters")
    where.get_by_role("button", name="+ where").click()
    page.keyboard.type("coun")
    expect(page.get_by_role("listbox").get_by_role("option")).to_contain_text("country")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Next").click()
    expect(where.locator(".field-fault")).to_have_text("each needs a property and a value; take away what is not meant")
    where.get_by_label("Comparison").select_option("is one of")
    where.get_by_label("Value").press_sequentially("D")
    expect(page.get_by_role("listbox").get_by_role("option")).to_contain_text("DE")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    where.get_by_role("button", name="+ where").click()
    where.get_by_label("Property").nth(1).fill("revenue")
    where.get_by_label("Comparison").nth(1).select_option("≥")
    where.get_by_label("Value").nth(1).fill("7.5")
    page.get_by_role("button", name="+ metric").click()
    part(page, "metrics[1].name").locator("input").fill("way")
    part(page, "metrics[1].kind").locator("select").select_option("share of users who do all steps")
    part(page, "metrics[1].steps[0]").locator("input").fill("page_view")
    part(page, "metrics[1].steps[1]").locator("input").fill("purchase")
    steps = part(page, "metrics[1].steps[1].filters")
    steps.get_by_role("button", name="+ where").click()
    steps.get_by_label("Property").fill("revenue")
    steps.get_by_label("Comparison").select_option("is set")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="How long will it take?")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#guide")).to_contain_text("bought (primary proportion: purchase with 2 conditions)")
    page.get_by_role("button", name="Create as draft").click()
    page.wait_for_url("**/experiments/in%20Germany")
    with server.client() as api:
        bought, way = api.get("/v1/experiments/in%20Germany").good(200)["metrics"]
    filters = [{"property": "country", "op": "in", "value": ["DE"]}, {"property": "revenue", "op": "gte", "value": 7.5}]
    assert told(bought["event"]) == {"event_type": "purchase", "filters": filters}
    paid = {"event_type": "purchase", "filters": [{"property": "revenue", "op": "is_set"}]}
    seen, last = way["steps"]
    assert seen == {"event_type": "page_view"}
    assert told(last) == paid


def told(event: dict[str, Any]) -> dict[str, Any]:
    """An event of a definition without what is not set."""
    kept = [{name: value for name, value in each.items() if value not in (None, [])} for each in event["filters"]]
    return {"event_type": event["event_type"], "filters": kept}


def test_changing_and_deleting(server: Server, visitor: Watched, page: Page) -> None:
    visitor.tolerate("422")
    with server.client() as api:
        api.post("/v1/experiments", {"name": "short one", "variants": [{"name": "a"}, {"name": "b"}]}).good(201)
    page.goto(f"{url(server)}/experiments/short one/setup")
    page.get_by_label("Weight of b").fill("3")
    page.get_by_placeholder("another variant").fill("c")
    page.get_by_role("button", name="Keep the changes").click()
    expect(page.get_by_label("Weight of b")).to_have_value("3")
    expect(page.get_by_label("Weight of c")).to_have_value("0")
    assert f"{url(server)}/v1/experiments/short%20one/assignments" in page.locator(".snippets").inner_text()
    page.locator("#delete input[name=typed]").fill("short")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert")).to_contain_text("must be the experiment's name, is 'short'")
    page.locator("#delete input[name=typed]").fill("short one")
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/experiments")
    assert page.get_by_role("link", name="short one").count() == 0


@pytest.mark.parametrize("look", [look for look in LOOKS if look != "wide"])
def test_everybody_can_read_them(server: Server, chromium: Browser, signed_in: Shared, look: str) -> None:
    """What the demo's pages do not show: all that may be asked of results at once, and the metrics of a new one."""
    with watched(chromium, storage_state=signed_in.state, **LOOKS[look]) as visitor:
        page = visitor.page()
        paths = {
            "list": "/experiments",
            "results": "/experiments/tea?method=bayesian&dimension=country&checks=all",
            "new": "/new-experiment#metrics",
        }
        for name, path in paths.items():
            page.goto(url(server) + path)
            expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=60_000)
            if name == "list":
                expect(page.locator("tbody tr").last.locator("td").nth(2)).not_to_have_text("…")
            examine(page, look, f"experiment-{name}")
