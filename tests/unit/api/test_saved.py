"""Saved reports, dashboards and annotations over HTTP."""

import json
from typing import Any

import pytest

from tests.unit.api.conftest import Product

REPORT = {"series": [{"event": "saved event"}], "since": "2026-11-01", "until": "2026-11-03"}


def test_a_saved_report_is_kept_changed_and_deleted(product: Product) -> None:
    made = product.good("POST", "/v1/saved", {"name": "one", "kind": "trend", "report": REPORT}, 201)
    assert {**made, "id": 0, "created_at": "", "updated_at": ""} == {
        "id": 0,
        "name": "one",
        "kind": "trend",
        "report": REPORT,
        "description": None,
        "created_at": "",
        "updated_at": "",
    }
    assert made["created_at"].endswith("Z") and made["created_at"] == made["updated_at"]
    assert product.good("GET", "/v1/saved/one") == made
    assert made in product.good("GET", "/v1/saved")["saved"]
    assert product.error("POST", "/v1/saved", {"name": "one", "kind": "trend", "report": REPORT}) == (409, "conflict")

    changed = product.good("PATCH", "/v1/saved/one", {"description": "why"})
    assert (changed["description"], changed["report"], changed["id"]) == ("why", REPORT, made["id"])
    other = {**REPORT, "interval": "week"}
    replaced = product.good("PUT", "/v1/saved/one", {"name": "ünö 1 %", "kind": "trend", "report": other})
    assert (replaced["name"], replaced["report"], replaced["description"]) == ("ünö 1 %", other, None)
    assert product.error("GET", "/v1/saved/one") == (404, "not_found")
    assert product.good("GET", "/v1/saved/%C3%BCn%C3%B6%201%20%25")["id"] == made["id"]

    assert product.good("DELETE", "/v1/saved/%C3%BCn%C3%B6%201%20%25", status=204) is None
    for method in ("GET", "DELETE"):
        assert product.error(method, "/v1/saved/%C3%BCn%C3%B6%201%20%25") == (404, "not_found")


def test_the_report_is_kept_as_it_was_sent(product: Product) -> None:
    text = '{"series":[{"event":"x"}],  "since":"-30d", "filters":[{"property":"a","op":"eq","value":1.50}]}'
    body = b'{"name": "as sent", "kind": "trend", "report": ' + text.encode() + b"}"
    assert product.call("POST", "/v1/saved", body).status_code == 201
    assert text in product.call("GET", "/v1/saved/as%20sent").text


def test_a_name_that_is_taken_is_refused_by_every_way_to_it(product: Product) -> None:
    for name in ("first", "second"):
        product.good("POST", "/v1/saved", {"name": name, "kind": "trend", "report": REPORT}, 201)
        product.good("POST", "/v1/dashboards", {"name": name}, 201)
    for path in ("/v1/saved/second", "/v1/dashboards/second"):
        assert product.error("PATCH", path, {"name": "first"}) == (409, "conflict")
        product.good("PATCH", path, {"name": "second"})
    assert product.error("PUT", "/v1/dashboards/second", {"name": "first"}) == (409, "conflict")
    assert product.good("GET", "/v1/saved/second")["name"] == "second"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        ([], "invalid"),
        ({}, "invalid"),
        ({"name": "x", "kind": "trend"}, "invalid"),
        ({"name": "x", "kind": "trend", "report": None}, "invalid"),
        ({"name": "", "kind": "trend", "report": REPORT}, "invalid"),
        ({"name": "x" * 201, "kind": "trend", "report": REPORT}, "invalid"),
        ({"name": "a/b", "kind": "trend", "report": REPORT}, "invalid"),
        ({"name": 5, "kind": "trend", "report": REPORT}, "invalid"),
        ({"name": "x", "kind": "pie", "report": REPORT}, "invalid"),
        ({"name": "x", "kind": "trend", "report": REPORT, "more": 1}, "invalid"),
        ({"name": "x", "kind": "trend", "report": REPORT, "description": 1}, "invalid"),
        ({"name": "x", "kind": "trend", "report": 5}, "invalid_report"),
        ({"name": "x", "kind": "trend", "report": {"series": []}}, "invalid_series"),
        ({"name": "x", "kind": "trend", "report": {**REPORT, "timezone": "Mars/North"}}, "unknown_timezone"),
        ({"name": "x", "kind": "trend", "report": {**REPORT, "since": "soon"}}, "invalid_time"),
        ({"name": "x", "kind": "trend", "report": {**REPORT, "filters": [{"property": "a"}]}}, "invalid_filter"),
    ],
)
def test_what_cannot_be_saved(product: Product, body: Any, code: str) -> None:
    status, found = product.error("POST", "/v1/saved", body)
    assert (status, found) == (400 if code == "invalid_json" else 422, code)
    assert product.error("GET", "/v1/saved/x") == (404, "not_found")


