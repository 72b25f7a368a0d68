"""Events that came over HTTP, asked about over HTTP, held against plain SQL over the five tables."""

import json
import random
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from tests.system import record
from tests.system.client import Client
from tests.system.server import Server
from tests.system.traffic import event

COUNTRIES = ["DE", "FR", "NZ", "", "United States", "ไทย", None]
FIRST = datetime(2026, 3, 20, tzinfo=UTC)
SPAN = timedelta(days=20)  # holds the change to summer time in Europe, 29 March 2026


def generated(count: int) -> list[dict[str, Any]]:
    dice = random.Random(7)
    events = []
    for n in range(count):
        when = FIRST + timedelta(milliseconds=dice.randrange(int(SPAN.total_seconds() * 1000)))
        properties: dict[str, Any] = {"amount": dice.choice([dice.random() * 100, dice.randrange(50), "12", None])}
        properties["country"] = dice.choice(COUNTRIES)
        properties["paid"] = dice.random() < 0.5
        if dice.random() < 0.2:
            del properties["country"]
        events.append(
            {
                "event_type": dice.choice(["view", "click", "buy"]),
                "user_id": dice.choice([f"u{n % 211}", None]),
                "session_id": f"s{n % 499}",
                "timestamp": when.isoformat(timespec="milliseconds"),
                "properties": properties,
            }
        )
    return events


@pytest.fixture(scope="module")
def asked(served: Server) -> Server:
    with served.client() as api:
        for start in range(0, 6000, 1000):
            api.capture(generated(6000)[start : start + 1000])
    return served


RANGE = {"since": "2026-03-20", "until": "2026-04-08"}
MEASURES: dict[str, str] = {
    "count": "count(*)",
    "users": "count(DISTINCT user_id)",
    "sessions": "count(DISTINCT session_id)",
    "sum": "coalesce(sum(x), 0)",
    "avg": "avg(x)",
    "min": "min(x)",
    "max": "max(x)",
    "distinct": "count(DISTINCT json_extract(properties, '$.country'))",
}
NUMBER = "CASE WHEN json_type(properties, '$.amount') IN ('integer', 'real') THEN properties ->> '$.amount' END"
FILTERS: dict[str, tuple[list[Any], str]] = {
    "none": ([], "1"),
    "eq": ([{"property": "country", "op": "eq", "value": "DE"}], "c = 'DE'"),
    "ne": ([{"property": "country", "op": "ne", "value": "DE"}], "c IS NOT 'DE'"),
    "in": ([{"property": "country", "op": "in", "value": ["FR", "ไทย"]}], "c IN ('FR', 'ไทย')"),
    "contains": ([{"property": "country", "op": "contains", "value": "ted S"}], "instr(c, 'ted S') > 0"),
    "gt": ([{"property": "amount", "op": "gt", "value": 40}], "x > 40"),
    "between": ([{"property": "amount", "op": "between", "value": [10, 20]}], "x BETWEEN 10 AND 20"),
    "boolean": ([{"property": "paid", "op": "eq", "value": "true"}], "json_type(properties, '$.paid') = 'true'"),
    "is_set": ([{"property": "country", "op": "is_set"}], "c IS NOT NULL"),
    "is_not_set": ([{"property": "country", "op": "is_not_set"}], "c IS NULL"),
    "any": (
        [
            {
                "any": [
                    {"property": "country", "op": "eq", "value": "NZ"},
                    {"property": "amount", "op": "lt", "value": 5},
                ]
            }
        ],
        "(c = 'NZ' OR x < 5)",
    ),
    "user": ([{"property": "@user_id", "op": "starts_with", "value": "u1"}], "user_id LIKE 'u1%'"),
}


def from_sql(server: Server, group: str, measure: str, event_type: str, condition: str) -> dict[Any, Any]:
    sql = (
        f"SELECT {group}, {MEASURES[measure]} FROM (SELECT *, {NUMBER} AS x, json_extract(properties, '$.country') AS c"
        f" FROM events) WHERE event_type = ? AND created_at < '2026-04-09' AND {condition} GROUP BY 1"
    )
    return dict(record.read(server.record, sql, (event_type,)))


