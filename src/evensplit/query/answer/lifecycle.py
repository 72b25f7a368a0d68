"""From the rows of `sql.lifecycle` to a line a state. Pure; not here: asking the store (`run`)."""

from collections.abc import Iterable, Sequence
from typing import cast

from evensplit.model.report.lifecycle import State
from evensplit.query.plan.lifecycle import BEFORE, Stretch
from evensplit.query.sql.lifecycle import STATES


def lines(buckets: int) -> dict[State, list[int]]:
    """Nobody anywhere."""
    return {state: [0] * buckets for state in STATES}


def add(lines: dict[State, list[int]], stretch: Stretch, rows: Iterable[Sequence[object]]) -> None:
    """Count the persons of a stretch."""
    for row in rows:
        position, two, earlier, persons = cast("tuple[int, int, bool, int]", tuple(row))
        for state, (bits, before) in STATES.items():
            if two == bits and before in (None, bool(earlier)):
                lines[state][stretch.first + position - BEFORE] += int(persons)
