"""Files in and out through the command line, held against counts over the file itself."""

import csv
import gzip
import io
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from tests.system import record
from tests.system.server import SECRET_KEY, Server, run_command

START = datetime(2026, 4, 1, tzinfo=UTC)
PATHS = ["/", "/pricing", "/a,b", '/say "hi"', "/ünïcödé", "/two\nlines", "=cmd()"]
RANGE = {"since": "2026-04-01", "until": "2026-04-03"}


def requests_log(count: int) -> list[dict[str, Any]]:
    """Lines of an access log: host, method, time, and what became of it."""
    dice = random.Random(11)
    return [
        {
            "host": f"host{dice.randrange(150)}",
            "time": round((START + timedelta(seconds=dice.randrange(3 * 86400))).timestamp()),
            "method": dice.choice(["GET", "GET", "GET", "POST", "HEAD"]),
            "url": dice.choice(PATHS),
            "response": dice.choice([200, 200, 304, 404, 500]),
            "bytes": dice.choice([dice.randrange(100_000), None]),
        }
        for _ in range(count)
    ]


LOG = requests_log(4000)
MAPPING = "event_type=method,user_id=host,timestamp=time"


def delimited(separator: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(LOG[0]), delimiter=separator)
    writer.writeheader()
    writer.writerows(LOG)
    return text.getvalue().encode()


def ndjson() -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in LOG)


def parquet(path: Path) -> None:
    lines = path.with_suffix(".source.ndjson")
    lines.write_bytes(ndjson())
    duckdb.sql(f"COPY (FROM read_json('{lines}')) TO '{path}' (FORMAT parquet)")


FILES: dict[str, bytes] = {
    "log.csv": delimited(","),
    "log.tsv": delimited("\t"),
    "log.ndjson": ndjson(),
    "log.csv.gz": gzip.compress(delimited(",")),
    "log.ndjson.gz": gzip.compress(ndjson()),
    "log.ndjson.zst": zstandard.ZstdCompressor().compress(ndjson()),
    "log.tsv.zst": zstandard.ZstdCompressor().compress(delimited("\t")),
}


def import_into(server: Server, path: Path, *more: str) -> str:
    done = run_command("import", str(path), "--data", str(server.data), *more)
    assert done.returncode == 0, done
    return done.stdout + done.stderr


def log_equals_reports(server: Server) -> None:
    """Requests by hour, unique hosts, and a breakdown, against counts over the lines."""
    hours: Counter[str] = Counter()
    hosts: defaultdict[str, set[str]] = defaultdict(set)
    codes: Counter[str] = Counter()
    volume = 0
    for line in LOG:
        when = datetime.fromtimestamp(line["time"], UTC)
        hosts[when.date().isoformat()].add(line["host"])
        if line["method"] == "GET":
            hours[when.strftime("%Y-%m-%d %H")] += 1
            codes[str(line["response"])] += 1
            volume += line["bytes"] or 0
    with server.client() as api:
        get = {"event": "GET", "measure": "count"}
        by_hour = api.trend([get], interval="hour", **RANGE)
        assert len(by_hour["buckets"]) == 72
        expected = [hours[(START + timedelta(hours=n)).strftime("%Y-%m-%d %H")] for n in range(72)]
        assert by_hour["series"][0]["values"] == expected
        unique = api.trend([{"event": "@any", "measure": "users"}], **RANGE)["series"][0]
        assert unique["values"] == [len(hosts[day]) for day in sorted(hosts)]
        assert unique["total"] == len({line["host"] for line in LOG})
        by_code = api.trend([get], breakdown=[{"property": "response", "limit": 10}], **RANGE)["series"]
        assert {s["breakdown"][0]: s["total"] for s in by_code} == codes
        size = api.trend([{"event": "GET", "measure": "sum", "property": "bytes"}], **RANGE)["series"][0]
        assert size["total"] == volume
        any_ = {"event": "@any", "measure": "count"}
        by_url = api.trend([any_], breakdown=[{"property": "url", "limit": 20}], **RANGE)["series"]
        assert {s["breakdown"][0]: s["total"] for s in by_url} == Counter(line["url"] for line in LOG)


