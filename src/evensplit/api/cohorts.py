"""`/v1/cohorts`: named groups of persons. What a definition may say: `model.cohort` and `query.cohorts`."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath

from evensplit import clock
from evensplit.api.bodies import takes
from evensplit.model.cohort import LONGEST_NAME, Cohort, Part, read_change, read_new
from evensplit.model.instant import rfc3339
from evensplit.query.cohorts import conditions, rule_of
from evensplit.query.run import check_patterns
from evensplit.storage.catalog.cohorts import Cohorts

TAGS = ["Cohorts"]

Call = Request[Any, Any, Any]
Definition = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="One of: `event` with at_least, at_most, exactly, days · `trait`, a filter · `users`, a list · "
        "`all` or `any` of such parts."
    ),
]


class CohortReply(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    definition: Any
    created_at: str
    updated_at: str


class CohortList(msgspec.Struct, frozen=True):
    cohorts: list[CohortReply]


class CohortBody(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    definition: Definition


class CohortReplacement(msgspec.Struct):
    definition: Definition


@get("/v1/cohorts", tags=TAGS, summary="Every cohort")
async def list_cohorts(request: Call) -> CohortList:
    return CohortList([_shown(cohort) for cohort in _cohorts(request).all()])


@post("/v1/cohorts", tags=TAGS, summary="Define a cohort", operation_class=takes(CohortBody))
async def create_cohort(request: Call) -> CohortReply:
    new = read_new(await request.body())
    await _check(request, new.definition)
    return _shown(await _cohorts(request).create(new.name, new.definition))


@get("/v1/cohorts/{name:str}", tags=TAGS, summary="One cohort")
async def one_cohort(request: Call, name: FromPath[str]) -> CohortReply:
    return _shown(_cohorts(request).one(name))


@put(
    "/v1/cohorts/{name:str}",
    tags=TAGS,
    summary="Define a cohort anew",
    operation_class=takes(CohortReplacement),
)
async def replace_cohort(request: Call, name: FromPath[str]) -> CohortReply:
    definition = read_change(await request.body(), name)
    await _check(request, definition)
    return _shown(await _cohorts(request).replace(name, definition))


@delete("/v1/cohorts/{name:str}", tags=TAGS, summary="Delete a cohort")
async def delete_cohort(request: Call, name: FromPath[str]) -> None:
    await _cohorts(request).delete(name)


async def _check(request: Call, definition: Part) -> None:
    """Raises InvalidReport for a definition that no report could look at."""
    found = conditions(rule_of(definition, clock.now_ms()))
    await check_patterns(request.app.state.services.store, found)


def _shown(cohort: Cohort) -> CohortReply:
    return CohortReply(
        name=cohort.name,
        definition=cohort.definition,
        created_at=rfc3339(cohort.created_at),
        updated_at=rfc3339(cohort.changed_at),
    )


def _cohorts(request: Call) -> Cohorts:
    cohorts: Cohorts = request.app.state.services.catalog.cohorts
    return cohorts


HANDLERS = [list_cohorts, create_cohort, one_cohort, replace_cohort, delete_cohort]
