"""`/v1/reports/...`: a report is the body, or `?q=` with the same JSON, so that a link is a report."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from evensplit import clock
from evensplit.api.bodies import takes
from evensplit.api.renderings import Rendering
from evensplit.model.report import read
from evensplit.model.report.persons import MOST_PERSONS, PersonsAnswer, PersonsQuestion
from evensplit.query.run.cache import Answered, Answers
from evensplit.query.run.kinds import KINDS, Kind
from evensplit.web.requests import unless_gone

TAGS = ["Reports"]


def _handlers(kind: Kind) -> Iterator[HTTPRouteHandler]:
    """The three routes of a kind: asked with a body, asked by a link, and who stands behind a number."""
    path, title = f"/v1/reports/{kind.name}", kind.summary

    async def asked(request: Request[Any, Any, Any]) -> Any:
        return await _answered(request, kind, await request.body())

    async def linked(
        request: Request[Any, Any, Any],
        q: Annotated[str, Parameter(description="The report as JSON, URL-encoded.")],
    ) -> Any:
        return await _answered(request, kind, q)

    async def behind(request: Request[Any, Any, Any]) -> PersonsAnswer:
        question = read(PersonsQuestion, await request.body())
        return await kind.persons(request.app.state.services.store, question, clock.now_ms())

    asked.__annotations__["return"] = linked.__annotations__["return"] = kind.answer
    sent: dict[str, Any] = {"tags": TAGS, "response_class": Rendering}
    report, who = takes(kind.report), takes(_question(kind))
    yield post(path, status_code=200, summary=title, operation_class=report, **sent)(asked)
    yield get(path, summary=f"{title}, as a link", **sent)(linked)
    title = f"{title}: the persons behind a number"
    yield post(f"{path}/persons", status_code=200, summary=title, operation_class=who, **sent)(behind)


def _question(kind: Kind) -> type[msgspec.Struct]:
    """A `PersonsQuestion` as the document describes it: with the report and the cell of its kind."""
    limit = Annotated[int, msgspec.Meta(ge=1, le=MOST_PERSONS)]
    asked: list[tuple[str, Any]] = [("report", kind.report), ("at", kind.cell)]
    page: list[tuple[str, Any, Any]] = [("limit", limit, 100), ("cursor", str | None, None)]
    return msgspec.defstruct(f"{kind.name.title()}Persons", [*asked, *page])


async def _answered(request: Request[Any, Any, Any], kind: Kind, report: bytes | str) -> Answered:
    services = request.app.state.services
    answers: Answers = services.answers
    asked = answers.asked(kind, services.store, report, clock.now_ms())
    return await unless_gone(request.receive, asked)


HANDLERS = [handler for kind in KINDS for handler in _handlers(kind)]
