"""From the rows of `sql.retention` to cohorts: cells that are over, rates, totals, parts of a breakdown.

Pure arithmetic; not here: asking the store (`run`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, cast

from evensplit.model.report import OTHER
from evensplit.model.report.retention import Cohort, RetentionPart, Returned
from evensplit.query.plan.retention import RetentionPlan

Place: TypeAlias = tuple[int, ...]  # per property of the breakdown the rank of the value; REST for those beyond
Counts: TypeAlias = dict[tuple[int, int], int]  # (cohort, period) to persons; period 0 is the cohort itself
REST = 1 << 30


def counts(rows: Iterable[Sequence[object]], plan: RetentionPlan) -> dict[Place, Counts]:
    """The persons of each cell, of every combination of values that occurs."""
    found: dict[Place, Counts] = {}
    for row in rows:
        place = tuple(REST if rank is None else cast(int, rank) for rank in row[: 2 * len(plan.splits) : 2])
        cohort, period, persons = cast("tuple[int, int | None, int]", tuple(row[-3:]))
        part = found.setdefault(place, {})
        if period == 0:
            continue  # a return beyond the only period that is asked for, which is the cohort itself
        part[cohort, period or 0] = part.get((cohort, period or 0), 0) + int(persons)
    if plan.kind == "on_or_after":
        for part in found.values():
            _run_back(part, plan)
    return found


def cohorts(part: Mapping[tuple[int, int], int], plan: RetentionPlan) -> list[Cohort]:
    """A cohort an interval, with nothing known of the periods that are not over."""
    found = []
    for c, start in enumerate(plan.buckets.labels):
        over, size = plan.over[c], part.get((c, 0), 0)
        returned = [part.get((c, k), 0) if k < over else None for k in range(plan.periods)]
        found.append(Cohort(start, size, returned, [_rate(count, size) for count in returned]))
    return found


def total(of: Sequence[Cohort], plan: RetentionPlan) -> Returned:
    """The sum of each period over the cohorts in which it is over."""
    returned: list[int | None] = []
    rates: list[float | None] = []
    for k in range(plan.periods):
        over = [(count, cohort.size) for cohort in of if (count := cohort.returned[k]) is not None]
        returned.append(sum(count for count, _ in over) if over else None)
        rates.append(_rate(returned[-1], sum(size for _, size in over)))
    return Returned(sum(cohort.size for cohort in of), returned, rates)


def together(parts: Iterable[Counts]) -> Counts:
    """All parts of a breakdown: each person is in one of them."""
    found: Counts = {}
    for part in parts:
        for cell, persons in part.items():
            found[cell] = found.get(cell, 0) + persons
    return found


def breakdowns(
    parts: Mapping[Place, Counts], rows: Iterable[Sequence[object]], plan: RetentionPlan
) -> list[RetentionPart]:
    """The parts by rank, `$other` last."""
    if not plan.splits:
        return []
    names: list[dict[int, str | None]] = [{REST: OTHER} for _ in plan.splits]
    for row in rows:
        for n, known in enumerate(names):
            if row[2 * n] is not None:
                known[cast(int, row[2 * n])] = cast("str | None", row[2 * n + 1])
    found = []
    for place in sorted(parts):
        of = cohorts(parts[place], plan)
        shown = [names[n][rank] for n, rank in enumerate(place)]
        found.append(RetentionPart(shown, [rank == REST for rank in place], of, total(of, plan)))
    return found


def _run_back(part: Counts, plan: RetentionPlan) -> None:
    """From those who returned last in a period to those who returned then or later."""
    for c in range(len(plan.buckets.labels)):
        so_far = 0
        for k in range(plan.periods - 1, 0, -1):
            so_far += part.get((c, k), 0)
            part[c, k] = so_far


def _rate(count: int | None, size: int) -> float | None:
    return count / size if count is not None and size else None
