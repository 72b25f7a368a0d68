"""Saved reports on pages, and links that show one thing to anybody."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from evensplit.model.account import Role
from tests.unit.ui.conftest import SECRET, Browser, Site

REPORT = '{"series":[{"event":"buy"}],"since":"-7d"}'
FRAGMENT = {"x-evensplit-fragment": "1"}


@pytest.fixture
def editor(as_role: Callable[[Role], Browser]) -> Browser:
    return as_role("editor")


def keep(browser: Browser, name: str, **more: str) -> int:
    return browser.post("/saved", {"name": name, "kind": "trend", "report": REPORT, **more}).status_code


def read(browser: Browser, path: str) -> Any:
    headers = {"authorization": f"Bearer {SECRET}"}
    return browser.site.done(browser.client.get(path, headers=headers)).json()


def shared(browser: Browser, shows: str, name: str) -> str:
    reply = browser.post("/shares", {"shows": shows, "name": name})
    assert reply.status_code == 200, reply.text
    return urlsplit(reply.text.partition('readonly value="')[2].partition('"')[0]).path


def test_kept_and_opened(editor: Browser) -> None:
    assert keep(editor, "A <i>name", description="why") == 303
    assert read(editor, "/v1/saved/" + quote("A <i>name", safe=""))["report"] == json.loads(REPORT)
    opened = editor.get("/saved/" + quote("A <i>name", safe=""))
    assert opened.status_code == 303
    where = urlsplit(opened.headers["location"])
    assert where.path == "/explore/trend" and parse_qs(where.query)["q"] == [REPORT]
    assert "<i>name" not in editor.get(opened.headers["location"]).text
    assert keep(editor, "A <i>name") == 409
    assert keep(editor, "A <i>name", replace="1") == 303
    assert editor.post(f"/saved/{quote('A <i>name', safe='')}/forget", {}).status_code == 303
    assert editor.get("/saved/" + quote("A <i>name", safe="")).status_code == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "a/b"}, 422),
        ({"kind": "x"}, 404),
        ({"report": "{"}, 400),
        ({"report": "{}"}, 422),
    ],
)
def test_what_is_not_kept(editor: Browser, change: dict[str, str], status: int) -> None:
    reply = editor.post("/saved", {"name": "wrong", "kind": "trend", "report": REPORT, **change}, headers=FRAGMENT)
    assert reply.status_code == status and 'class="fault"' in reply.text


def test_put_on_a_dashboard_side_by_side(editor: Browser) -> None:
    for n in range(3):
        assert keep(editor, f"tile {n}", dashboard="Board") == 303
    assert keep(editor, "tile 1", dashboard="Board", replace="1") == 303
    layout = read(editor, "/v1/dashboards/Board")["layout"]
    places = [(tile["saved"], tile["x"], tile["y"], tile["w"], tile["h"]) for tile in layout]
    assert places == [("tile 0", 0, 0, 6, 4), ("tile 1", 6, 0, 6, 4), ("tile 2", 0, 4, 6, 4)]


def test_a_link_shows_one_report_and_nothing_else(editor: Browser, site: Site) -> None:
    for name in ("shown", "not shown"):
        keep(editor, name)
    path = shared(editor, "report", "shown")
    stranger = site.browser()
    page = stranger.get(path)
    assert page.status_code == 200 and "shown" in page.text
    assert stranger.get(f"{path}/answer?report=shown", FRAGMENT).status_code == 200
    assert "data-at" not in stranger.get(f"{path}/answer?report=shown", FRAGMENT).text
    assert stranger.get(f"{path}/answer.csv?report=shown").headers["content-type"].startswith("text/csv")
    assert stranger.get(f"{path}/answer?report={quote('not shown')}", FRAGMENT).status_code == 404
    assert stranger.get("/explore/trend").status_code == 303
    stored = site.services.store.read(("SELECT hash, hint FROM es_shares", []))
    assert path.rpartition("/")[2] not in str(stored)


def test_a_link_to_a_dashboard(editor: Browser, site: Site) -> None:
    for name in ("on it", "beside it"):
        keep(editor, name)
    keep(editor, "on it", replace="1", dashboard="Shared board")
    path = shared(editor, "dashboard", "Shared board")
    stranger = site.browser()
    assert stranger.get(path).status_code == 200
    assert stranger.get(f"{path}/answer?report={quote('on it')}", FRAGMENT).status_code == 200
    assert stranger.get(f"{path}/answer?report={quote('beside it')}", FRAGMENT).status_code == 404
    headers = {"authorization": f"Bearer {SECRET}"}
    change = json.dumps({"since": "2020-01-01", "until": "2020-01-02"})
    site.done(editor.client.patch("/v1/dashboards/Shared board", content=change, headers=headers))
    narrowed = stranger.get(f"{path}/answer.csv?report={quote('on it')}").text
    assert narrowed.splitlines()[1].startswith("2020-01-01"), "over the dashboard's range"


def test_a_link_ends_when_it_is_revoked_or_its_report_goes(editor: Browser, site: Site) -> None:
    for name in ("first", "second"):
        keep(editor, name)
    first, second = shared(editor, "report", "first"), shared(editor, "report", "second")
    newest = max(share.id for share in site.services.catalog.shares.all())
    assert editor.post(f"/shares/{newest}/revoke", {}).status_code == 303
    assert editor.post(f"/shares/{newest}/revoke", {}).status_code == 404
    assert site.browser().get(second).status_code == 404
    assert site.browser().get(first).status_code == 200
    editor.post("/saved/first/forget", {})
    assert site.browser().get(first).status_code == 404
    assert editor.post("/shares", {"shows": "report", "name": "first"}).status_code == 404
    assert editor.get("/shares").status_code == 200
