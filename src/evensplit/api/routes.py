"""The routes that Litestar serves. The hot ones are a plain ASGI app in front of it, `capture`."""

from evensplit.api import documents, events, experiments, operation, reports, sql

HANDLERS = [
    *events.HANDLERS,
    *experiments.HANDLERS,
    *operation.HANDLERS,
    *reports.HANDLERS,
    *sql.HANDLERS,
    *documents.HANDLERS,
]
