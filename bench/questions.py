"""Eight reports, and the same question by hand in the SQL of each engine. `{since}` and `{until}` are instants as text.

The answers of the columns "by hand" are what a person who knows the engine would write; where a report says more than
one statement can (a total of distinct users, say), there are several.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Question:
    """`report` lacks its range. Statements by engine, run one after the other."""

    name: str
    kind: str
    report: dict[str, object]
    duckdb: list[str]
    clickhouse: list[str]
    sqlite: list[str] = field(default_factory=list)


DUCK_RANGE = "FROM events WHERE created_at >= TIMESTAMP '{since}' AND created_at < TIMESTAMP '{until}'"
CLICK_RANGE = (
    "FROM events WHERE created_at >= toDateTime64('{since}', 3, 'UTC') "
    "AND created_at < toDateTime64('{until}', 3, 'UTC')"
)
LITE_RANGE = "FROM events WHERE created_at >= '{since}' AND created_at < '{until}'"

# Steps of a funnel: each event is one whole number that orders (created_at, id); 2^24 is more than there are ids.
DUCK_FUNNEL = f"""WITH s AS (
    SELECT user_id AS u, event_type AS t, (epoch_ms(created_at) - epoch_ms(TIMESTAMP '{{since}}')) * 16777216 + id AS k
    {DUCK_RANGE} AND event_type IN ('page_view', 'add_to_cart', 'purchase') AND user_id IS NOT NULL
), b AS (SELECT u, k FROM s WHERE t = 'add_to_cart'), c AS (SELECT u, k FROM s WHERE t = 'purchase'),
two AS (SELECT a.u, a.k AS k1, b.k AS k2 FROM (SELECT u, k FROM s WHERE t = 'page_view') AS a
    ASOF LEFT JOIN b ON a.u = b.u AND a.k < b.k),
three AS (SELECT two.u, k1, CASE WHEN (k2 >> 24) - (k1 >> 24) <= 1209600000 THEN k2 END AS k2,
    CASE WHEN (c.k >> 24) - (k1 >> 24) <= 1209600000 THEN c.k END AS k3
    FROM two ASOF LEFT JOIN c ON two.u = c.u AND two.k2 < c.k),
best AS (SELECT u, arg_min(struct_pack(k1 := k1, k2 := k2, k3 := k3),
    (CASE WHEN k3 IS NOT NULL THEN 0 WHEN k2 IS NOT NULL THEN 1 ELSE 2 END, k1)) AS t FROM three GROUP BY u)
