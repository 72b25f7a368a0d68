"""Which scans of events the numbers of persons need: one a type, each after those that it has to know of. Not here: SQL
(`activity`).

A funnel is told by the scans of its steps. Each step is the earliest event by (time, id) that fits after that of the
step before: while there is one end for all of a person, no other choice beats it. So the scan of a step comes after
that of the step before. Where it would have to come before itself (a step of the same type, two funnels in opposite
directions), the step has one more of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments.conditions import Selection
from evensplit.experiments.measure.asked import Asked
from evensplit.experiments.measure.numbers import Acted, Stepped, Time
from evensplit.query.conditions import AllOf, Condition, Source

ALWAYS: Condition = AllOf(())
Test: TypeAlias = tuple[str | None, Condition]  # of an event: its type (None: any), and what else it meets
Types: TypeAlias = tuple[str | None, ...]
Form: TypeAlias = Literal["number", "whole", "key"]


class Item(msgspec.Struct, frozen=True):
    """What is read of events: a number, the exact integer made of it, or what tells values apart."""

    event_type: str | None
    of: Source
    form: Form


class Step(msgspec.Struct, frozen=True):
    """One of a funnel: the funnel's place among the numbers, and the step's in the funnel, from 0."""

    number: Stepped
    funnel: int
    place: int

    @property
    def selection(self) -> Selection:
        return self.number.steps[self.place]

    @property
    def column(self) -> str:
        """When the person did it, as the integer that orders events."""
        return f"step{self.funnel}_{self.place}"


class Scan(msgspec.Struct, frozen=True):
    """One scan: of which types (None: of any), and which condition is which bit, which item which column, and which
    test in which time which bit of those that are united. `told`: its steps of funnels, each with the step that it has
    to come after."""

    name: str
    types: Types
    tests: Mapping[Test, int]
    items: Mapping[Item, int]
    united: Mapping[tuple[Test, Time], int]
    told: Mapping[Step, Step | None]
    acted: tuple[Acted, ...]
    selective: bool  # whether an event may pass no test at all

    @property
    def selections(self) -> list[Selection]:
        return [*(number.selection for number in self.acted), *(step.selection for step in self.told)]

    @property
    def times(self) -> list[Time]:
        return list(dict.fromkeys([each.time for each in self.acted] + [each.number.time for each in self.told]))

    @property
    def before(self) -> list[Step]:
        """The steps of other scans that this one has to know of."""
        return list(dict.fromkeys(step for step in self.told.values() if step is not None))


def scans(asked: Asked, numbers: Sequence[Acted | Stepped]) -> list[Scan]:
    """In an order in which each comes after those that it has to know of."""
    chosen = {each.event_type: None for number in numbers for each in selections(number)}
    drafts = _Drafts([tuple(chosen)] if None in chosen else [(name,) for name in chosen])
    for number in numbers:
        if isinstance(number, Acted):
            drafts.acted[drafts.place(number.selection)].append(number)
    for funnel, number in enumerate(numbers):
        if isinstance(number, Stepped):
            drafts.tell([Step(number, funnel, place) for place in range(len(number.steps))])
    return [_scan(asked, f"acted{n}", drafts.types[n], drafts.acted[n], drafts.told[n]) for n in drafts.order()]


def selections(number: Acted | Stepped) -> tuple[Selection, ...]:
    return number.steps if isinstance(number, Stepped) else (number.selection,)


def test_of(selection: Selection) -> Test:
    return selection.event_type, selection.condition


def item_of(asked: Asked, number: Acted) -> Item | None:
    selection, aggregate = number.selection, number.aggregate
    if selection.of is None:
        return None
    form: Form = "number"
    if aggregate == "distinct":
        form = "key"
    elif aggregate in ("sum", "avg") and not is_exact(asked, selection):
        exponent = asked.known.exponent(selection.event_type, selection.of)
        form = "number" if exponent is None else "whole"
    return Item(selection.event_type, selection.of, form)


def is_exact(asked: Asked, selection: Selection) -> bool:
    """Whether doubles add up such values without rounding."""
    return asked.known.exact(selection.event_type, selection.of, asked.watermark.events)


class _Drafts:
    """Scans that are being put together, by number: their types, what they tell, and which they come after."""

    def __init__(self, types: Iterable[Types]) -> None:
        self.types = list(types)
        self.acted: list[list[Acted]] = [[] for _ in self.types]
        self.told: list[dict[Step, Step | None]] = [{} for _ in self.types]
        self._after: list[set[int]] = [set() for _ in self.types]

    def place(self, selection: Selection) -> int:
        return next(n for n, types in enumerate(self.types) if selection.event_type in types)

    def tell(self, steps: Sequence[Step]) -> None:
        """Give each step of a funnel to a scan."""
        before, source = None, -1
        for step in steps:
            at = self.place(step.selection)
            if before is not None:
                if self._follows(source, at):
                    at = self._one_more(step.selection)
                self._after[at].add(source)
            self.told[at][step] = before
            before, source = step, at

    def order(self) -> list[int]:
        found: dict[int, None] = {}

        def visit(at: int) -> None:
            for source in sorted(self._after[at] - found.keys()):
                visit(source)
            found[at] = None

        for at in range(len(self.types)):
            if at not in found:
                visit(at)
        return list(found)

    def _follows(self, at: int, other: int) -> bool:
        """Whether one comes after the other, or is it."""
        return at == other or any(self._follows(source, other) for source in self._after[at])

    def _one_more(self, selection: Selection) -> int:
        self.types.append((selection.event_type,))
        self.acted.append([])
        self.told.append({})
        self._after.append(set())
        return len(self.types) - 1


def _scan(asked: Asked, name: str, types: Types, acted: Sequence[Acted], told: Mapping[Step, Step | None]) -> Scan:
    chosen = [*(number.selection for number in acted), *(step.selection for step in told)]
    tests = dict.fromkeys(map(test_of, chosen))
    every = (types[0], ALWAYS) if len(types) == 1 else (None, ALWAYS)
    selective = every not in tests
    tests.pop(every, None)  # a scan of one type meets that type by itself
    items = dict.fromkeys(item for number in acted if (item := item_of(asked, number)) is not None)
    united = dict.fromkeys((test_of(each.selection), each.time) for each in acted if each.aggregate == "any")
    return Scan(
        name,
        types,
        {test: n for n, test in enumerate(tests)},
        {item: n for n, item in enumerate(items)},
        {each: n for n, each in enumerate(united)},
        told,
        tuple(acted),
        selective,
    )
