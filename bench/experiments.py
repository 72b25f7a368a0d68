"""An experiment's whole results over millions of events: a reply with ten metrics, beside other tools on the same data.

python -m bench.experiments [--users N] [--events N] [--folder DIR]

The others begin with a table of a row a user, made by hand in DuckDB's SQL over the same columns: tea-tasting on that
table, gbstats on sums that pandas takes of it (by the Python that EVENSPLIT_BENCH_GBSTATS names; it needs an old
pandas). Neither does quantiles or funnels from such a table; the funnel is a column of it.
"""

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from bench.reports import told
from bench.table import Line, bound, markdown
from evensplit.experiments.analyze import analyze
from evensplit.experiments.question import Question
from evensplit.model.experiment import read_new
from evensplit.storage.catalog import Catalog
from evensplit.storage.embedded.preparation import RECORD, Preparation
from evensplit.storage.embedded.store import COPY, EmbeddedStore, Options

REPEATS = 5
MEMORY = "25%"
PROMISED = 2.0  # seconds
PART = 500_000  # rows of one transaction
SUM = {"event": "purchase", "aggregate": "sum", "property": "amount"}
METRICS: list[dict[str, Any]] = [
    {"name": "bought", "kind": "proportion", "event": "purchase"},
    {"name": "added", "kind": "proportion", "event": "add_to_cart", "window_hours": 168},
    {"name": "clicked", "kind": "proportion", "event": "click", "covariate_days": 4},
    {"name": "revenue", "kind": "mean", **SUM, "cap": {"upper_quantile": 0.999}, "covariate_days": 4},
    {"name": "views", "kind": "mean", "event": "page_view", "covariate_days": 4},
    {"name": "items", "kind": "mean", "event": "add_to_cart", "aggregate": "sum", "property": "items"},
    {"name": "order", "kind": "ratio", "numerator": SUM, "denominator": {"event": "purchase"}},
    {"name": "week2", "kind": "retention", "event": "page_view", "from_days": 7, "to_days": 14},
    {"name": "ms", "kind": "quantile", "event": "load", "property": "ms", "q": 0.9},
    {"name": "path", "kind": "funnel", "steps": ["page_view", "add_to_cart", "purchase"]},
]

# An experiment over four weeks: users come in its first two, events begin four days before it.
_ASSIGN = """INSERT INTO ab_assignments (user_id, test_id, variant_id, assigned_at)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
SELECT 'user-' || i, 1, 1 + (i * 7919) % 2,
    strftime('%Y-%m-%d %H:%M:%f', '2026-10-05', '+' || (i * 1209.6 / ?1 * 1000) || ' seconds') FROM n"""
# Without MATERIALIZED every mention of `kind` would throw the dice anew.
_EVENTS = """INSERT INTO events (event_type, user_id, session_id, properties, created_at)
WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2),
dice(i, user, kind, amount) AS MATERIALIZED (
    SELECT i, (abs(random()) % ?4) * (abs(random()) % 1000) / 1000, abs(random()) % 20, abs(random()) % 10000 FROM n
)
SELECT CASE WHEN kind < 11 THEN 'page_view' WHEN kind < 16 THEN 'click' WHEN kind < 18 THEN 'add_to_cart'
        WHEN kind < 19 THEN 'purchase' ELSE 'load' END,
    'user-' || user, 's' || user || '-' || i * 30 / ?3,
    printf('{"country":"%s","plan":"%s","amount":%d.%02d,"items":%d,"ms":%d}',
        substr('DEFRNZUSBRINJPKE', user % 8 * 2 + 1, 2), substr('freepro team', user % 3 * 4 + 1, 4),
        amount / 100, amount % 100, amount % 7 + 1, amount * amount / 20000),
    strftime('%Y-%m-%d %H:%M:%f', '2026-10-01', '+' || (i * 2592.0 / ?3 * 1000) || ' seconds')
FROM dice"""

