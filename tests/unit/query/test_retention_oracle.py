"""Retention over generated events, held against the oracle on both engines; and the persons behind its cells."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit.query.run.kinds import RETENTION
from tests.unit.query import retention_oracle, worlds
from tests.unit.query.activity_cases import CHOICES, LINKS, Links, ask, behind, events, examples, filled, ms, ranges
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event
from tests.unit.query.retention_oracle import OTHER, People

Case = tuple[dict[str, Any], list[Event], Links, datetime]


@st.composite
def cases(draw: st.DrawFn, many: bool = False) -> Case:
    """`many`: of many worlds at once."""
    common = draw(ranges(["hour", "day", "day", "week", "month"]))
    start = draw(CHOICES)
    split = st.builds(
        lambda name, limit: {"property": name, "limit": limit},
        st.sampled_from(["p", "p", "q", "@event_type"]),
        st.integers(1, 3),
    )
    report = common | {
        "start": start,
        "return": draw(st.sampled_from([start]) | CHOICES),
        "periods": draw(st.sampled_from([1, 2, 3, 5, 12, 80])),
        "kind": draw(st.sampled_from(["on", "on_or_after"])),
        "first_time": draw(st.booleans()),
        "calendar": draw(st.sampled_from([True, True, False])),
        "minimum": draw(st.sampled_from([1, 1, 2, 3])),
        "breakdown": draw(st.sampled_from([[]]) | st.lists(split, max_size=2)),
    }
    since, until = (datetime.fromisoformat(common[name]) for name in ("since", "until"))
    now = draw(st.sampled_from([until + timedelta(days=400), until, since + (until - since) / 2]))
    if many:
        happened, links = draw(worlds.several(events(common, 12))), worlds.linked(draw(LINKS))
        return worlds.split(report), happened, links, now.replace(microsecond=0)
    return report, draw(events(common)), draw(LINKS), now.replace(microsecond=0)


@pytest.mark.parametrize("engine", STORES)
@examples(16)
@given(cases())
def test_retention_is_what_counting_by_hand_gives(engine: str, case: Case) -> None:
    held_on(STORES[engine](), case)


@examples(15)
@given(cases(many=True))
def test_and_so_it_is_in_many_worlds_on_clickhouse(case: Case) -> None:
    held_on(STORES["clickhouse"](), case, False)


def held_on(store: AnyStore, case: Case, people: bool = True) -> None:
    """`people`: those behind some of the cells are asked for, too."""
    report, happened, links, now = case
    filled(store, happened, links)
    answer = ask(RETENTION, store, report, ms(now))
    since, until = (datetime.fromisoformat(report[name]) for name in ("since", "until"))
    expected = retention_oracle.retention(happened, links, report, (since, until), now)
    assert [cohort.start for cohort in answer.cohorts] == expected.cohorts
    held(answer.cohorts, answer.total, expected.everybody)
    places = {
        tuple(OTHER if rest else value for value, rest in zip(part.breakdown, part.rest, strict=True)): part
        for part in answer.breakdowns
    }
    assert set(places) == (set(expected.parts) if report["breakdown"] else set())
    for place, part in places.items():
        held(part.cohorts, part.total, expected.parts[place])
        if people:
            of = {"breakdown": part.breakdown, "rest": part.rest}
            whoever(store, report, now, part.cohorts, expected.parts[place], of)
    if people:
        whoever(store, report, now, answer.cohorts, expected.everybody, {})


def held(cohorts: list[Any], total: Any, expected: list[list[People]]) -> None:
    """Counts, rates and totals follow from the sets of persons."""
    numbers = [[None if people is None else len(people) for people in row] for row in expected]
    assert [cohort.returned for cohort in cohorts] == numbers
    sizes = [cohort.size for cohort in cohorts]
    assert sizes == [row[0] for row in numbers]
    for cohort, row in zip(cohorts, numbers, strict=True):
        assert cohort.rates == [None if n is None or not cohort.size else n / cohort.size for n in row]
    assert total.size == sum(sizes)
    for k, (returned, rate) in enumerate(zip(total.returned, total.rates, strict=True)):
        over = [(row[k], size) for row, size in zip(numbers, sizes, strict=True) if row[k] is not None]
        assert returned == (sum(n or 0 for n, _ in over) if over else None)
        among = sum(size for _, size in over)
        assert rate == (None if not among or returned is None else returned / among)


def whoever(
    store: AnyStore,
    report: dict[str, Any],
    now: datetime,
    cohorts: list[Any],
    expected: list[list[People]],
    place: dict[str, Any],
) -> None:
    """The persons behind some of the cells: those with the most of them."""
    cells = [
        (len(people), c, k) for c, row in enumerate(expected) for k, people in enumerate(row) if people is not None
    ]
    for _, c, k in sorted(cells, key=lambda cell: (-cell[0], -cell[2]))[:2]:
        at = {"cohort": cohorts[c].start, "period": k, **place}
        assert behind(RETENTION, store, report, at, ms(now)) == expected[c][k]
