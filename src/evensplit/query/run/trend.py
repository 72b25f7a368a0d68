"""Asking for a trend: once a line, and once more for the period of comparison."""

from collections.abc import Sequence
from functools import partial

from evensplit import clock
from evensplit.model.report import OTHER
from evensplit.model.report.trend import Compared, ComparedPeriod, Trend, TrendAnswer, TrendCell, TrendSeries
from evensplit.query import ranges
from evensplit.query.answer import trend as answer
from evensplit.query.answer.trend import REST, Known, Line, Lines, Place
from evensplit.query.as_of import AsOf, encode
from evensplit.query.conditions import sources
from evensplit.query.edges import Buckets
from evensplit.query.plan import properties
from evensplit.query.plan.trend import TrendPlan, placed, plan
from evensplit.query.reading import Reading
from evensplit.query.run import begin, rows
from evensplit.query.run.persons import Behind
from evensplit.query.sql.trend import Question, cell_sql, trend_sql
from evensplit.query.zones import zone


async def run(store: Reading, report: Trend, now_ms: int) -> TrendAnswer:
    """The answer at the report's `as_of`, else at everything acknowledged so far. Raises InvalidReport."""
    began = clock.now_ms()
    planned = plan(report, now_ms)
    moment = await begin(store, [series.condition for series in planned.series], planned.report)
    known: Known = ((),) * len(planned.splits)
    main, known = await _ask(store, planned, planned.buckets, moment, known)
    compared: list[Lines] | None = None
    if planned.compared is not None:
        compared, known = await _ask(store, planned, planned.compared, moment, known)
    return TrendAnswer(
        as_of=encode(moment.watermark, moment.links),
        query_ms=clock.now_ms() - began,
        report=planned.report,
        buckets=list(planned.buckets.labels),
        series=_series(planned, main, compared, known),
        compare=None if planned.compared is None else _period(planned.compared, planned.report.timezone),
        altered_by_erasure=moment.altered_by_erasure,
    )


async def behind(store: Reading, report: Trend, cell: TrendCell, now_ms: int) -> Behind:
    """Who did the events that one number counts."""
    planned = plan(report, now_ms)
    moment = await begin(store, [series.condition for series in planned.series], planned.report)
    known: Known = ((),) * len(planned.splits)
    if any(cell.rest):
        _, known = await _ask(store, planned, planned.buckets, moment, known)
    question = placed(planned, cell, known)
    looked_at = properties(sources(question.condition))
    return Behind(moment, partial(cell_sql, question, moment), question.event_type, looked_at)


async def _ask(
    store: Reading, planned: TrendPlan, buckets: Buckets, moment: AsOf, known: Known
) -> tuple[list[Lines], Known]:
    """The lines of each series. Values that one series puts first stand first for those after it, too."""
    answered: list[Lines] = []
    for series in planned.series:
        question = Question(series, planned.splits, buckets, planned.report.cumulative, moment, known)
        looked_at = properties([*sources(series.condition), *(split.of for split in planned.splits), series.of])
        found = await rows(store, partial(trend_sql, question), series.event_type, looked_at, moment)
        known = answer.learned(known, found)
        answered.append(answer.lines(found, series.measure, question.cumulative, len(buckets.edges), known))
    return answered, known


def _series(
    planned: TrendPlan, main: Sequence[Lines], compared: Sequence[Lines] | None, known: Known
) -> list[TrendSeries]:
    """The lines to be shown: of the formula if there is one, else of every series; by rank, `$other` last."""
    found: list[TrendSeries] = []
    length = len(planned.buckets.edges)
    for at, label in enumerate(_labels(planned)):
        places = _places(planned, main, at) | (set() if compared is None else _places(planned, compared, at))
        for place in sorted(places):
            line = _line(planned, main, at, place, length)
            earlier = None
            if compared is not None and planned.compared is not None:
                before = _line(planned, compared, at, place, len(planned.compared.edges))
                earlier = Compared(before.values, before.total)
            found.append(
                TrendSeries(
                    label=label,
                    breakdown=[OTHER if p == REST else known[n][p] for n, p in enumerate(place)],
                    rest=[p == REST for p in place],
                    values=line.values,
                    total=line.total,
                    compare=earlier,
                )
            )
    return found


def _labels(planned: TrendPlan) -> list[str]:
    if planned.formula is not None:
        return [planned.report.formula or ""]
    return [series.label for series in planned.series]


def _places(planned: TrendPlan, answered: Sequence[Lines], at: int) -> set[Place]:
    if not planned.splits:
        return {()}
    if planned.formula is None:
        return set(answered[at])
    return {place for lines in answered for place in lines}


def _line(planned: TrendPlan, answered: Sequence[Lines], at: int, place: Place, length: int) -> Line:
    def of(n: int) -> Line:
        return answered[n].get(place) or answer.nothing(planned.series[n].measure, length)

    formula = planned.formula
    line = of(at) if formula is None else answer.combined(formula, [of(n) for n in range(len(answered))])
    window = planned.report.smooth
    return line if window is None else Line(answer.smoothed(line.values, window), line.total)


def _period(buckets: Buckets, timezone: str) -> ComparedPeriod:
    tz = zone(timezone)
    return ComparedPeriod(ranges.written(buckets.since, tz), ranges.written(buckets.until, tz), list(buckets.labels))
