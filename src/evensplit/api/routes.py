"""The routes that Litestar serves. The hot ones are a plain ASGI app in front of it, `capture`."""

from evensplit.api import (
    annotations,
    cohorts,
    documents,
    events,
    experiments,
    operation,
    planning,
    reports,
    results,
    saved,
    simulate,
    sql,
    stream,
    users,
)

HANDLERS = [
    *events.HANDLERS,
    *stream.HANDLERS,
    *users.HANDLERS,
    *cohorts.HANDLERS,
    *experiments.HANDLERS,
    *results.HANDLERS,
    *planning.HANDLERS,
    *simulate.HANDLERS,
    *operation.HANDLERS,
    *reports.HANDLERS,
    *saved.HANDLERS,
    *annotations.HANDLERS,
    *sql.HANDLERS,
    *documents.HANDLERS,
]
