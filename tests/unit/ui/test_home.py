"""The first page: what its figures say against the JSON interface, with events and with none."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from evensplit import clock
from evensplit.model.event import Batch, Reject
from evensplit.ui.pages import home
from tests.unit.ui.conftest import SECRET, Browser, Site

NOON = clock.from_text("2026-11-20 12:30:20.000")
DAY = 86_400_000
FRAGMENT = {"x-evensplit-fragment": "1"}


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(str(tmp_path_factory.mktemp("home") / "data"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def viewer(new_site: Site) -> Browser:
    return new_site.signed_in("viewer")


def put(site: Site, *events: tuple[str, str, int]) -> None:
    values: list[str | None] = []
    for name, user, at in events:
        values += [name, user, None, "{}", clock.to_text(at)]

    async def work() -> None:
        await site.services.store.append(Batch(values=values))

    site.done(work())


def test_with_no_event_it_says_how_to_send_one(viewer: Browser) -> None:
    page = viewer.get("/").text
    assert "No events yet" in page and 'href="/setup"' in page and "data-part" not in page


def test_its_figures_are_those_of_the_interface(
    new_site: Site, viewer: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: NOON)
    hour = 3_600_000
    put(new_site, ("look", "ann", NOON - hour), ("look", "bob", NOON - 2 * hour), ("buy", "ann", NOON - hour // 2))
    put(
        new_site, ("look", "ann", NOON - DAY - hour), ("look", "ann", NOON - DAY + hour), ("buy", "x", NOON - 13 * hour)
    )
    page = viewer.get("/home/now?timezone=UTC", FRAGMENT).text
    tiles = re.findall(
        r'class="big"><data value="(\d+)".*?>([^ <>]+) against <data value="(\d+)"', page.replace("\n", " "), re.DOTALL
    )
    assert tiles == [("3", "+200%", "1"), ("2", "+100%", "1"), ("0", "–", "0")]
    series = [{"event": "@any"}, {"event": "@any", "measure": "users"}, {"event": "@any", "measure": "sessions"}]
    headers = {"authorization": f"Bearer {SECRET}"}
    asked = {**home.today("UTC"), "series": series}
    told = viewer.site.done(viewer.client.post("/v1/reports/trend", json=asked, headers=headers)).json()["series"]
    assert [(str(each["total"]), str(each["compare"]["total"])) for each in told] == [(t[0], t[2]) for t in tiles]
    rows = re.findall(r'<bdi>(look|buy)</bdi></a></th><td><data value="(\d+)".*?<td>(.*?)</td>', page)
    assert rows == [("look", "2", "+100%"), ("buy", "1", "–")]
    assert "refused" not in page
    for link in re.findall(r'href="(/explore/[^"]+)"', page):
        assert viewer.get(link.replace("&amp;", "&")).status_code == 200
        report = parse_qs(urlsplit(link).query)["q"][0]
        assert viewer.get(f"/explore/trend/answer?{urlsplit(link).query}", FRAGMENT).status_code == 200, report


def test_today_is_that_of_the_browser(monkeypatch: pytest.MonkeyPatch, viewer: Browser) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: NOON)
    assert home.today("Pacific/Auckland")["since"] == "2026-11-21"
    assert home.today("UTC")["until"] == "2026-11-20T12:31:00.000+00:00"
    assert viewer.get("/home/now?timezone=Nowhere/At_All", FRAGMENT).status_code == 200


def test_refused_events_are_pointed_at_when_they_rise(new_site: Site, viewer: Browser) -> None:
    assert not home.is_rising((9, 0)) and not home.is_rising((20, 10))
    assert home.is_rising((10, 0)) and home.is_rising((21, 10))
    refused = [Reject("invalid_json", "", "{"), Reject("duplicate", "", "{}")] * 12

    async def work() -> None:
        await new_site.services.store.append(Batch(rejects=refused))

    new_site.done(work())
    page = viewer.get("/home/now", FRAGMENT).text
    assert re.search(r'role="status"><data value="12"', page), "what was stored already is not refused"


def test_experiments_that_run_are_listed(viewer: Browser) -> None:
    headers = {"authorization": f"Bearer {SECRET}"}
    for name, start in (("button <b>", True), ("later", False)):
        body = {"name": name, "variants": [{"name": "a"}, {"name": "b"}], "start": start}
        reply = viewer.site.done(viewer.client.post("/v1/experiments", json=body, headers=headers))
        assert reply.status_code == 201, reply.text
    page = viewer.get("/").text
    assert page.count("/standing") == 1 and "button &lt;b&gt;" in page
    path = re.search(r'data-part="(/experiments/[^"]+)"', page)[1]  # type: ignore[index]
    assert viewer.get(path, FRAGMENT).status_code == 200