def test_every_fault_is_named(product: Product) -> None:
    reply = product.call("POST", "/v1/dashboards", {"layout": [{"saved": "x", "x": -1, "y": 0, "w": 0}], "no": 1})
    fields = {fault["field"] for fault in reply.json()["error"]["details"]}
    assert fields == {"name", "layout[0].x", "layout[0].w", "layout[0].h", "no"}


def test_a_saved_report_is_run_over_its_range_or_another(product: Product) -> None:
    product.capture(
        {"event_type": "saved event", "timestamp": "2026-11-02T10:00:00Z"},
        {"event_type": "saved event", "timestamp": "2026-11-07T10:00:00Z"},
    )
    product.good("POST", "/v1/saved", {"name": "run", "kind": "trend", "report": REPORT}, 201)
    direct = product.good("POST", "/v1/reports/trend", REPORT)
    assert product.good("GET", "/v1/saved/run/run") == direct
    assert direct["series"][0]["values"] == [0, 1, 0]
    wider = product.good("GET", "/v1/saved/run/run?until=2026-11-08")
    assert wider["series"][0]["total"] == 2 and len(wider["buckets"]) == 8
    later = product.good("GET", "/v1/saved/run/run?since=2026-11-05&until=2026-11-08")
    assert later["series"][0]["total"] == 1
    assert product.error("GET", "/v1/saved/run/run?since=2026-11-09") == (422, "since_after_until")
    assert product.error("GET", "/v1/saved/none/run") == (404, "not_found")
    reply = product.call("GET", "/v1/saved/run/run", accept="text/csv")
    assert reply.text.splitlines()[2] == "saved event,2026-11-02,1,1"


def test_dashboards_follow_their_reports(product: Product) -> None:
    for name in ("tile a", "tile b"):
        product.good("POST", "/v1/saved", {"name": name, "kind": "trend", "report": REPORT}, 201)
    layout = [
        {"saved": "tile b", "x": 0, "y": 0, "w": 6, "h": 4},
        {"saved": "tile a", "x": 6, "y": 0, "w": 6, "h": 4},
        {"saved": "tile a", "x": 0, "y": 4, "w": 12, "h": 4},
    ]
    body = {"name": "board", "layout": layout, "since": "-7d", "until": "now"}
    made = product.good("POST", "/v1/dashboards", body, 201)
    assert (made["layout"], made["since"], made["until"]) == (layout, "-7d", "now")
    assert product.good("GET", "/v1/dashboards/board") == made
    assert made in product.good("GET", "/v1/dashboards")["dashboards"]
    assert product.error("POST", "/v1/dashboards", body) == (409, "conflict")

    product.good("PATCH", "/v1/saved/tile%20a", {"name": "tile c"})
    shown = [tile["saved"] for tile in product.good("GET", "/v1/dashboards/board")["layout"]]
    assert shown == ["tile b", "tile c", "tile c"]
    product.good("DELETE", "/v1/saved/tile%20c", status=204)
    assert product.good("GET", "/v1/dashboards/board")["layout"] == layout[:1]

    kept = product.good("PATCH", "/v1/dashboards/board", {"since": None, "description": "d"})
    assert (kept["since"], kept["until"], kept["layout"], kept["description"]) == (None, "now", layout[:1], "d")
    bare = product.good("PUT", "/v1/dashboards/board", {"name": "bare"})
    assert (bare["layout"], bare["until"], bare["description"]) == ([], None, None)
    assert product.error("GET", "/v1/dashboards/board") == (404, "not_found")
    product.good("DELETE", "/v1/dashboards/bare", status=204)
    for method in ("GET", "DELETE"):
        assert product.error(method, "/v1/dashboards/bare") == (404, "not_found")
    assert product.good("GET", "/v1/saved/tile%20b")["name"] == "tile b"


