"""Evensplit in a notebook: every kind of report as a method, as rows, as an Arrow table and as a figure."""

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import evensplit
from evensplit import charts
from evensplit.api.flat import flattener
from evensplit.errors import DirectoryOwned, EvensplitError, Invalid
from evensplit.model.event import Batch
from evensplit.notebook import Notebook, Refused, Result
from evensplit.query.run.kinds import KINDS

SINCE, UNTIL = "2026-11-01", "2026-11-10"
STEPS = ("view", "sign up", "buy")
REPORTS: dict[str, list[dict[str, Any]]] = {
    "trend": [
        {"series": [{"event": "view"}, {"event": "buy", "measure": "avg", "property": "price"}]},
        {"series": [{"event": "view"}], "breakdown": [{"property": "country"}], "compare": "previous"},
    ],
    "funnel": [
        {"steps": STEPS},
        {"steps": STEPS, "breakdown": [{"property": "country"}]},
        {"steps": STEPS, "view": "trend"},
        {"steps": STEPS, "view": "trend", "breakdown": [{"property": "country"}]},
        {"steps": STEPS, "view": "time_to_convert", "bins": 5},
        {"steps": STEPS, "view": "time_to_convert", "bins": 5, "breakdown": [{"property": "country"}]},
    ],
    "retention": [
        {"start": "view", "return_": "buy", "periods": 4},
        {"start": "view", "return": "view", "periods": 4, "breakdown": [{"property": "country"}]},
    ],
    "paths": [{"steps": 3}, {"start": "view", "limit": 2}],
    "lifecycle": [{"event": "view"}],
    "stickiness": [{"event": "view"}],
    "sessions": [{"page_view": "view"}],
}
ASKED = [(kind, report) for kind, reports in REPORTS.items() for report in reports]


