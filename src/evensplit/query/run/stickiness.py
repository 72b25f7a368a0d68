"""Asking for stickiness: once."""

from functools import partial
from typing import cast

from evensplit import clock
from evensplit.model.report.stickiness import Stickiness, StickinessAnswer, StickinessBar, StickinessCell
from evensplit.query.as_of import encode
from evensplit.query.conditions import sources
from evensplit.query.plan import properties
from evensplit.query.plan.stickiness import placed, plan
from evensplit.query.reading import Reading
from evensplit.query.run import begin, rows
from evensplit.query.run.persons import Behind
from evensplit.query.sql.stickiness import cell_sql, stickiness_sql


async def run(store: Reading, report: Stickiness, now_ms: int) -> StickinessAnswer:
    """The answer at the report's `as_of`, else at everything acknowledged so far. Raises InvalidReport."""
    began = clock.now_ms()
    planned = plan(report, now_ms)
    event = planned.event
    moment = await begin(store, [event.condition], planned.report)
    looked_at = properties(sources(event.condition))
    found = await rows(store, partial(stickiness_sql, planned, moment), event.event_type, looked_at, moment)
    bars = sorted((int(cast(int, intervals)), int(cast(int, users))) for intervals, users in found)
    return StickinessAnswer(
        as_of=encode(moment.watermark, moment.links),
        query_ms=clock.now_ms() - began,
        report=planned.report,
        intervals=len(planned.buckets.labels),
        histogram=[StickinessBar(intervals, users) for intervals, users in bars],
        altered_by_erasure=moment.altered_by_erasure,
    )


async def behind(store: Reading, report: Stickiness, cell: StickinessCell, now_ms: int) -> Behind:
    """Who was active in so many intervals."""
    planned = plan(report, now_ms)
    intervals, event = placed(planned, cell), planned.event
    moment = await begin(store, [event.condition], planned.report)
    looked_at = properties(sources(event.condition))
    return Behind(moment, partial(cell_sql, planned, intervals, moment), event.event_type, looked_at)
