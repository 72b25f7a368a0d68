"""Dashboards without a browser: the grid, ranges that stand in, annotations in their buckets, who may change what."""

import json
from collections.abc import Callable

import pytest

from evensplit.model.account import Role
from evensplit.model.saved import Annotation, Dashboard, Tile
from evensplit.ui import grid
from tests.unit.ui.conftest import Browser, Site

REPORT = '{"series":[{"event":"buy"}],"since":"-7d","interval":"day"}'
FRAGMENT = {"x-evensplit-fragment": "1"}


@pytest.fixture
def editor(as_role: Callable[[Role], Browser]) -> Browser:
    return as_role("editor")


def keep(browser: Browser, name: str, board: str, report: str = REPORT) -> None:
    form = {"name": name, "kind": "trend", "report": report, "dashboard": board}
    assert browser.post("/saved", form).status_code == 303


def layout(site: Site, board: str) -> list[tuple[str, int, int, int, int]]:
    _, found = site.services.catalog.saved.dashboard(board)
    return [(tile.saved, tile.x, tile.y, tile.w, tile.h) for tile in found.layout]


def test_tiles_follow_each_other_row_by_row() -> None:
    packed = grid.packed([("a", 6, 4), ("b", 6, 2), ("c", 8, 2), ("d", 6, 4), ("e", 99, 99)])
    assert [(tile.x, tile.y, tile.w, tile.h) for tile in packed] == [
        (0, 0, 6, 4),
        (6, 0, 6, 2),
        (0, 4, 8, 2),
        (0, 6, 6, 4),
        (0, 10, grid.COLUMNS, grid.HIGHEST),
    ]
    assert grid.in_order(Dashboard(name="x", layout=tuple(reversed(packed)))) == list(packed)


def test_a_tile_goes_beside_the_last_one_or_below() -> None:
    board = Dashboard(name="x", layout=(Tile("a", 0, 0, 6, 4),))
    board = grid.with_tile(board, "b")
    assert board.layout[-1] == Tile("b", 6, 0, *grid.USUAL)
    board = grid.with_tile(board, "c")
    assert board.layout[-1] == Tile("c", 0, 4, *grid.USUAL)
    assert grid.with_tile(board, "b") == board


def test_what_is_empty_stays_as_the_report_has_it() -> None:
    over = json.loads(grid.over(REPORT.encode(), "-3d", "", "Asia/Tokyo"))
    assert over == {**json.loads(REPORT), "since": "-3d", "timezone": "Asia/Tokyo"}
    assert json.loads(grid.over(REPORT.encode(), "", "", "")) == json.loads(REPORT)


def test_a_range_of_the_address_is_whole(editor: Browser) -> None:
    keep(editor, "ranged", "Ranges", '{"series":[{"event":"buy"}],"since":"2026-01-01","interval":"day"}')
    settings = {"name": "Ranges", "since": "2026-01-10", "until": "2026-01-12"}
    assert editor.post("/dashboards/Ranges", settings).status_code == 303
    path = "/dashboards/Ranges/answer.csv?report=ranged"
    days = [line.partition(",")[0] for line in editor.get(path).text.splitlines()]
    assert days == ["interval", "2026-01-10", "2026-01-11", "2026-01-12", "whole range"]
    assert "2026-01-10" not in editor.get(f"{path}&since=-1d").text
    assert editor.post("/dashboards/Ranges", {**settings, "since": "soon"}, headers=FRAGMENT).status_code == 422


def test_an_annotation_stands_in_the_bucket_of_its_zone(site: Site, editor: Browser) -> None:
    report = {"series": [{"event": "buy"}], "since": "2026-02-01", "until": "2026-02-03", "interval": "day"}
    keep(editor, "noted", "Notes", json.dumps(report))
    for at, text in (
        ("2026-02-02", "the whole <day>"),
        ("2026-02-02T20:00:00Z", "an evening"),
        ("2026-02-04T00:00:00Z", "after it"),
        ("2026-01-31T23:59:59Z", "before it"),
    ):
        site.done(site.services.catalog.annotations.note(Annotation(at, text)))
    path = "/dashboards/Notes/answer?report=noted"
    shown = editor.get(path).text
    assert "the whole &lt;day&gt;" in shown and "an evening" in shown
    assert "after it" not in shown and "before it" not in shown
    assert shown.count('"x0":"2026-02-02"') == 2
    tokyo = editor.get(f"{path}&timezone=Asia/Tokyo").text
    assert tokyo.count('"x0":"2026-02-02"') == 1, "a day is that day in every zone"
    assert tokyo.count('"x0":"2026-02-03"') == 1, "an instant is not"
    assert "before it" in tokyo


def test_only_what_stands_on_it_is_answered(editor: Browser) -> None:
    keep(editor, "on it", "Closed")
    keep(editor, "not on it", "Other")
    assert editor.get("/dashboards/Closed/answer?report=on%20it").status_code == 200
    assert editor.get("/dashboards/Closed/answer?report=not%20on%20it").status_code == 404
    assert editor.get("/dashboards/Nowhere").status_code == 404


def test_arranged_by_editors_alone(site: Site, editor: Browser, as_role: Callable[[Role], Browser]) -> None:
    keep(editor, "tile", "Mine")
    sent = {"saved": "tile", "wide": "12", "high": "2"}
    viewer = as_role("viewer")
    for path in ("/layout", "/tiles", "/take-down", ""):
        assert viewer.post(f"/dashboards/Mine{path}", sent).status_code == 403
    assert viewer.post("/annotations", {"at": "2026-01-01", "text": "x"}).status_code == 403
    assert layout(site, "Mine") == [("tile", 0, 0, *grid.USUAL)]
    assert editor.post("/dashboards/Mine/layout", sent).status_code == 303
    assert layout(site, "Mine") == [("tile", 0, 0, 12, 2)]
    for wrong in ({"wide": "x"}, {"high": "-1"}, {"saved": "nothing"}):
        assert editor.post("/dashboards/Mine/layout", {**sent, **wrong}, headers=FRAGMENT).status_code == 422
    assert editor.post("/dashboards/Mine/take-down", {}).status_code == 303
    assert editor.get("/saved/tile").status_code == 303, "its reports stay"


def test_put_up_once(editor: Browser) -> None:
    assert editor.post("/dashboards", {"name": "Once"}).status_code == 303
    again = editor.post("/dashboards", {"name": "Once"})
    assert again.status_code == 409 and 'role="alert"' in again.text
    assert editor.post("/dashboards", {"name": "a/b"}).status_code == 422
    assert "Nothing stands on this dashboard yet" in editor.get("/dashboards/Once").text