SELECT count(*), count(t.k2), count(t.k3), median((t.k2 >> 24) - (t.k1 >> 24)), median((t.k3 >> 24) - (t.k2 >> 24))
FROM best"""
CLICK_FUNNEL = f"""SELECT countIf(d >= 1), countIf(d >= 2), countIf(d >= 3) FROM (
    SELECT user_id, windowFunnel(1209600000 * 33554432 + 16777215, 'strict_once')(
        toUInt64(toUnixTimestamp64Milli(created_at) - toUnixTimestamp64Milli(toDateTime64('{{since}}', 3, 'UTC')))
            * 33554432 + toUInt64(id),
        event_type = 'page_view', event_type = 'add_to_cart', event_type = 'purchase') AS d
    {CLICK_RANGE} AND event_type IN ('page_view', 'add_to_cart', 'purchase') AND user_id IS NOT NULL
    GROUP BY user_id)"""
LITE_FUNNEL = f"""WITH s AS MATERIALIZED (
    SELECT user_id AS u, event_type AS t, unixepoch(created_at, 'subsec') AS at, id,
        min(CASE event_type WHEN 'add_to_cart' THEN created_at || printf('%012d', id) END) OVER following AS k2,
        min(CASE event_type WHEN 'purchase' THEN created_at || printf('%012d', id) END) OVER following AS k3,
        created_at || printf('%012d', id) AS k
    {LITE_RANGE} AND event_type IN ('page_view', 'add_to_cart', 'purchase') AND user_id IS NOT NULL
    WINDOW following AS (PARTITION BY user_id ORDER BY created_at, id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
)
SELECT count(*), sum(depth >= 2), sum(depth >= 3) FROM (
    SELECT a.u,
        max(1 + (b.at - a.at <= 1209600) + (unixepoch(substr(b.k3, 1, 23), 'subsec') - a.at <= 1209600)) AS depth
    FROM s AS a LEFT JOIN s AS b ON b.u = a.u AND b.k = a.k2 WHERE a.t = 'page_view' GROUP BY a.u)"""

# Of each event whether it is a page view, then its page, and its country: the lists of sessions that have values here.
DUCK_VALUES = (
    "event_type = 'page_view' AS view, variant_extract(props, 'country')::VARCHAR AS c, "
    "CASE WHEN event_type = 'page_view' THEN variant_extract(props, '$pathname')::VARCHAR END AS p"
)
CLICK_VALUES = (
    "event_type = 'page_view' AS view, props.country.:String AS c, "
    "if(event_type = 'page_view', props.`$pathname`.:String, NULL) AS p"
)

QUESTIONS = (
    Question(
        "trend: daily count",
        "trend",
        {"series": [{"event": "@any"}]},
        [f"SELECT date_trunc('day', created_at) AS d, count(*) {DUCK_RANGE} GROUP BY d ORDER BY d"],
        [f"SELECT toStartOfDay(created_at) AS d, count() {CLICK_RANGE} GROUP BY d ORDER BY d"],
        [f"SELECT substr(created_at, 1, 10) AS d, count(*) {LITE_RANGE} GROUP BY d ORDER BY d"],
    ),
    Question(
        "trend: daily uniques",
        "trend",
        {"series": [{"event": "@any", "measure": "users"}]},
        [
            f"SELECT date_trunc('day', created_at) AS d, count(DISTINCT user_id) {DUCK_RANGE} GROUP BY d ORDER BY d",
            f"SELECT count(DISTINCT user_id) {DUCK_RANGE}",
        ],
        [
            f"SELECT toStartOfDay(created_at) AS d, uniqExact(user_id) {CLICK_RANGE} GROUP BY d ORDER BY d",
            f"SELECT uniqExact(user_id) {CLICK_RANGE}",
        ],
        [
            f"SELECT substr(created_at, 1, 10) AS d, count(DISTINCT user_id) {LITE_RANGE} GROUP BY d ORDER BY d",
            f"SELECT count(DISTINCT user_id) {LITE_RANGE}",
        ],
    ),
    Question(
        "trend: breakdown by a property",
        "trend",
        {"series": [{"event": "@any"}], "breakdown": [{"property": "country"}]},
        [
            "SELECT date_trunc('day', created_at) AS d, variant_extract(props, 'country')::VARCHAR AS c, count(*) "
            f"{DUCK_RANGE} GROUP BY ALL ORDER BY ALL"
        ],
        [
            "SELECT toStartOfDay(created_at) AS d, props.country.:String AS c, count() "
            f"{CLICK_RANGE} GROUP BY d, c ORDER BY d, c"
        ],
        [
            "SELECT substr(created_at, 1, 10) AS d, properties ->> '$.country' AS c, count(*) "
            f"{LITE_RANGE} GROUP BY d, c"
        ],
    ),
    Question(
        "funnel: three steps in 14 days",
        "funnel",
        {"steps": ["page_view", "add_to_cart", "purchase"], "window": "14d"},
        [DUCK_FUNNEL],
        [CLICK_FUNNEL],
        [LITE_FUNNEL],
    ),
    Question(
        "retention: weekly",
        "retention",
        {"start": "@any", "return": "@any", "interval": "week", "periods": 5},
        [
            f"WITH w AS (SELECT DISTINCT user_id, date_trunc('week', created_at) AS w {DUCK_RANGE} "
            "AND user_id IS NOT NULL) SELECT a.w, b.w, count(*) FROM w AS a JOIN w AS b "
            "ON a.user_id = b.user_id AND b.w >= a.w GROUP BY ALL ORDER BY ALL"
        ],
        [
            f"WITH w AS (SELECT DISTINCT user_id, toMonday(created_at) AS w {CLICK_RANGE} AND user_id IS NOT NULL) "
            "SELECT a.w, b.w, count() FROM w AS a JOIN w AS b ON a.user_id = b.user_id WHERE b.w >= a.w "
            "GROUP BY a.w, b.w ORDER BY a.w, b.w"
        ],
        [
            "WITH w AS MATERIALIZED (SELECT DISTINCT user_id, "
            f"date(created_at, 'weekday 0', '-6 days') AS w {LITE_RANGE} AND user_id IS NOT NULL) "
            "SELECT a.w, b.w, count(*) FROM w AS a JOIN w AS b ON a.user_id = b.user_id AND b.w >= a.w "
            "GROUP BY a.w, b.w"
        ],
    ),
    Question(
        "lifecycle: daily",
        "lifecycle",
        {"event": "@any"},
        [
            f"WITH d AS (SELECT DISTINCT user_id AS u, created_at::DATE AS d {DUCK_RANGE} AND user_id IS NOT NULL), "
            "x AS (SELECT d, lag(d) OVER w AS p, lead(d) OVER w AS n FROM d WINDOW w AS (PARTITION BY u ORDER BY d)) "
            "SELECT d, count(*) FILTER (WHERE p IS NULL), count(*) FILTER (WHERE p = d - 1), "
            "count(*) FILTER (WHERE p < d - 1), count(*) FILTER (WHERE n IS NULL OR n > d + 1) "
            "FROM x GROUP BY d ORDER BY d"
        ],
        [
            f"WITH d AS (SELECT DISTINCT user_id AS u, toDate(created_at) AS d {CLICK_RANGE} AND user_id IS NOT NULL), "
            "x AS (SELECT d, lagInFrame(toNullable(d)) OVER w AS p, leadInFrame(toNullable(d)) OVER w AS n FROM d "
            "WINDOW w AS (PARTITION BY u ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) "
            "SELECT d, countIf(p IS NULL), countIf(p = d - 1), countIf(p < d - 1), "
            "countIf(n IS NULL OR n > d + 1) FROM x GROUP BY d ORDER BY d"
        ],
        [
            f"WITH d AS (SELECT DISTINCT user_id AS u, date(created_at) AS d {LITE_RANGE} AND user_id IS NOT NULL), "
            "x AS (SELECT d, lag(d) OVER w AS p, lead(d) OVER w AS n FROM d WINDOW w AS (PARTITION BY u ORDER BY d)) "
            "SELECT d, sum(p IS NULL), sum(p = date(d, '-1 day')), sum(p < date(d, '-1 day')), "
            "sum(n IS NULL OR n > date(d, '+1 day')) FROM x GROUP BY d"
        ],
    ),
    Question(
        "stickiness: daily",
        "stickiness",
        {"event": "@any"},
        [
            "SELECT n, count(*) FROM (SELECT count(DISTINCT created_at::DATE) AS n "
            f"{DUCK_RANGE} AND user_id IS NOT NULL GROUP BY user_id) GROUP BY n ORDER BY n"
        ],
        [
            "SELECT n, count() FROM (SELECT uniqExact(toDate(created_at)) AS n "
            f"{CLICK_RANGE} AND user_id IS NOT NULL GROUP BY user_id) GROUP BY n ORDER BY n"
        ],
        [
            "SELECT n, count(*) FROM (SELECT count(DISTINCT date(created_at)) AS n "
            f"{LITE_RANGE} AND user_id IS NOT NULL GROUP BY user_id) GROUP BY n"
        ],
    ),
    Question(
        "sessions: visits, pages, entries, exits, countries",
        "sessions",
        {},
        [
            "WITH s AS (SELECT session_id, count(*) AS e, count(*) FILTER (WHERE event_type = 'page_view') AS v, "
            f"max(created_at) - min(created_at) AS d {DUCK_RANGE} GROUP BY session_id) "
            "SELECT count(*), sum(v), count(*) FILTER (WHERE v = 1 OR (v = 0 AND e = 1)), median(epoch_ms(d)) FROM s",
            f"SELECT count(DISTINCT user_id) {DUCK_RANGE}",
            "SELECT created_at::DATE AS d, count(DISTINCT user_id), count(DISTINCT session_id), "
            f"count(*) FILTER (WHERE event_type = 'page_view') {DUCK_RANGE} GROUP BY d",
            f"WITH p AS (SELECT user_id AS u, session_id AS s, created_at AS t, id, {DUCK_VALUES} {DUCK_RANGE}), "
            "s AS (SELECT s, any_value(u) AS u, arg_min(p, (t, id)) AS a, arg_max(p, (t, id)) AS z, "
            "arg_min(c, (t, id)) AS c FROM p GROUP BY s), "
            "listed AS (SELECT 'pages' AS l, p, count(*) AS n, count(DISTINCT u) AS v FROM p WHERE view GROUP BY p "
            "UNION ALL SELECT 'entry', a, count(*), count(DISTINCT u) FROM s GROUP BY a "
            "UNION ALL SELECT 'exit', z, count(*), count(DISTINCT u) FROM s GROUP BY z "
            "UNION ALL SELECT 'country', c, count(*), count(DISTINCT u) FROM s GROUP BY c) "
            "SELECT * FROM listed QUALIFY row_number() OVER (PARTITION BY l ORDER BY n DESC) <= 10",
        ],
        [
            "WITH s AS (SELECT session_id, count() AS e, countIf(event_type = 'page_view') AS v, "
            f"dateDiff('ms', min(created_at), max(created_at)) AS d {CLICK_RANGE} GROUP BY session_id) "
            "SELECT count(), sum(v), countIf(v = 1 OR (v = 0 AND e = 1)), quantileExactInclusive(0.5)(d) FROM s",
            f"SELECT uniqExact(user_id) {CLICK_RANGE}",
            "SELECT toDate(created_at) AS d, uniqExact(user_id), uniqExact(session_id), "
            f"countIf(event_type = 'page_view') {CLICK_RANGE} GROUP BY d",
            f"WITH p AS (SELECT user_id AS u, session_id AS s, created_at AS t, id, {CLICK_VALUES} {CLICK_RANGE}), "
            "s AS MATERIALIZED (SELECT s, any(u) AS u, argMin(p, (t, id)) AS a, argMax(p, (t, id)) AS z, "
            "argMin(c, (t, id)) AS c FROM p GROUP BY s), "
            "listed AS (SELECT 'pages' AS l, p, count() AS n, uniqExact(u) AS v FROM p WHERE view GROUP BY p "
            "UNION ALL SELECT 'entry', a, count(), uniqExact(u) FROM s GROUP BY a "
            "UNION ALL SELECT 'exit', z, count(), uniqExact(u) FROM s GROUP BY z "
            "UNION ALL SELECT 'country', c, count(), uniqExact(u) FROM s GROUP BY c) "
            "SELECT * FROM listed QUALIFY row_number() OVER (PARTITION BY l ORDER BY n DESC) <= 10",
        ],
        [
            "WITH s AS (SELECT session_id, count(*) AS e, sum(event_type = 'page_view') AS v, "
            f"min(created_at) AS a, max(created_at) AS z {LITE_RANGE} GROUP BY session_id) "
            "SELECT count(*), sum(v), sum(v = 1 OR (v = 0 AND e = 1)) FROM s",
            f"SELECT count(DISTINCT user_id) {LITE_RANGE}",
            "SELECT substr(created_at, 1, 10) AS d, count(DISTINCT user_id), count(DISTINCT session_id), "
            f"sum(event_type = 'page_view') {LITE_RANGE} GROUP BY d",
            "SELECT properties ->> '$.\"$pathname\"' AS p, count(*) AS n, count(DISTINCT user_id) "
            f"{LITE_RANGE} AND event_type = 'page_view' GROUP BY p ORDER BY n DESC LIMIT 10",
        ],
    ),
)
