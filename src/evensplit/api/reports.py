"""`/v1/reports/...`: a report is the body, or `?q=` with the same JSON, so that a link is a report."""

from collections.abc import Iterator
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from evensplit import clock
from evensplit.api.bodies import takes
from evensplit.model.report.persons import PersonsAnswer, PersonsQuestion
from evensplit.query.run.kinds import KINDS, Kind

TAGS = ["Reports"]


def _handlers(kind: Kind) -> Iterator[HTTPRouteHandler]:
    """The three routes of a kind: asked with a body, asked by a link, and who stands behind a number."""
    path, title = f"/v1/reports/{kind.name}", kind.summary

    async def asked(request: Request[Any, Any, Any]) -> Any:
        return await kind.asked(request.app.state.services.store, await request.body(), clock.now_ms())

    async def linked(
        request: Request[Any, Any, Any],
        q: Annotated[str, Parameter(description="The report as JSON, URL-encoded.")],
    ) -> Any:
        return await kind.asked(request.app.state.services.store, q, clock.now_ms())

    async def behind(request: Request[Any, Any, Any], data: PersonsQuestion) -> PersonsAnswer:
        return await kind.persons(request.app.state.services.store, data, clock.now_ms())

    asked.__annotations__["return"] = linked.__annotations__["return"] = kind.answer
    yield post(path, status_code=200, summary=title, tags=TAGS, operation_class=takes(kind.report))(asked)
    yield get(path, summary=f"{title}, as a link", tags=TAGS)(linked)
    yield post(f"{path}/persons", status_code=200, summary=f"{title}: the persons behind a number", tags=TAGS)(behind)


HANDLERS = [handler for kind in KINDS for handler in _handlers(kind)]