# A row a user, as somebody who knows DuckDB would write it; the funnel by the first event of each step.
_PER_USER = """CREATE OR REPLACE TEMP TABLE per_user AS WITH h AS (
    SELECT a.user_id AS u, e.event_type AS t, e.created_at AS seen, a.assigned_at AS since,
        CASE WHEN e.event_type = 'purchase' THEN variant_extract(props, 'amount')::DOUBLE END AS amount,
        CASE WHEN e.event_type = 'add_to_cart' THEN variant_extract(props, 'items')::DOUBLE END AS items
    FROM c.events e JOIN c.ab_assignments a ON a.user_id = e.user_id
    WHERE a.test_id = 1 AND e.created_at >= a.assigned_at - INTERVAL 4 DAY
), p AS (
    SELECT u, max((t = 'purchase' AND seen >= since)::INTEGER) AS bought,
        max((t = 'add_to_cart' AND seen >= since AND seen < since + INTERVAL 7 DAY)::INTEGER) AS added,
        max((t = 'click' AND seen >= since)::INTEGER) AS clicked,
        max((t = 'click' AND seen < since)::INTEGER) AS clicked_before,
        sum(amount) FILTER (seen >= since) AS revenue, sum(amount) FILTER (seen < since) AS revenue_before,
        count(*) FILTER (t = 'page_view' AND seen >= since) AS views,
        count(*) FILTER (t = 'page_view' AND seen < since) AS views_before,
        sum(items) FILTER (seen >= since) AS items, count(*) FILTER (t = 'purchase' AND seen >= since) AS orders,
        max((t = 'page_view' AND seen >= since + INTERVAL 7 DAY AND seen < since + INTERVAL 14 DAY)::INTEGER) AS week2,
        min(seen) FILTER (t = 'page_view' AND seen >= since) AS first_view
    FROM h GROUP BY u
), second AS (
    SELECT h.u, min(seen) AS seen FROM h JOIN p ON p.u = h.u WHERE t = 'add_to_cart' AND seen > first_view GROUP BY h.u
), third AS (SELECT DISTINCT h.u FROM h JOIN second s ON s.u = h.u WHERE t = 'purchase' AND h.seen > s.seen)
SELECT a.variant_id AS variant, coalesce(bought, 0) AS bought, coalesce(added, 0) AS added,
    coalesce(clicked, 0) AS clicked, coalesce(clicked_before, 0) AS clicked_before, coalesce(revenue, 0) AS revenue,
    coalesce(revenue_before, 0) AS revenue_before, coalesce(views, 0) AS views,
    coalesce(views_before, 0) AS views_before, coalesce(items, 0) AS items, coalesce(orders, 0) AS orders,
    coalesce(week2, 0) AS week2,
    (third.u IS NOT NULL)::INTEGER AS path
FROM c.ab_assignments a LEFT JOIN p ON p.u = a.user_id LEFT JOIN third ON third.u = a.user_id WHERE a.test_id = 1"""

_GBSTATS = """
import json, sys, time
import numpy as np, pandas as pd
from gbstats.frequentist.tests import TwoSidedTTest
from gbstats.models.statistics import (
    ProportionStatistic, RatioStatistic, RegressionAdjustedStatistic, SampleMeanStatistic)
table = pd.DataFrame(dict(np.load(sys.argv[1])))
began = time.perf_counter()
table["capped"] = table.revenue.clip(upper=table.revenue.quantile(0.999))
sides = [table[table.variant == v] for v in (1, 2)]
def mean(x, share=False):
    return ProportionStatistic(len(x), x.sum()) if share else SampleMeanStatistic(len(x), x.sum(), (x * x).sum())
def beside(s, post, pre, share=False):
    return RegressionAdjustedStatistic(len(s), mean(s[post], share), mean(s[pre], share), (s[post] * s[pre]).sum(), 0)
def ratio(s):
    return RatioStatistic(len(s), mean(s.revenue), mean(s.orders), (s.revenue * s.orders).sum())
asked = [lambda s, n=n: mean(s[n], True) for n in ("bought", "added", "week2", "path")]
asked += [lambda s: beside(s, "clicked", "clicked_before", True), lambda s: beside(s, "capped", "revenue_before"),
    lambda s: beside(s, "views", "views_before"), lambda s: mean(s["items"]), ratio]
for make in asked:
    TwoSidedTTest(*(make(s) for s in sides)).compute_result()
print(json.dumps(time.perf_counter() - began))
"""