@pytest.mark.parametrize("filter_", FILTERS)
@pytest.mark.parametrize("measure", MEASURES)
def test_trend_equals_sql(asked: Server, api: Client, measure: str, filter_: str) -> None:
    filters, condition = FILTERS[filter_]
    series: dict[str, Any] = {"event": {"event_type": "view", "filters": filters}, "measure": measure}
    if measure in ("sum", "avg", "min", "max"):
        series["property"] = "amount"
    elif measure == "distinct":
        series["property"] = "country"
    reply = api.trend([series], **RANGE)
    (found,) = reply["series"]
    days = record.days("2026-03-20", "2026-04-08")
    assert reply["buckets"] == days
    expected = from_sql(asked, "date(created_at)", measure, "view", condition)
    empty = None if measure in ("avg", "min", "max") else 0
    assert len(expected) > 5
    assert found["values"] == pytest.approx([expected.get(day, empty) for day in days], rel=1e-9)
    (total,) = from_sql(asked, "1", measure, "view", condition).values()
    assert found["total"] == pytest.approx(total, rel=1e-9)
    everywhere = api.trend([{**series, "event": "view"}], filters=filters, **RANGE)["series"][0]
    assert everywhere["values"] == found["values"], "a filter of the report and of the event mean the same here"


@pytest.mark.parametrize("measure", MEASURES)
def test_breakdown_equals_sql(asked: Server, api: Client, measure: str) -> None:
    series: dict[str, Any] = {"event": "buy", "measure": measure}
    series |= {"property": "amount"} if measure in ("sum", "avg", "min", "max") else {}
    series |= {"property": "country"} if measure == "distinct" else {}
    expected = from_sql(asked, "c", measure, "buy", "1")
    reply = api.trend([series], breakdown=[{"property": "country", "limit": 20}], **RANGE)
    found = {s["breakdown"][0]: s["total"] for s in reply["series"]}
    assert found == pytest.approx(expected, rel=1e-9)
    narrow = api.trend([series], breakdown=[{"property": "country", "limit": 2}], **RANGE)["series"]
    assert len(narrow) == 3
    kept = [s["breakdown"][0] for s in narrow if s["breakdown"] != ["$other"]]
    ranked = sorted(expected.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
    assert {total for value, total in expected.items() if value in kept} == {total for _, total in ranked[:2]}
    (other,) = (s["total"] for s in narrow if s["breakdown"] == ["$other"])
    left = "c IS NOT NULL" if None in kept else "1"
    names = ", ".join("'" + value.replace("'", "''") + "'" for value in kept if value is not None)
    condition = f"{left} AND (c IS NULL OR c NOT IN ({names}))"
    (rest,) = from_sql(asked, "1", measure, "buy", condition).values()
    assert other == pytest.approx(rest, rel=1e-9), "the rest is exact, not a sum of its parts"


def bucket_starts(zone: ZoneInfo, interval: str, moment: datetime) -> datetime:
    local = moment.astimezone(zone)
    if interval == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = local.date()
    if interval == "week":
        day -= timedelta(days=day.weekday())
    if interval == "month":
        day = day.replace(day=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])
def test_zones_equal_a_count_in_python(asked: Server, api: Client, name: str, interval: str) -> None:
    zone = ZoneInfo(name)
    counts: defaultdict[datetime, int] = defaultdict(int)
    users: defaultdict[datetime, set[str]] = defaultdict(set)
    low = datetime(2026, 3, 25, tzinfo=zone).astimezone(UTC)
    high = datetime(2026, 4, 5, tzinfo=zone).astimezone(UTC)
    for user, created in record.read(asked.record, "SELECT user_id, created_at FROM events WHERE event_type = 'view'"):
        moment = datetime.fromisoformat(created).replace(tzinfo=UTC)
        if low <= moment < high:
            start = bucket_starts(zone, interval, moment)
            counts[start] += 1
            if user is not None:
                users[start].add(user)
    reply = api.trend(
        [{"event": "view", "measure": "count"}, {"event": "view", "measure": "users"}],
        since="2026-03-25",
        until="2026-04-04",
        timezone=name,
        interval=interval,
    )
    expected_hours = round((high - low).total_seconds() / 3600)
    assert len(reply["buckets"]) == {"hour": expected_hours, "day": 11, "week": 2, "month": 2}[interval]
    assert len(set(reply["buckets"])) == len(reply["buckets"]), "an hour that occurs twice has two labels"
    filled = [(count, len(users[start])) for start, count in sorted(counts.items())]
    pairs = zip(reply["series"][0]["values"], reply["series"][1]["values"], strict=True)
    assert [pair for pair in pairs if pair != (0, 0)] == filled


