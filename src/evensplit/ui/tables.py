"""Each report's answer as the tables that stand under its chart, for the page and for a CSV file. Nothing is computed.

A cell that people stand behind knows which number of the report it is (`at`, as `.../persons` takes it).
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from evensplit import charts
from evensplit.model.numbers import number_text
from evensplit.model.report import Answer, Number
from evensplit.model.report.funnel import FunnelAnswer, FunnelPart
from evensplit.model.report.lifecycle import LifecycleAnswer
from evensplit.model.report.paths import PathsAnswer
from evensplit.model.report.retention import RetentionAnswer, RetentionPart
from evensplit.model.report.sessions import SessionsAnswer, TopValue
from evensplit.model.report.stickiness import StickinessAnswer
from evensplit.model.report.trend import TrendAnswer, TrendSeries
from evensplit.transfer.cells import guarded

Kind: TypeAlias = Literal["text", "figure", "share", "seconds"]
At: TypeAlias = dict[str, Any]

NOT_SET = "(not set)"
STATES: tuple[str, ...] = ("new", "returning", "resurrecting", "dormant")


class Cell(msgspec.Struct, frozen=True):
    """`at`: JSON of which number of the report this is, where it counts people."""

    value: str | int | float | None
    kind: Kind = "figure"
    at: str | None = None


class Table(msgspec.Struct, frozen=True):
    """The first `heads` cells of a row say what it is about. `foot` is a last row about all of them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    heads: int = 1
    foot: Sequence[Cell] | None = None


def tables(answer: Answer) -> list[Table]:
    """In the order in which they are shown."""
    return _TABLES[type(answer)](answer)


