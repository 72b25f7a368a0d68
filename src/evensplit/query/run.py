"""Asking a store for a report. `run` plans, settles the moment, asks once a line, and puts the answer together."""

from collections.abc import Sequence

from evensplit import clock
from evensplit.errors import InvalidReport, QueryFailed
from evensplit.model.report import OTHER, Compared, ComparedPeriod, Trend, TrendAnswer, TrendSeries
from evensplit.query import answer, ranges
from evensplit.query.answer import REST, Known, Line, Lines, Place
from evensplit.query.as_of import AsOf, encode, settle
from evensplit.query.conditions import Condition, Property, patterns, sources
from evensplit.query.dialect import speak
from evensplit.query.edges import Buckets
from evensplit.query.forms import distrust, forms
from evensplit.query.plan import SeriesPlan, TrendPlan, plan
from evensplit.query.reading import Reading
from evensplit.query.sql.trend import Question, trend_sql
from evensplit.query.zones import zone


async def run(store: Reading, report: Trend, now_ms: int, as_of: str | None = None) -> TrendAnswer:
    """The answer at `as_of` (else the report's own, else everything acknowledged so far). Raises InvalidReport."""
    began = clock.now_ms()
    planned = plan(report, now_ms)
    await check_patterns(store, [series.condition for series in planned.series])
    moment = await settle(store, as_of or report.as_of)
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


async def check_patterns(store: Reading, conditions: Sequence[Condition]) -> None:
    """Refuse what the engine cannot read: `invalid_regex`."""
    asked = sorted(frozenset().union(*map(patterns, conditions)))
    if not asked:
        return
    question = speak(store.engine, {}).asks.sound_patterns(asked)
    sound = {pattern for pattern, is_sound in await store.query(question.sql, question.values) if is_sound}
    for pattern in asked:
        if pattern not in sound:
            raise InvalidReport("invalid_regex", f"{pattern!r} is no regular expression of the RE2 syntax")


async def _ask(
    store: Reading, planned: TrendPlan, buckets: Buckets, moment: AsOf, known: Known
) -> tuple[list[Lines], Known]:
    """The lines of each series. Values that one series puts first stand first for those after it, too."""
    answered: list[Lines] = []
    for series in planned.series:
        question = Question(series, planned.splits, buckets, planned.report.cumulative, moment, known)
        rows = await _rows(store, question, _properties(planned, series))
        known = answer.learned(known, rows)
        answered.append(answer.lines(rows, series.measure, question.cumulative, len(buckets.edges), known))
    return answered, known


async def _rows(store: Reading, question: Question, properties: Sequence[Property]) -> list[tuple[object, ...]]:
    event_type = question.series.event_type
    seen = await forms(store, event_type, properties, question.as_of)
    sql = trend_sql(question, speak(store.engine, seen))
    try:
        return await store.query(sql.sql, sql.values)
    except QueryFailed:
        # A scan may cast a value before it drops the row, and so fail at one that is not asked about (of another
        # type of event, or newer). Such a property is looked at row by row from now on; other errors come again.
        if all(form.kind != "number" for form in seen.values()):
            raise
    distrust(store, event_type, properties)
    sql = trend_sql(question, speak(store.engine, {}))
    return await store.query(sql.sql, sql.values)


def _properties(planned: TrendPlan, series: SeriesPlan) -> list[Property]:
    """Every property that one series' SQL looks at."""
    looked_at = (*sources(series.condition), *(split.of for split in planned.splits), series.of)
    return [of for of in looked_at if isinstance(of, Property)]


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