def test_a_dashboard_that_cannot_be(product: Product) -> None:
    tile = {"saved": "nowhere", "x": 0, "y": 0, "w": 1, "h": 1}
    reply = product.call("POST", "/v1/dashboards", {"name": "bad", "layout": [tile]})
    assert reply.status_code == 422
    assert reply.json()["error"]["details"] == [
        {"field": "layout[0].saved", "message": "no saved report is named 'nowhere'"}
    ]
    assert product.error("POST", "/v1/dashboards", {"name": "bad", "since": "soon"}) == (422, "invalid_time")
    assert product.error("POST", "/v1/dashboards", {"name": "bad", "layout": [tile] * 201})[0] == 422
    assert product.error("POST", "/v1/dashboards", {"name": "bad", "layout": 5}) == (422, "invalid")
    assert product.error("GET", "/v1/dashboards/bad") == (404, "not_found")
    product.good("POST", "/v1/dashboards", {"name": "good"}, 201)
    assert product.error("PATCH", "/v1/dashboards/good", {"layout": [tile]}) == (422, "invalid")
    assert product.error("PATCH", "/v1/dashboards/missing", {}) == (404, "not_found")


def test_annotations(product: Product) -> None:
    day = product.good("POST", "/v1/annotations", {"at": "2025-03-02", "text": "launch"}, 201)
    instant = product.good("POST", "/v1/annotations", {"at": "2025-03-01T23:30:00-02:00", "text": "fix"}, 201)
    assert (day["at"], day["text"], instant["at"]) == ("2025-03-02", "launch", "2025-03-01T23:30:00-02:00")
    path = f"/v1/annotations/{day['id']}"
    assert product.good("GET", path) == day

    def found(query: str) -> list[int]:
        return [each["id"] for each in product.good("GET", f"/v1/annotations?{query}")["annotations"]]

    assert found("since=2025-03-01&until=2025-03-02") == [day["id"], instant["id"]]  # by time: 00:00 before 01:30
    assert found("since=2025-03-02T00:00:01Z&until=2025-03-02") == [instant["id"]]
    assert found("until=2025-03-01") == []
    assert {day["id"], instant["id"]} <= set(found(""))
    assert product.error("GET", "/v1/annotations?since=soon") == (422, "invalid_time")

    assert product.good("PATCH", path, {"text": "relaunch"}) == {**day, "text": "relaunch"}
    assert product.good("PUT", path, {"at": "2025-04-01", "text": "moved"})["at"] == "2025-04-01"
    assert found("since=2025-03-01&until=2025-03-02") == [instant["id"]]
    product.good("DELETE", path, status=204)
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"at": "2025-04-01", "text": "x"}), ("PATCH", {})):
        assert product.error(method, path, body) == (404, "not_found")
    again = product.good("POST", "/v1/annotations", {"at": "2025-04-01", "text": "x"}, 201)
    assert again["id"] > instant["id"], "an id is given once"


@pytest.mark.parametrize(
    "body",
    [
        {"at": "2025-03-02"},
        {"text": "x"},
        {"at": "2025-02-30", "text": "x"},
        {"at": "2025-03-02T10:00:00", "text": "no zone"},
        {"at": "now", "text": "x"},
        {"at": "2025-03-02", "text": " "},
        {"at": "2025-03-02", "text": "x" * 2001},
        {"at": "2025-03-02", "text": "a\0b"},
        {"at": "2025-03-02", "text": "x", "more": 1},
        {"at": 5, "text": "x"},
    ],
)
def test_what_is_no_annotation(product: Product, body: Any) -> None:
    assert product.error("POST", "/v1/annotations", body) == (422, "invalid")


def test_odd_names_and_texts_come_back_as_they_were(product: Product) -> None:
    for name in ("'; DROP TABLE es_saved; --", '"quoted"', "emoji 🎛 \n tab\t", "%2F", "?q=1#x", "\\"):
        product.good("POST", "/v1/saved", {"name": name, "kind": "trend", "report": REPORT, "description": name}, 201)
        found = [each for each in product.good("GET", "/v1/saved")["saved"] if each["name"] == name]
        assert [each["description"] for each in found] == [name]
        tile = {"saved": name, "x": 0, "y": 0, "w": 1, "h": 1}
        assert product.good("POST", "/v1/dashboards", {"name": name, "layout": [tile]}, 201)["layout"] == [tile]
    note = product.good("POST", "/v1/annotations", {"at": "2025-03-02", "text": "'; -- \U0001f389 \n"}, 201)
    assert json.loads(json.dumps(note))["text"] == "'; -- \U0001f389 \n"