def test_a_link_is_a_report(asked: Server, api: Client) -> None:
    report = {"series": [{"event": "view", "measure": "count"}], **RANGE}
    posted = api.post("/v1/reports/trend", report).good()
    got = api.get("/v1/reports/trend?q=" + quote(json.dumps(report))).good()
    assert got["series"] == posted["series"]
    assert isinstance(posted["query_ms"], (int, float))
    assert posted["report"]["interval"] == "day", "the report as understood has its defaults filled in"


def test_the_same_as_of_gives_the_same_digits(asked: Server, api: Client) -> None:
    report: dict[str, Any] = {
        "series": [{"event": "buy", "measure": m, "property": "amount"} for m in ("sum", "avg", "median", "p90")],
        "breakdown": [{"property": "country", "limit": 3}],
        **RANGE,
    }
    first = api.post("/v1/reports/trend", report).good()
    late = {"event_type": "buy", "timestamp": "2026-03-25T00:00:00Z", "properties": {"amount": 1e6, "country": "DE"}}
    for _ in range(8):
        api.capture(late)
        again = api.post("/v1/reports/trend", {**report, "as_of": first["as_of"]}).good()
        assert json.dumps(again["series"]) == json.dumps(first["series"])
    assert api.post("/v1/reports/trend", report).good()["series"] != first["series"]
    record.write(asked.record, "DELETE FROM events WHERE properties LIKE '%1000000.0%'")


def test_read_your_writes(new_server: Callable[..., Server]) -> None:
    """200 times: what was acknowledged is in the very next report, also over another connection."""
    server = new_server().start()
    with server.client() as sender, server.client() as asker:
        for n in range(1, 201):
            sender.capture(event(f"e{n}", n))
            series = [{"event": "@any", "measure": "count"}, {"event": "@any", "measure": "sum", "property": "v"}]
            count, total = (s["total"] for s in asker.trend(series, since="-1d")["series"])
            assert count == n
            assert total == sum(k % 1000 / 8 for k in range(1, n + 1))
    record.report_equals_record(server)


# --- counted once --------------------------------------------------------------------------------