@pytest.mark.parametrize("name", [*FILES, "log.parquet"])
def test_imported_files_equal_their_counts(new_server: Callable[..., Server], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name in FILES:
        path.write_bytes(FILES[name])
    else:
        parquet(path)
    server = new_server()
    said = import_into(server, path, "--map", MAPPING)
    assert "4000" in said.replace(",", "").replace(" ", ""), said
    assert record.read(server.record, "SELECT count(*) FROM events") == [(4000,)]
    server.start()
    log_equals_reports(server)


def test_a_suffix_that_says_nothing(new_server: Callable[..., Server], tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(gzip.compress(ndjson()))
    server = new_server()
    import_into(server, path, "--format", "ndjson", "--map", MAPPING)
    assert record.read(server.record, "SELECT count(*) FROM events") == [(4000,)]


def own_events(count: int) -> list[dict[str, Any]]:
    return [
        {
            "event_type": f"type{n % 3}",
            "user_id": f"u{n % 50}",
            "timestamp": (START + timedelta(seconds=n)).isoformat(),
            "message_id": f"file-{n}",
            "properties": {"n": f"file-{n}", "v": n / 8, "k": "=1+1" if n % 2 else "a"},
        }
        for n in range(count)
    ]


def test_the_same_file_twice_adds_nothing(new_server: Callable[..., Server], tmp_path: Path) -> None:
    lines = [json.dumps(e) for e in own_events(3000)]
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(lines[:2000]) + "\n")
    server = new_server()
    import_into(server, path)
    path.write_text("\n".join(lines) + "\n")  # interrupted before its end, then run again whole
    for _ in range(2):
        import_into(server, path)
        found = record.stored(server.record)
        assert len(found) == 3000 and set(found.values()) == {1}
    server.start()
    assert record.report_equals_record(server) == 3000


def test_bad_lines_are_counted_and_named(new_server: Callable[..., Server], tmp_path: Path) -> None:
    lines = [json.dumps(e) for e in own_events(100)]
    lines[10] = "{"
    lines[20] = '{"user_id": "no type"}'
    lines[30] = '{"event_type": "x", "timestamp": "never"}'
    lines[40] = '{"event_type": "x", "properties": {"a": 1e400}}'
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(lines) + "\n")
    server = new_server()
    said = import_into(server, path)
    for reason in ("invalid_json", "missing_event_type", "invalid_timestamp", "invalid_number"):
        assert reason in said, said
    assert "96" in said and "4" in said
    assert len(record.stored(server.record)) == 96
    server.start()
    with server.client() as api:
        assert "never" in json.dumps(api.get("/v1/rejects?reason=invalid_timestamp").good())


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_export_and_import_again(new_server: Callable[..., Server], tmp_path: Path, form: str) -> None:
    first, second = new_server("first"), new_server("second")
    source = tmp_path / "source.ndjson"
    events = own_events(1000)
    del events[5]["user_id"]
    events[6]["properties"] = {}
    source.write_text("".join(json.dumps(e) + "\n" for e in events))
    import_into(first, source)
    path = tmp_path / f"out.{form}"
    done = run_command("export", str(path), "--data", str(first.data), "--format", form)
    assert done.returncode == 0, done
    import_into(second, path)
    sql = (
        "SELECT event_type, user_id, session_id, created_at, json_extract(properties, '$.n'),"
        " json_extract(properties, '$.v'), ltrim(json_extract(properties, '$.k'), '''')"
        " FROM events ORDER BY created_at, id"
    )
    assert record.read(second.record, sql) == record.read(first.record, sql)
    second.start()
    assert record.report_equals_record(second) == 1000
    if form == "csv":
        cells = [cell for row in csv.reader(path.open(newline="")) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


def test_import_over_http(new_server: Callable[..., Server], tmp_path: Path) -> None:
    """A directory that a server owns is reached through the server."""
    server = new_server().start()
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(e) + "\n" for e in own_events(2500)))
    where = ["--url", f"http://127.0.0.1:{server.port}", "--key", SECRET_KEY]
    for _ in range(2):
        done = run_command("import", str(path), *where)
        assert done.returncode == 0, done
    assert record.report_equals_record(server) == 2500
    out = tmp_path / "out.ndjson"
    done = run_command("export", str(out), *where)
    assert done.returncode == 0, done
    assert len(out.read_text().splitlines()) == 2500


# --- an experiment that ran elsewhere ------------------------------------------------------------