@pytest.fixture(scope="module")
def es(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    directory = tmp_path_factory.mktemp("notebook") / "data"
    with evensplit.open(str(directory)) as opened:
        fill(opened)
        yield opened


def fill(es: Notebook) -> None:
    """Twelve people who view on some days, and some of whom go on."""
    values: list[Any] = []
    for user in range(12):
        country = f'{{"country": "{("DE", "<b>FR</b>", "=IT")[user % 3]}", "price": {user}.5}}'
        for day in range(1 + user % 4, 10, 1 + user % 3):
            for n, step in enumerate(STEPS[: 1 + user % 3]):
                values += [step, f"user {user}", f"s{user}/{day}", country, f"2026-11-{day:02d} 10:0{n}:00.000"]
    es._asker._done(_appended(es, Batch(values=values)))  # type: ignore[attr-defined]


async def _appended(es: Notebook, batch: Batch) -> None:
    services = es._asker._client._transport.app.state.services  # type: ignore[attr-defined]
    await services.store.append(batch)


def ask(es: Notebook, kind: str, report: dict[str, Any]) -> Result:
    method: Callable[..., Result] = getattr(es, kind)
    return method(**{"since": SINCE, "until": UNTIL, **report})


def test_there_is_a_method_for_every_kind() -> None:
    assert set(REPORTS) == {kind.name for kind in KINDS}
    for kind in KINDS:
        method = getattr(Notebook, kind.name)
        assert kind.summary in (method.__doc__ or "")
        names = {name.removesuffix("_") for name in inspect.signature(method).parameters} - {"self"}
        assert names == {field.encode_name for field in msgspec.structs.fields(kind.report)}


@pytest.mark.parametrize(("kind", "report"), ASKED)
def test_a_report_as_rows_table_and_figure(es: Notebook, kind: str, report: dict[str, Any]) -> None:
    result = ask(es, kind, report)
    rows = result.to_dicts()
    assert rows, "the events were made so that every report has something to say"
    table = result.arrow()
    assert table.num_rows == len(rows) and table.column_names == list(rows[0])
    for name, column in zip(table.column_names, table.columns, strict=True):
        given = [row[name] for row in rows]
        if str(column.type) in ("int64", "double", "bool"):
            assert column.to_pylist() == pytest.approx(given, nan_ok=False)
    figure = result.figure()
    drawn = msgspec.json.decode(figure.to_json())
    assert drawn["data"], "nothing was drawn"
    page = result._repr_html_()
    assert "<b>FR" not in page and page.count("<tr>") == min(len(rows), 50) + 1
    assert type(result.answer).__name__ in repr(result)


def test_every_answer_has_a_table_and_a_chart() -> None:
    for kind in KINDS:
        assert flattener(kind.answer) is not None, kind.name
        assert kind.answer in charts._CHARTS, kind.name


def test_the_figures_show_the_numbers(es: Notebook) -> None:
    def data(kind: str, **report: Any) -> tuple[list[dict[str, Any]], Any]:
        result = ask(es, kind, report)
        return [trace.to_plotly_json() for trace in result.figure().data], result.answer

    (line, *_), trend = data("trend", series=[{"event": "view"}])
    assert (line["type"], list(line["x"]), list(line["y"])) == ("scatter", trend.buckets, trend.series[0].values)
    (bars,), funnel = data("funnel", steps=STEPS)
    assert list(bars["y"]) == [step.users for step in funnel.steps] == [12, 8, 4]
    assert [label.partition(". ")[2] for label in bars["x"]] == list(STEPS)
    (heat,), retention = data("retention", start="view", periods=3)
    assert [list(row) for row in heat["z"]] == [cohort.rates for cohort in retention.cohorts]
    assert len(set(heat["y"])) == len(retention.cohorts)
    states, lifecycle = data("lifecycle", event="view")
    assert {trace["name"]: list(trace["y"]) for trace in states} == {
        "new": lifecycle.new,
        "returning": lifecycle.returning,
        "resurrecting": lifecycle.resurrecting,
        "dormant": [-users for users in lifecycle.dormant],
    }
    (sankey,), paths = data("paths", steps=3)
    link, labels = sankey["link"], sankey["node"]["label"]
    drawn = {(labels[s], labels[t], n) for s, t, n in zip(link["source"], link["target"], link["value"], strict=True)}
    assert drawn == {
        (each.source.replace(":", ". ", 1), each.target.replace(":", ". ", 1), each.users) for each in paths.links
    }
    (sticky,), stickiness = data("stickiness", event="view")
    assert list(sticky["x"]) == [bar.intervals for bar in stickiness.histogram]


def test_persons_sql_and_saved(es: Notebook) -> None:
    report = {"steps": STEPS, "since": SINCE, "until": UNTIL}
    persons = es.persons("funnel", report, {"step": 3})
    assert [row["id"] for row in persons.to_dicts()] == ["user 11", "user 2", "user 5", "user 8"]
    assert persons.answer.count == 4  # type: ignore[attr-defined]
    assert len(es.persons("funnel", report, {"step": 3}, limit=3).to_dicts()) == 3
    found = es.sql("SELECT event_type, count(DISTINCT user_id) AS users FROM events GROUP BY 1 HAVING users > ?", 4)
    assert sorted(row["users"] for row in found.to_dicts()) == [8, 12]
    for result in (persons, found):
        with pytest.raises(Invalid, match="no chart"):
            result.figure()
    es._asker.post("/v1/saved", msgspec.json.encode({"name": "my funnel", "kind": "funnel", "report": report}))
    assert es.saved("my funnel").to_dicts() == ask(es, "funnel", {"steps": STEPS}).to_dicts()


def test_a_report_may_be_given_as_one_mapping(es: Notebook) -> None:
    report = {"series": [{"event": "view"}], "since": SINCE, "until": UNTIL}
    assert es.trend(report).to_dicts() == es.trend(**report).to_dicts()
    assert len(es.trend(report, interval="week").to_dicts()) == 3


def test_what_was_refused_says_why(es: Notebook) -> None:
    with pytest.raises(Refused, match="1 to 26 series") as refused:
        es.trend(series=[])
    assert (refused.value.code, refused.value.status) == ("invalid_series", 422)
    with pytest.raises(Refused) as refused:
        es.trend(series=[{"event": "x"}], unknown=1)
    assert refused.value.code == "invalid_report"
    with pytest.raises(Refused) as refused:
        es.saved("nothing")
    assert refused.value.status == 404
    with pytest.raises(Refused) as refused:
        es.sql("DROP TABLE events")
    assert refused.value.code == "sql_not_allowed"
    with pytest.raises(Invalid, match="cannot be asked"):
        es.trend(series=object())
    with pytest.raises(AttributeError):
        _ = es.pie  # no kind of report
    with pytest.raises(Refused) as refused:
        es.persons("no/such kind", {})
    assert refused.value.status == 404


def test_a_directory_is_opened_once_and_given_free_again(tmp_path: Path) -> None:
    first = evensplit.open(str(tmp_path))
    with pytest.raises(DirectoryOwned):
        evensplit.open(str(tmp_path))
    first.close()
    first.close()
    with pytest.raises(Invalid, match="closed"):
        first.sql("SELECT 1")
    with evensplit.open(str(tmp_path)) as again:
        assert again.sql("SELECT count(*) AS n FROM events").to_dicts() == [{"n": 0}]


def test_where_nobody_answers() -> None:
    with pytest.raises(Invalid, match="http://"):
        evensplit.connect("localhost:8400", "es_s_x")
    with evensplit.connect("http://127.0.0.1:1", "es_s_x") as nobody, pytest.raises(EvensplitError, match="127.0.0.1"):
        nobody.sql("SELECT 1")


def test_nothing_else_is_made_up() -> None:
    with pytest.raises(AttributeError, match="no attribute 'close'"):
        evensplit.close  # noqa: B018


def test_a_program_that_forgets_to_close_ends_quietly_and_gives_the_directory_free(tmp_path: Path) -> None:
    program = "import evensplit, sys; print(evensplit.open(sys.argv[1]).sql('SELECT 1 AS n').to_dicts())"
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "[{'n': 1}]\n"
        assert not [word for word in ("Traceback", "Exception", "leaked") if word in done.stderr], done.stderr


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("evensplit", {"duckdb", "httpx", "litestar", "numpy", "plotly", "pyarrow", "sqlalchemy"}),
        ("evensplit.app", {"plotly", "pyarrow", "httpx"}),
        ("evensplit.notebook", {"plotly", "pyarrow"}),
    ],
)
def test_what_is_heavy_is_loaded_when_it_is_asked_for(module: str, heavy: set[str]) -> None:
    program = f"import sys, {module}; print(*sorted(set(sys.modules) & set({sorted(heavy)!r})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