def fill(folder: Path, users: int, events: int) -> None:
    """A record as if all of it had been captured."""
    preparation = Preparation(folder, "bench")
    preparation.finish()
    with closing(sqlite3.connect(folder / RECORD, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous = OFF")
        con.execute("INSERT INTO ab_tests (id, test_name) VALUES (1, 'bench')")
        con.execute("INSERT INTO ab_variants (test_id, variant_name, weight) VALUES (1, 'control', 1), (1, 'new', 1)")
        con.execute(_ASSIGN, [users])
        for start in range(0, events, PART):
            con.execute(_EVENTS, [start, min(start + PART, events), events, users])
    preparation.lock.release()


async def ours(folder: Path) -> tuple[float, list[float]]:
    """Seconds of the first whole reply, when nothing is known of the properties yet, and of those after it."""
    store = await EmbeddedStore.open(Options(folder, "bench", memory=MEMORY, follow=False))
    try:
        await store.fresh()
        catalog = Catalog(store)
        body = {"name": "bench", "variants": [{"name": "control"}, {"name": "new"}], "metrics": METRICS}
        experiment = await catalog.measure("bench", read_new(json.dumps(body).encode()).metrics)
        seconds = []
        for turn in range(REPEATS + 1):
            began = time.perf_counter()
            await analyze(store, experiment, catalog.weights(experiment), Question())
            seconds.append(time.perf_counter() - began)
            told(f"ours, turn {turn}: {seconds[-1]:.2f} s")
        return seconds[0], seconds[1:]
    finally:
        await store.close()


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def others(folder: Path) -> dict[str, float]:
    """Seconds of making the table, and of each tool on it: medians."""
    import tea_tasting as tt

    metrics: dict[str, Any] = {name: tt.Mean(name) for name in ("bought", "added", "items", "week2", "path")}
    metrics |= {name: tt.Mean(name, f"{name}_before") for name in ("clicked", "revenue", "views")}
    experiment = tt.Experiment({**metrics, "order": tt.RatioOfMeans("revenue", "orders")}, variant="variant")
    with closing(duckdb.connect()) as con, tempfile.TemporaryDirectory() as name:
        con.execute(f"ATTACH '{folder / COPY}' AS c (READ_ONLY)")
        found = {"making the table": statistics.median(timed(lambda: con.execute(_PER_USER)) for _ in range(3))}
        table = con.sql("SELECT * FROM per_user").to_arrow_table()
        found["tea-tasting"] = statistics.median(timed(lambda: experiment.analyze(table)) for _ in range(REPEATS))
        python = os.environ.get("EVENSPLIT_BENCH_GBSTATS")
        if python:
            kept = Path(name) / "table.npz"
            columns: dict[str, Any] = con.execute("SELECT * FROM per_user").fetchnumpy()
            np.savez(kept, **columns)
            words = [python, "-c", _GBSTATS, str(kept)]
            runs = [float(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout) for _ in range(3)]
            found["gbstats"] = statistics.median(runs)
    return found


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.experiments", description=__doc__)
    options.add_argument("--users", type=int, default=1_000_000)
    options.add_argument("--events", type=int, default=10_000_000)
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="evensplit-bench-") as name:
        folder = chosen.folder or Path(name)
        if not (folder / RECORD).exists():
            told("filling")
            fill(folder, chosen.users, chosen.events)
        first, seconds = asyncio.run(ours(folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        theirs = others(folder)
    made = theirs.pop("making the table")
    lines = [
        bound("ten metrics, one reply", statistics.median(seconds), "s", PROMISED, f"best {min(seconds):.2f} s"),
        Line("the first one, which looks at what kinds of values there are", first, "s"),
        Line("peak memory of the process", peak, "MiB"),
        Line("a table of a row a user by hand, without quantiles", made, "s"),
        *(Line(f"{tool} on that table (nine metrics)", spent, "s") for tool, spent in theirs.items()),
    ]
    print(f"{chosen.users:,} users, {chosen.events:,} events\n\n{markdown(lines)}")


if __name__ == "__main__":
    main()