def players(count: int) -> list[dict[str, Any]]:
    dice = random.Random(5)
    table = []
    for n in range(count):
        gate = dice.choice(["gate_30", "gate_40"])
        stays = dice.random() < (0.20 if gate == "gate_30" else 0.17)
        rounds = int(dice.lognormvariate(3 if gate == "gate_30" else 3.1, 1.2))
        table.append({"player": f"p{n}", "gate": gate, "stays": stays, "rounds": rounds})
    return table


PLAYERS = players(8000)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The results of an experiment loaded from a CSV file."""
    folder = tmp_path_factory.mktemp("loaded")
    path = folder / "players.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["player", "gate", "stays", "rounds"])
        writer.writeheader()
        writer.writerows(PLAYERS)
    server = Server(folder / "data")
    columns = ["--user", "player", "--variant", "gate", "--metric", "stays", "--metric", "rounds"]
    done = run_command("experiment", "load", "gates", str(path), *columns, "--data", str(server.data))
    assert done.returncode == 0, done
    shown = run_command("experiment", "results", "gates", "--data", str(server.data))
    assert shown.returncode == 0 and "gate_40" in shown.stdout, shown
    server.start()
    try:
        with server.client() as api:
            yield api.get("/v1/experiments/gates/results").good()
    finally:
        server.close()


def group(gate: str, metric: str) -> list[float]:
    return [float(p[metric]) for p in PLAYERS if p["gate"] == gate]


def test_loaded_users_and_srm(loaded: Any) -> None:
    sizes = {gate: len(group(gate, "stays")) for gate in ("gate_30", "gate_40")}
    assert loaded["users"] == sizes
    expected = stats.chisquare(list(sizes.values()))
    assert loaded["srm"]["chi2"] == pytest.approx(expected.statistic, rel=1e-9)
    assert loaded["srm"]["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert loaded["srm"]["verdict"] == "ok"
    assert loaded["srm"]["expected"] == {"gate_30": 4000, "gate_40": 4000}


def test_a_loaded_proportion_equals_statsmodels(loaded: Any) -> None:
    (metric,) = (m for m in loaded["metrics"] if m["metric"] == "stays")
    control, other = group("gate_30", "stays"), group("gate_40", "stays")
    (comparison,) = metric["comparisons"]
    assert (comparison["variant"], comparison["versus"]) == ("gate_40", "gate_30")
    z, p = proportions_ztest([sum(other), sum(control)], [len(other), len(control)])
    low, high = confint_proportions_2indep(
        sum(other), len(other), sum(control), len(control), method="wald", compare="diff"
    )
    assert comparison["p_value"] == pytest.approx(p, rel=1e-9)
    assert abs(comparison["statistic"]) == pytest.approx(abs(z), rel=1e-9)
    difference = comparison["difference"]
    assert difference["estimate"] == pytest.approx(sum(other) / len(other) - sum(control) / len(control), rel=1e-9)
    assert (difference["lower"], difference["upper"]) == pytest.approx((low, high), rel=1e-9)
    lift = comparison["lift"]["estimate"]
    assert lift == pytest.approx(difference["estimate"] / (sum(control) / len(control)), rel=1e-9)


def test_a_loaded_mean_equals_scipy(loaded: Any) -> None:
    (metric,) = (m for m in loaded["metrics"] if m["metric"] == "rounds")
    control, other = group("gate_30", "rounds"), group("gate_40", "rounds")
    assert metric["unit"] == "user"
    (comparison,) = metric["comparisons"]
    expected = stats.ttest_ind(other, control, equal_var=False)
    assert comparison["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert comparison["statistic"] == pytest.approx(expected.statistic, rel=1e-9)
    assert comparison["degrees_of_freedom"] == pytest.approx(expected.df, rel=1e-9)
    interval = expected.confidence_interval(0.95)
    difference = comparison["difference"]
    assert (difference["lower"], difference["upper"]) == pytest.approx((interval.low, interval.high), rel=1e-9)
    for shown, values in zip(metric["variants"], (control, other), strict=True):
        assert shown["n"] == len(values)
        assert shown["sum"] == sum(values)
        assert shown["mean"] == pytest.approx(sum(values) / len(values), rel=1e-12)
        assert shown["variance"] == pytest.approx(stats.tvar(values), rel=1e-9)