def test_resent_events_count_once(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    batch = [event(f"m{n}", n) for n in range(300)]
    with server.client() as api:
        assert api.capture(batch)["accepted"] == 300
        again = api.capture(batch)
        assert (again["accepted"], again["duplicate"]) == (0, 300)
        assert [n["index"] for n in again["notes"]] == list(range(300))
        assert {n["status"] for n in again["notes"]} == {"duplicate"}
        twins = [event("twin", 1), event("other", 2), event("twin", 1), event("twin", 1)]
        reply = api.capture(twins)
        assert (reply["accepted"], reply["duplicate"]) == (2, 2)
        assert [n["index"] for n in reply["notes"]] == [2, 3]
        changed = {**event("twin", 1), "event_type": "changed"}
        assert api.capture(changed)["duplicate"] == 1, "the first content wins"
    for end in (server.stop, server.kill):
        end()
        server.start()
        with server.client() as api:
            assert api.capture(batch)["duplicate"] == 300
            assert api.capture([*batch[:5], event(f"new {end.__name__}", 3)])["accepted"] == 1
    assert set(record.stored(server.record).values()) == {1}
    assert record.read(server.record, "SELECT count(*) FROM events WHERE event_type = 'changed'") == [(0,)]
    assert record.report_equals_record(server) == 304


def test_concurrent_resends_count_once(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    verdicts: list[tuple[int, int]] = []
    barrier = threading.Barrier(8)

    def send() -> None:
        with server.client() as api:
            for round_ in range(30):
                barrier.wait()
                reply = api.capture([event(f"r{round_}-{n}", n) for n in range(10)])
                verdicts.append((reply["accepted"], reply["duplicate"]))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(verdicts) == 240
    assert sum(accepted for accepted, _ in verdicts) == 300, "exactly one sender is told that it was stored"
    assert all(accepted + duplicate == 10 for accepted, duplicate in verdicts)
    assert len(record.stored(server.record)) == 300
    assert record.report_equals_record(server) == 300


def test_many_ids_of_every_form(new_server: Callable[..., Server]) -> None:
    """Random, time-ordered and plain ids, resent in another order and after a restart."""
    dice = random.Random(3)
    ids = [f"{dice.getrandbits(128):032x}" for _ in range(4000)]
    ids += [f"0196{n:08x}-{dice.getrandbits(12):03x}" for n in range(4000)]
    ids += [str(n) for n in range(4000)]
    ids += [
        f"{h[:8]}-{h[8:12]}-4{h[13:16]}-8{h[17:20]}-{h[20:]}"
        for h in (f"{dice.getrandbits(128):032x}" for _ in range(4000))
    ]
    dice.shuffle(ids)
    server = new_server().start()
    with server.client() as api:
        for start in range(0, len(ids), 2000):
            reply = api.capture([event(number, 1) for number in ids[start : start + 2000]])
            assert reply["accepted"] == len(ids[start : start + 2000])
        dice.shuffle(ids)
        for start in range(0, len(ids), 4000):
            assert api.capture([event(number, 1) for number in ids[start : start + 4000]])["duplicate"] == 4000
    server.kill()
    server.start()
    with server.client() as api:
        dice.shuffle(ids)
        mixed = [event(number, 1) for number in ids[:3000]] + [event(f"fresh{n}", 1) for n in range(3000)]
        dice.shuffle(mixed)
        reply = api.capture(mixed)
        assert (reply["accepted"], reply["duplicate"]) == (3000, 3000)
    assert record.report_equals_record(server) == len(ids) + 3000


def test_a_rejected_event_does_not_use_up_its_id(api: Client) -> None:
    bad = {"event_type": "", "message_id": "second chance"}
    api.post("/v1/events", bad).error(422)
    assert api.capture({**bad, "event_type": "better"})["accepted"] == 1


# --- lists ---------------------------------------------------------------------------------------


def test_events_are_listed_newest_first(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api:
        api.capture(generated(900))
        api.capture([{"event_type": "tie", "user_id": "t", "timestamp": 1_770_000_000} for _ in range(50)])
        for query, condition in [("", "1"), ("&event_type=tie", "event_type = 'tie'"), ("&user_id=u7", "user_id='u7'")]:
            sql = f"SELECT event_type, user_id, session_id FROM events WHERE {condition}"
            expected = record.read(server.record, f"{sql} ORDER BY created_at DESC, id DESC")
            found: list[tuple[Any, ...]] = []
            cursor = ""
            while True:
                page = api.get(f"/v1/events?limit=7{query}{cursor}").good()
                assert len(page["events"]) <= 7
                found += [(e["event_type"], e.get("user_id"), e.get("session_id")) for e in page["events"]]
                if not page.get("next_cursor"):
                    break
                cursor = "&cursor=" + quote(page["next_cursor"])
            assert found == expected, query


def test_the_catalogue(asked: Server, api: Client) -> None:
    expected: dict[str, int] = dict(record.read(asked.record, "SELECT event_type, count(*) FROM events GROUP BY 1"))
    listed = api.get("/v1/catalog/events").good()["events"]
    assert {e["event_type"]: e["count"] for e in listed} == expected
    properties = api.get("/v1/catalog/properties?event_type=view").good()["properties"]
    assert {p["name"] for p in properties} == {"amount", "country", "paid"}
