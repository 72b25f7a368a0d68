"""The same question in three ways: a report, the persons behind its numbers, and SQL written by hand over `/v1/sql`.

The events came over HTTP, some of visitors who were known later. Not here: trends in SQL (`test_reports`).
"""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.system.client import Client
from tests.system.server import Server

EVENTS = 4_000
FIRST = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAYS = 28
RANGE = {"since": "2026-03-02", "until": "2026-03-29"}
ALL_DAYS = [(FIRST + timedelta(days=n)).date() for n in range(DAYS)]
FROM, UNTIL = "2026-03-02", "2026-03-30"
PLACES = ["/", "/pricing", "/docs", "/docs/start", None]
# Every event of the range with its person: how these questions begin when they are asked in SQL.
SEEN = (
    "seen AS (SELECT e.id, e.event_type, e.session_id, e.created_at, p.person, e.properties"
    " FROM events AS e LEFT JOIN person_ids AS p ON p.id = e.user_id"
    f" WHERE e.created_at >= '{FROM}' AND e.created_at < '{UNTIL}')"
)


def generated() -> list[dict[str, Any]]:
    """Visits of 150 people, some weeks more than others; a third of them were visitors without a name at first."""
    dice = random.Random(11)
    events: list[dict[str, Any]] = []
    while len(events) < EVENTS:
        n = int(150 * dice.random() ** 2)
        at = FIRST + timedelta(milliseconds=int(dice.random() * (DAYS - 2) * 86_400_000))
        who = {"user_id": f"u{n}"} if n % 3 or dice.random() < 0.6 else {"anonymous_id": f"v{n}"}
        if dice.random() < 0.04:
            who = {}
        session = f"s{len(events)}" if dice.random() < 0.5 else None
        for _ in range(dice.randrange(1, 8)):
            place = dice.choice(PLACES)
            happened = {
                "event_type": dice.choice(["page_view", "page_view", "view", "add", "buy"]),
                "timestamp": at.isoformat(timespec="milliseconds"),
                "properties": {"path": place, "n": len(events)} if place else {},
                **who,
            }
            events.append(happened if session is None else {**happened, "session_id": session})
            # Now and then at the same instant, and now and then later than a session lasts.
            at += timedelta(milliseconds=dice.choice([0, 1, 250_000, 1_800_000, 1_800_001, 7_200_000]))
    links = [
        {"event_type": "login", "user_id": f"u{n}", "anonymous_id": f"v{n}", "timestamp": FIRST.isoformat()}
        for n in range(0, 150, 3)
        if n % 2
    ]
    return [*events[: EVENTS // 2], *links, *events[EVENTS // 2 :]]


@pytest.fixture(scope="module", autouse=True)
def filled(served: Server) -> None:
    events = generated()
    with served.client() as api:
        for start in range(0, len(events), 1000):
            assert api.capture(events[start : start + 1000])["rejected"] == 0


def sql(api: Client, text: str, *values: Any) -> list[tuple[Any, ...]]:
    reply = api.post("/v1/sql", {"sql": text, "parameters": list(values), "limit": 10_000}).good()
    assert reply["truncated"] is False
    return [tuple(row) for row in reply["rows"]]


def report(api: Client, kind: str, **asked: Any) -> Any:
    return api.post(f"/v1/reports/{kind}", {**RANGE, **asked}).good()


def persons(api: Client, kind: str, at: dict[str, Any], **asked: Any) -> set[str]:
    reply = api.post(f"/v1/reports/{kind}/persons", {"report": {**RANGE, **asked}, "at": at, "limit": 10_000}).good()
    found = {person["id"] for person in reply["persons"]}
    assert len(found) == len(reply["persons"]) == reply["count"]
    return found


def test_identities_were_linked(api: Client) -> None:
    ((linked, ids),) = sql(api, "SELECT count(*) FILTER (WHERE person <> id), count(*) FROM person_ids")
    assert linked == 25, "25 visitors became known, the others stayed visitors"
    ((people, seen),) = sql(api, "SELECT count(*), sum(events) FROM persons")
    assert 100 < people == ids - linked
    assert sql(api, "SELECT count(*) FROM events WHERE user_id IS NOT NULL") == [(seen,)]


def test_trend_of_users(api: Client) -> None:
    asked = {"series": [{"event": "buy", "measure": "users"}], "interval": "week"}
    answer = report(api, "trend", **asked)
    (line,) = answer["series"]
    found = sql(
        api,
        f"WITH {SEEN} SELECT date_trunc('week', created_at)::DATE::VARCHAR, count(DISTINCT person) FROM seen "
        "WHERE event_type = 'buy' GROUP BY 1 ORDER BY 1",
    )
    assert list(zip(answer["buckets"], line["values"], strict=True)) == found
    assert sql(api, f"WITH {SEEN} SELECT count(DISTINCT person) FROM seen WHERE event_type = 'buy'") == [
        (line["total"],)
    ]
    assert len(persons(api, "trend", {}, **asked)) == line["total"] > 30
    for bucket, users in zip(answer["buckets"], line["values"], strict=True):
        assert len(persons(api, "trend", {"bucket": bucket}, **asked)) == users


STEPS = ["view", "add", "buy"]
# From each `view` the next `add` after it, and from that the next `buy`, both within two days of the view.
FUNNEL = f"""
WITH {SEEN},
of AS (SELECT person, event_type, created_at, id FROM seen WHERE person IS NOT NULL),
one AS (SELECT person, created_at AS t1, id AS i1 FROM of WHERE event_type = 'view'),
two AS (
    SELECT person, t1, i1, min((b.created_at, b.id)) FILTER (WHERE b.created_at <= t1 + INTERVAL 2 DAY) AS k2
    FROM one LEFT JOIN of AS b USING (person)
    WHERE b.event_type = 'add' AND (b.created_at, b.id) > (t1, i1) GROUP BY ALL
),
three AS (
    SELECT two.person, t1, i1, min((b.created_at, b.id)) AS k3
    FROM two JOIN of AS b ON b.person = two.person AND b.event_type = 'buy' AND (b.created_at, b.id) > k2
        AND b.created_at <= t1 + INTERVAL 2 DAY
    WHERE k2 IS NOT NULL GROUP BY ALL
)
"""


def test_funnel(api: Client) -> None:
    asked = {"steps": STEPS, "window": "2d"}
    steps = report(api, "funnel", **asked)["steps"]
    people = [
        {str(person) for (person,) in sql(api, f"{FUNNEL} SELECT DISTINCT person FROM {table} WHERE {reached}")}
        for table, reached in (("one", "TRUE"), ("two", "k2 IS NOT NULL"), ("three", "k3 IS NOT NULL"))
    ]
    assert people[0] > people[1] > people[2] > {"u0"}, "a question that has something to tell apart"
    assert [step["users"] for step in steps] == [len(found) for found in people]
    for n, found in enumerate(people, 1):
        assert persons(api, "funnel", {"step": n}, **asked) == found
    for n in (2, 3):
        assert persons(api, "funnel", {"step": n, "dropped": True}, **asked) == people[n - 2] - people[n - 1]
    trend = report(api, "funnel", view="trend", interval="week", **asked)
    assert [sum(line) for line in trend["trend"]["users"]] == [step["users"] for step in steps]
    # The first of the deepest attempts tells when: where somebody came to the end, the first attempt that did.
    starts = sql(
        api,
        f"{FUNNEL}, firsts AS (SELECT person, min(t1) AS began FROM three GROUP BY person) "
        "SELECT date_trunc('week', began)::DATE::VARCHAR, count(*) FROM firsts GROUP BY 1 ORDER BY 1",
    )
    told = zip(trend["buckets"], trend["trend"]["users"][2], strict=True)
    assert [(bucket, users) for bucket, users in told if users] == starts
    took = report(api, "funnel", view="time_to_convert", **asked)
    assert sum(took["times"]["users"]) == steps[2]["users"]


def test_retention_by_the_week(api: Client) -> None:
    asked = {"start": "view", "return": "buy", "interval": "week", "periods": 4}
    answer = report(api, "retention", **asked)
    found = {
        (cohort, period): users
        for cohort, period, users in sql(
            api,
            f"WITH {SEEN}, came AS (SELECT DISTINCT person, date_trunc('week', created_at)::DATE AS w FROM seen "
            "WHERE event_type = 'view' AND person IS NOT NULL), "
            "back AS (SELECT DISTINCT person, date_trunc('week', created_at)::DATE AS w FROM seen "
            "WHERE event_type = 'buy') "
            "SELECT came.w::VARCHAR, (back.w - came.w) // 7, count(*) FROM came JOIN back USING (person) "
            "WHERE back.w > came.w GROUP BY ALL UNION ALL SELECT w::VARCHAR, 0, count(*) FROM came GROUP BY w",
        )
    }
    assert len(answer["cohorts"]) == 4
    for n, cohort in enumerate(answer["cohorts"]):
        over = 4 - n
        assert cohort["returned"][:over] == [found.get((cohort["start"], k), 0) for k in range(over)]
        assert cohort["returned"][over:] == [None] * n, "what lies after until is not known"
        assert cohort["returned"][0] == cohort["size"] > 10
        for period in range(over):
            at = {"cohort": cohort["start"], "period": period}
            assert len(persons(api, "retention", at, **asked)) == cohort["returned"][period]
    started = {"series": [{"event": "view", "measure": "users"}], "interval": "week"}
    (line,) = report(api, "trend", **started)["series"]
    assert line["values"] == [cohort["size"] for cohort in answer["cohorts"]]


def test_lifecycle(api: Client) -> None:
    asked = {"event": "view", "since": "2026-03-09", "until": "2026-03-22"}
    answer = report(api, "lifecycle", **asked)
    active: dict[date, set[str]] = {day: set() for day in ALL_DAYS}
    for day, person in sql(
        api,
        f"WITH {SEEN} SELECT DISTINCT created_at::DATE::VARCHAR, person FROM seen "
        "WHERE event_type = 'view' AND person IS NOT NULL",
    ):
        active[date.fromisoformat(day)].add(person)
    for n, label in enumerate(answer["buckets"]):
        day = date.fromisoformat(label)
        now, before = active[day], active[day - timedelta(days=1)]
        earlier = set().union(*(active[other] for other in ALL_DAYS if other < day))
        expected = {
            "new": now - earlier,
            "returning": now & before,
            "resurrecting": (now & earlier) - before,
            "dormant": before - now,
        }
        for state, people in expected.items():
            assert answer[state][n] == len(people), (label, state)
            assert persons(api, "lifecycle", {"bucket": label, "state": state}, **asked) == people
    assert all(sum(answer[state]) for state in ("new", "returning", "resurrecting", "dormant"))


def test_stickiness(api: Client) -> None:
    answer = report(api, "stickiness", event="view")
    found = sql(
        api,
        f"WITH {SEEN}, days AS (SELECT person, count(DISTINCT created_at::DATE) AS n FROM seen "
        "WHERE event_type = 'view' AND person IS NOT NULL GROUP BY person) "
        "SELECT n, count(*) FROM days GROUP BY n ORDER BY n",
    )
    assert [(bar["intervals"], bar["users"]) for bar in answer["histogram"]] == found
    assert len(found) > 3
    for days, users in found:
        assert len(persons(api, "stickiness", {"intervals": days}, event="view")) == users


# A session_id, else a person's events until there is none for more than half an hour.
SESSIONS = f"""
WITH {SEEN},
alone AS (
    SELECT id, person, created_at, created_at - lag(created_at) OVER (PARTITION BY person ORDER BY created_at, id)
        > INTERVAL 30 MINUTE AS begins
    FROM seen WHERE session_id IS NULL AND person IS NOT NULL
),
counted AS (
    SELECT id, person || '#' || sum(coalesce(begins, FALSE)::INT) OVER (PARTITION BY person ORDER BY created_at, id)
        AS visit
    FROM alone
),
visits AS (
    SELECT coalesce('s ' || session_id, 'p ' || visit) AS visit, person, event_type, created_at, id,
        properties ->> '$.path' AS path
    FROM seen LEFT JOIN counted USING (id) WHERE session_id IS NOT NULL OR person IS NOT NULL
),
each AS (
    SELECT visit, count(*) AS events, count(*) FILTER (WHERE event_type = 'page_view') AS views,
        epoch_ms(max(created_at)) - epoch_ms(min(created_at)) AS lasted
    FROM visits GROUP BY visit
)
"""


def test_sessions(api: Client) -> None:
    answer = report(api, "sessions", interval="week", tops=["pages"])
    totals = answer["totals"]
    ((count, bounces, lasted),) = sql(
        api,
        f"{SESSIONS} SELECT count(*), count(*) FILTER (WHERE views = 1 OR (views = 0 AND events = 1)), "
        "quantile_cont(lasted, 0.5) FROM each",
    )
    assert totals["sessions"] == count > 800
    assert totals["bounce_rate"] == pytest.approx(bounces / count, rel=1e-9)
    assert totals["median_duration"] == pytest.approx(lasted / 1000, rel=1e-9)
    ((visitors, views),) = sql(
        api,
        f"WITH {SEEN} SELECT count(DISTINCT person), count(*) FILTER (WHERE event_type = 'page_view') FROM seen",
    )
    assert (totals["visitors"], totals["page_views"]) == (visitors, views)
    assert len(persons(api, "sessions", {})) == visitors
    pages = sql(
        api,
        f"{SESSIONS} SELECT path, count(DISTINCT person), count(*) FROM visits WHERE event_type = 'page_view' "
        "GROUP BY path ORDER BY count(*) DESC",
    )
    shown = answer["tops"]["pages"]
    # A page view of nobody and in no session is one all the same.
    ((stray,),) = sql(
        api,
        f"WITH {SEEN} SELECT count(*) FROM seen "
        "WHERE event_type = 'page_view' AND session_id IS NULL AND person IS NULL",
    )
    assert {page["value"]: page["visitors"] for page in shown} == {path: people for path, people, _ in pages}
    assert sum(page["page_views"] for page in shown) == sum(n for _, _, n in pages) + stray == views


def test_paths(api: Client) -> None:
    answer = report(api, "paths", steps=3, limit=1000)
    links = sql(
        api,
        f"{SESSIONS}, moved AS (SELECT visit, person, event_type AS v, created_at, id, "
        "lag(event_type) OVER (PARTITION BY visit, person ORDER BY created_at, id) AS before "
        "FROM visits WHERE person IS NOT NULL), "
        "places AS (SELECT person, v, row_number() OVER w AS place, lead(v) OVER w AS then_ "
        "FROM moved WHERE v IS DISTINCT FROM before WINDOW w AS (PARTITION BY visit, person ORDER BY created_at, id)) "
        "SELECT place || ':' || v, (place + 1) || ':' || then_, count(DISTINCT person) FROM places "
        "WHERE place < 3 AND then_ IS NOT NULL GROUP BY ALL",
    )
    found = {(link["source"], link["target"]): link["users"] for link in answer["links"]}
    assert found == {(source, target): users for source, target, users in links}
    assert len(found) > 20
    for (source, target), users in list(found.items())[:10]:
        at = {"source": source, "target": target}
        assert len(persons(api, "paths", at, steps=3, limit=1000)) == users


LEAST: dict[str, dict[str, Any]] = {"trend": {"series": [{"event": "@any"}]}, "funnel": {"steps": ["view", "buy"]}}
SET = {"property": "path", "op": "is_set"}
ODD: dict[str, tuple[dict[str, Any], str | None]] = {
    "since after until": ({"since": "2026-03-30"}, "since_after_until"),
    "no such zone": ({"timezone": "Mars/Olympus"}, "unknown_timezone"),
    "the year 9999": ({"until": "9999-12-31"}, "invalid_time"),
    "no pattern": ({"filters": [{**SET, "op": "matches", "value": "("}]}, "invalid_regex"),
    "a pattern that never ends": ({"filters": [{**SET, "op": "matches", "value": "(/*)*$"}]}, None),
    "nobody's property": ({"filters": [{"property": "nobody's", "op": "eq", "value": "\0"}]}, None),
    "half a character": ({"filters": [{"property": "\ud800", "op": "is_set"}]}, ""),
    "5,000 filters": ({"filters": [SET] * 5_000}, "invalid_filter"),
    "no such cohort": ({"cohort": "nobody's"}, "unknown_cohort"),
    "no such field": ({"surprise": 1}, "invalid_report"),
}


@pytest.mark.parametrize("kind", ["trend", "funnel", "retention", "paths", "lifecycle", "stickiness", "sessions"])
@pytest.mark.parametrize("name", ODD)
def test_odd_questions(served: Server, kind: str, name: str) -> None:
    """An answer, or a refusal in the one shape of errors, and soon."""
    odd, code = ODD[name]
    with served.client(limit=30) as api:
        reply = api.post(f"/v1/reports/{kind}", {**RANGE, **LEAST.get(kind, {}), **odd})
    if code is None:
        reply.good()
    else:
        assert code in (reply.error(400, 422), "")