def csv_of(shown: Sequence[Table]) -> bytes:
    """All of them, one below the other; no text can be taken for a formula by a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    for n, table in enumerate(shown):
        if n:
            writer.writerow([])
        if len(shown) > 1:
            writer.writerow([guarded(table.title)])
        writer.writerow([guarded(column) for column in table.columns])
        writer.writerows([_plain(cell) for cell in row] for row in table.rows)
        if table.foot is not None:
            writer.writerow([_plain(cell) for cell in table.foot])
    return text.getvalue().encode("utf-8", "replace")


def _plain(cell: Cell) -> str:
    if cell.value is None:
        return ""
    return guarded(cell.value) if isinstance(cell.value, str) else number_text(cell.value)


def _text(value: str | None) -> Cell:
    return Cell(NOT_SET if value is None else value, "text")


def _at(**at: Any) -> str:
    return msgspec.json.encode(at).decode()


# --- trend ----------------------------------------------------------------------------------------


def name_of(label: str, breakdown: Sequence[str | None], one: bool = False) -> str:
    """Of a line; where all have `one` label, what they are split by says enough."""
    values = [NOT_SET if value is None else value for value in breakdown]
    return ", ".join(values if one and values else [charts.label_of(label), *values])


def _trend(answer: TrendAnswer) -> list[Table]:
    cells = list(_cells_of_lines(answer))
    columns, values, totals = (
        ["interval"],
        [[_text(bucket)] for bucket in answer.buckets],
        [Cell("whole range", "text")],
    )
    one = len({line.label for line in answer.series}) == 1
    for line, at in zip(answer.series, cells, strict=True):
        name = name_of(line.label, line.breakdown, one)
        columns.append(name)
        for row, bucket, value in zip(values, answer.buckets, line.values, strict=True):
            row.append(Cell(value, at=None if at is None else _at(**at, bucket=bucket)))
        totals.append(Cell(line.total, at=None if at is None else _at(**at)))
        if line.compare is not None:
            columns.append(f"{name}, before")
            for n, row in enumerate(values):
                row.append(Cell(line.compare.values[n] if n < len(line.compare.values) else None))
            totals.append(Cell(line.compare.total))
    return [Table("Trend", columns, values, foot=totals)]


def _cells_of_lines(answer: TrendAnswer) -> Iterator[At | None]:
    """Which number each line is; None for a formula, behind which nobody stands alone."""
    report = answer.report
    series, seen = 0, set[tuple[tuple[str | None, ...], tuple[bool, ...]]]()
    for line in answer.series:
        if report.formula is not None:
            yield None
            continue
        place = (tuple(line.breakdown), tuple(line.rest))
        if report.series[series].label != line.label or place in seen:
            series = _next_series(answer, line, series)
            seen = set()
        seen.add(place)
        yield {"series": series} | _part(line.breakdown, line.rest)


def _next_series(answer: TrendAnswer, line: TrendSeries, after: int) -> int:
    labels = [series.label for series in answer.report.series]
    return labels.index(line.label, after + 1)


def _part(breakdown: Sequence[str | None], rest: Sequence[bool]) -> At:
    """Whose part of a breakdown."""
    if not breakdown:
        return {}
    return {"breakdown": list(breakdown), **({"rest": list(rest)} if any(rest) else {})}


# --- funnel ---------------------------------------------------------------------------------------


def _funnel(answer: FunnelAnswer) -> list[Table]:
    parts: list[tuple[str, At, FunnelPart | FunnelAnswer]] = [("", {}, answer)]
    parts += [(name_of("", part.breakdown, True), _part(part.breakdown, part.rest), part) for part in answer.breakdowns]
    found = [_steps(name, at, part) for name, at, part in parts]
    if answer.report.view == "trend":
        found += [_by_bucket(name, at, part, answer) for name, at, part in parts if part.trend is not None]
    if answer.report.view == "time_to_convert":
        found += [_by_time(name, at, part) for name, at, part in parts if part.times is not None]
    return found


def _steps(name: str, at: At, part: FunnelPart | FunnelAnswer) -> Table:
    columns = ["step", "", "users", "from start", "from step before", "lost", "median time", "p90 time"]
    rows: list[list[Cell]] = []
    before: int | None = None
    for n, step in enumerate(part.steps, 1):
        lost = Cell(None) if before is None else Cell(before - step.users, at=_at(step=n, dropped=True, **at))
        rows.append(
            [
                *(Cell(str(n), "text"), _text(charts.label_of(step.label)), Cell(step.users, at=_at(step=n, **at))),
                *(Cell(step.rate_from_start, "share"), Cell(step.rate_from_previous, "share"), lost),
                *(Cell(step.median_seconds, "seconds"), Cell(step.p90_seconds, "seconds")),
            ]
        )
        before = step.users
    return Table(_titled("Funnel", name), columns, rows, heads=2)


def _by_bucket(name: str, at: At, part: FunnelPart | FunnelAnswer, answer: FunnelAnswer) -> Table:
    trend = part.trend
    assert trend is not None
    columns = [
        "interval",
        *(f"{n}. {charts.label_of(step.label)}" for n, step in enumerate(part.steps, 1)),
        "first to last",
    ]
    rows = [
        [
            _text(bucket),
            *(Cell(count, at=_at(step=n, bucket=bucket, **at)) for n, count in enumerate(counts, 1)),
            Cell(rate, "share"),
        ]
        for bucket, rate, *counts in zip(answer.buckets or (), trend.rates, *trend.users, strict=True)
    ]
    return Table(_titled("By interval of the first step", name), columns, rows)


def _by_time(name: str, at: At, part: FunnelPart | FunnelAnswer) -> Table:
    times = part.times
    assert times is not None
    last = len(part.steps)
    rows = [
        [Cell(low, "seconds"), Cell(high, "seconds"), Cell(users, at=_at(step=last, bin=n, **at))]
        for n, (low, high, users) in enumerate(zip(times.edges, times.edges[1:], times.users, strict=False))
    ]
    return Table(_titled("Time from the first step to the last", name), ["from", "to", "users"], rows, heads=2)


def _titled(title: str, name: str) -> str:
    return f"{title}: {name}" if name else title


# --- the others -----------------------------------------------------------------------------------


def _retention(answer: RetentionAnswer) -> list[Table]:
    parts: list[tuple[str, At, RetentionPart | RetentionAnswer]] = [("", {}, answer)]
    parts += [(name_of("", part.breakdown, True), _part(part.breakdown, part.rest), part) for part in answer.breakdowns]
    return [_cohorts(name, at, part, answer.report.interval) for name, at, part in parts]


def _cohorts(name: str, at: At, part: RetentionPart | RetentionAnswer, interval: str) -> Table:
    width = max((len(cohort.returned) for cohort in part.cohorts), default=0)
    columns = ["began", "size"]
    for period in range(1, width):  # period 0 is the cohort itself
        columns += [f"{interval} {period}", "%"]
    rows: list[list[Cell]] = []
    for cohort in part.cohorts:
        row = [_text(cohort.start), Cell(cohort.size, at=_at(cohort=cohort.start, **at))]
        for n, (count, rate) in enumerate(zip(cohort.returned[1:], cohort.rates[1:], strict=True), 1):
            behind = None if count is None else _at(cohort=cohort.start, period=n, **at)
            row += [Cell(count, at=behind), Cell(rate, "share")]
        rows.append(row + [Cell(None)] * (len(columns) - len(row)))
    foot = [Cell("all", "text"), Cell(part.total.size)]
    for count, rate in zip(part.total.returned[1:], part.total.rates[1:], strict=True):
        foot += [Cell(count), Cell(rate, "share")]
    return Table(_titled("Retention", name), columns, rows, foot=foot + [Cell(None)] * (len(columns) - len(foot)))


def _lifecycle(answer: LifecycleAnswer) -> list[Table]:
    lines = (answer.new, answer.returning, answer.resurrecting, answer.dormant)
    rows = [
        [
            _text(bucket),
            *(Cell(n, at=_at(bucket=bucket, state=state)) for state, n in zip(STATES, numbers, strict=True)),
        ]
        for bucket, *numbers in zip(answer.buckets, *lines, strict=True)
    ]
    return [Table("Lifecycle", ["interval", *STATES], rows)]


def _stickiness(answer: StickinessAnswer) -> list[Table]:
    rows = [
        [Cell(f"{bar.intervals} of {answer.intervals}", "text"), Cell(bar.users, at=_at(intervals=bar.intervals))]
        for bar in answer.histogram
    ]
    return [Table("Stickiness", [f"{answer.report.interval}s with the event", "users"], rows)]


def _paths(answer: PathsAnswer) -> list[Table]:
    nodes = {node.id: node for node in answer.nodes}
    links = [
        [
            Cell(str(nodes[link.source].step), "text"),
            *(_text(nodes[link.source].value), _text(nodes[link.target].value)),
            Cell(link.users, at=_at(source=link.source, target=link.target)),
        ]
        for link in answer.links
    ]
    return [Table("Paths", ["step", "from", "to", "users"], links, heads=3)]


def _sessions(answer: SessionsAnswer) -> list[Table]:
    totals, lines = answer.totals, answer.lines
    overall = [
        [
            *(Cell("whole range", "text"), Cell(totals.visitors, at=_at()), Cell(totals.sessions)),
            *(Cell(totals.page_views), Cell(totals.bounce_rate, "share"), Cell(totals.median_duration, "seconds")),
        ]
    ]
    found = [
        Table(
            "Totals",
            ["", "visitors", "sessions", "page views", "bounce rate", "median duration"],
            overall,
        ),
        Table(
            "By interval",
            ["interval", "visitors", "sessions", "page views"],
            [
                [_text(bucket), Cell(visitors, at=_at(bucket=bucket)), Cell(sessions), Cell(views)]
                for bucket, visitors, sessions, views in zip(
                    answer.buckets, lines.visitors, lines.sessions, lines.page_views, strict=True
                )
            ],
        ),
    ]
    return found + [_top(name, values) for name, values in answer.tops.items() if any(top.value for top in values)]


def _top(name: str, values: Sequence[TopValue]) -> Table:
    pages = name == "pages"
    columns: list[str] = ["", "visitors", "page views"] if pages else ["", "visitors", "sessions", "page views"]
    rows: list[list[Cell]] = []
    for top in values:
        counts: list[Number] = [top.page_views] if pages else [top.sessions, top.page_views]
        rows.append([_text(top.value), Cell(top.visitors, at=_at(metric=name, value=top.value)), *map(Cell, counts)])
    return Table(name.replace("_", " ").capitalize().replace("Utm", "UTM"), columns, rows)


_TABLES: dict[type[Answer], Callable[[Any], list[Table]]] = {
    TrendAnswer: _trend,
    FunnelAnswer: _funnel,
    RetentionAnswer: _retention,
    LifecycleAnswer: _lifecycle,
    StickinessAnswer: _stickiness,
    PathsAnswer: _paths,
    SessionsAnswer: _sessions,
}
