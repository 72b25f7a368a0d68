"""Asking for a lifecycle: once a stretch of buckets."""

from functools import partial

from evensplit import clock
from evensplit.model.report.lifecycle import Lifecycle, LifecycleAnswer, LifecycleCell
from evensplit.query.answer import lifecycle as answer
from evensplit.query.as_of import encode
from evensplit.query.conditions import sources
from evensplit.query.plan import properties
from evensplit.query.plan.lifecycle import placed, plan
from evensplit.query.reading import Reading
from evensplit.query.run import begin, rows
from evensplit.query.run.persons import Behind
from evensplit.query.sql.lifecycle import cell_sql, lifecycle_sql


async def run(store: Reading, report: Lifecycle, now_ms: int) -> LifecycleAnswer:
    """The answer at the report's `as_of`, else at everything acknowledged so far. Raises InvalidReport."""
    began = clock.now_ms()
    planned = plan(report, now_ms)
    event = planned.event
    moment = await begin(store, [event.condition], planned.report)
    looked_at = properties(sources(event.condition))
    lines = answer.lines(len(planned.buckets.labels))
    for stretch in planned.stretches:
        write = partial(lifecycle_sql, stretch, event, moment)
        answer.add(lines, stretch, await rows(store, write, event.event_type, looked_at, moment))
    return LifecycleAnswer(
        as_of=encode(moment.watermark, moment.links),
        query_ms=clock.now_ms() - began,
        report=planned.report,
        buckets=list(planned.buckets.labels),
        new=lines["new"],
        returning=lines["returning"],
        resurrecting=lines["resurrecting"],
        dormant=lines["dormant"],
        altered_by_erasure=moment.altered_by_erasure,
    )


async def behind(store: Reading, report: Lifecycle, cell: LifecycleCell, now_ms: int) -> Behind:
    """Who is in a state in one bucket."""
    planned = plan(report, now_ms)
    which, event = placed(planned, cell), planned.event
    moment = await begin(store, [event.condition], planned.report)
    looked_at = properties(sources(event.condition))
    return Behind(moment, partial(cell_sql, which, event, moment), event.event_type, looked_at)
