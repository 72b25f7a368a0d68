"""The numbers of each person that are made of their events, in SQL: one scan a type of event, one join for all.

happened  a row an event: user_id, created_at, m0 (its bits say which tests it passes; of more than 62 also m1, ...),
          and i0, i1, ... (what is read of it)
hits      the same with u for user_id, and w0_0, w1_0, ...: m0 where the event lies in that time of the person
acted     a row a person who did anything: u, o0_0, ... (the tests that any event of theirs passes in that time), and
          a0, a1, ... (counts, sums and so on, where the bits do not say it all)
steps1    of a funnel, a row a person who did each of its steps at some time: u, done
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments.conditions import Selection, where
from evensplit.experiments.measure.asked import Asked, around, during, scanned
from evensplit.experiments.measure.numbers import Acted, Number, Stepped, Time
from evensplit.query.conditions import Condition, Source
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join

WORD = 62  # bits of an integer
Test: TypeAlias = tuple[str | None, Condition]
Form: TypeAlias = Literal["number", "whole", "key"]


class Item(msgspec.Struct, frozen=True):
    """What is read of events of a type: a number, the exact integer made of it, or what tells values apart."""

    event_type: str | None
    of: Source
    form: Form


class Activity(msgspec.Struct, frozen=True):
    """Tables, those of them that persons are joined with, and where the numbers stand in them."""

    tables: list[Fragment]
    joined: list[str]
    columns: Mapping[Number, str]


class Layout(msgspec.Struct, frozen=True):
    """Which test is which bit, which item and which time which column."""

    tests: Mapping[Test, int]
    items: Mapping[Item, int]
    times: Mapping[Time, int]
    ordered: bool  # whether the order of events matters

    @property
    def words(self) -> range:
        return range((len(self.tests) + WORD - 1) // WORD)

    def passed(self, selection: Selection, time: Time, table: Literal["w", "o"], dialect: Dialect) -> str:
        """The condition that an event (w) or any event of the person (o) is such a one, and lies in that time."""
        word, bit = divmod(self.tests[selection.event_type, selection.condition], WORD)
        return f"({dialect.integers.has_bit(f'{table}{self.times[time]}_{word}', bit)})"


def activity(asked: Asked, numbers: Sequence[Acted | Stepped]) -> Activity:
    """At least one number."""
    dialect = asked.scope.dialect
    layout = _layout(asked, numbers)
    bits = {number.time: None for number in numbers if isinstance(number, Stepped) or number.aggregate == "any"}
    united = [
        f"{dialect.integers.union(f'w{layout.times[time]}_{word}')} AS o{layout.times[time]}_{word}"
        for time in bits
        for word in layout.words
    ]
    shown: list[Fragment] = [Fragment(text) for text in ["u", *united]]
    columns: dict[Number, str] = {}
    steps: list[Fragment] = []
    for n, number in enumerate(numbers):
        if isinstance(number, Stepped):
            first = layout.passed(number.steps[0], number.time, "w", dialect)
            shown.append(Fragment(f"min(CASE WHEN {first} THEN k END) AS a{n}"))
            steps.append(fill(f"steps{n} AS ({{}})", _stepped(asked, number, layout, f"a{n}")))
            columns[number] = f"steps{n}.done"
        elif number.aggregate == "any":
            did = layout.passed(number.selection, number.time, "o", dialect)
            columns[number] = f"CASE WHEN {did} THEN 1.0 ELSE 0.0 END"
        else:
            shown.append(fill(f"{{}} AS a{n}", _folded(asked, number, layout)))
            columns[number] = f"acted.a{n}"
    acted = fill(f"acted AS {dialect.aggregates.once} (SELECT {{}} FROM hits GROUP BY u)", join(", ", shown))
    time = around(list(layout.times))
    before = [
        fill("happened AS ({})", _happened(asked, numbers, layout, time)),
        fill("hits AS ({})", _hits(asked, layout, time)),
    ]
    joined = ["acted", *(f"steps{n}" for n, number in enumerate(numbers) if isinstance(number, Stepped))]
    return Activity([*before, acted, *steps], joined, columns)


def _layout(asked: Asked, numbers: Sequence[Acted | Stepped]) -> Layout:
    chosen = _chosen(numbers)
    tests = dict.fromkeys((each.event_type, each.condition) for each in chosen)
    items = dict.fromkeys(_item(asked, number) for number in numbers if isinstance(number, Acted))
    times = dict.fromkeys(number.time for number in numbers)
    return Layout(
        {test: n for n, test in enumerate(tests)},
        {item: n for n, item in enumerate(items) if item is not None},
        {time: n for n, time in enumerate(times)},
        any(isinstance(number, Stepped) for number in numbers),
    )


def _chosen(numbers: Sequence[Acted | Stepped]) -> list[Selection]:
    return [
        each for number in numbers for each in (number.steps if isinstance(number, Stepped) else (number.selection,))
    ]


def _item(asked: Asked, number: Acted) -> Item | None:
    selection, aggregate = number.selection, number.aggregate
    if selection.of is None:
        return None
    form: Form = "number"
    if aggregate == "distinct":
        form = "key"
    elif aggregate in ("sum", "avg") and asked.known.exponent(selection.event_type, selection.of) is not None:
        form = "whole"
    return Item(selection.event_type, selection.of, form)


# --- events ---------------------------------------------------------------------------------------


def _happened(asked: Asked, numbers: Sequence[Acted | Stepped], layout: Layout, time: Time) -> Fragment:
    """A scan a type, so that each reads its own properties in the form that they have there. Where any type is looked
    at, one scan for all of them."""
    chosen = _chosen(numbers)
    types = list(dict.fromkeys(each.event_type for each in chosen))
    scans = [types] if None in types else [[name] for name in types]
    return join("\nUNION ALL ", [_scan(asked, chosen, of, layout, time) for of in scans])


def _scan(
    asked: Asked, chosen: Sequence[Selection], types: Sequence[str | None], layout: Layout, time: Time
) -> Fragment:
    dialect = asked.known.dialect([each for each in chosen if each.event_type in types])
    words = [fill(f"({{}})::BIGINT AS m{word}", _bits(types, word, layout, dialect)) for word in layout.words]
    read, shown = [], [Fragment("".join(f", m{word}" for word in layout.words))]
    for item, n in layout.items.items():
        if item.event_type not in types:
            shown.append(Fragment(f", NULL AS i{n}"))
            continue
        value = dialect.values.key(item.of) if item.form == "key" else dialect.values.number(item.of)
        read.append(fill(f", {{}} AS n{n}", value))
        exponent = asked.known.exponent(item.event_type, item.of)
        kept = Fragment(f"n{n}")
        if item.form == "whole" and exponent is not None:
            kept = dialect.aggregates.multiple(f"n{n}", Fragment("?::DOUBLE", (2.0**exponent,)))
        shown.append(fill(f", {{}} AS i{n}", kept))
    if layout.ordered:
        read.append(fill(", {} AS k", dialect.sequences.key(asked.packing)))
        shown.append(Fragment(", k"))
    return fill(
        f"SELECT user_id, t{{}} FROM (SELECT user_id, {dialect.times.ms('created_at')} AS t, {{}}{{}} "
        "FROM events WHERE {}) AS e",
        join("", shown),
        join(", ", words),
        join("", read),
        scanned(asked, types, time),
    )


def _bits(types: Sequence[str | None], word: int, layout: Layout, dialect: Dialect) -> Fragment:
    """The tests of one word that an event passes."""
    bits = []
    for (event_type, condition), n in layout.tests.items():
        if event_type in types and n // WORD == word:
            # That a scan of one type meets that type goes without saying.
            test = Selection(None if types == [event_type] else event_type, condition)
            bit = dialect.integers.bit(str(n % WORD))
            bits.append(fill(f"CASE WHEN {{}} THEN {bit} ELSE 0 END", where(test, dialect)))
    return join(" + ", bits or [Fragment("0")])


def _hits(asked: Asked, layout: Layout, time: Time) -> Fragment:
    elapsed = "(e.t - x.since)"
    columns = [
        fill(f"CASE WHEN {{}} THEN e.m{word} END AS w{n}_{word}", during(each, elapsed))
        for each, n in layout.times.items()
        for word in layout.words
    ]
    columns += [Fragment(f"e.i{n} AS i{n}") for n in layout.items.values()]
    if layout.ordered:
        columns.append(Fragment("e.k AS k"))
    passed = " OR ".join(f"e.m{word} <> 0" for word in layout.words)
    return fill(
        f"SELECT x.u AS u, {{}} FROM happened e JOIN members x ON x.id = e.user_id WHERE ({passed}) AND {{}}",
        join(", ", columns),
        during(time, elapsed),
    )


def _folded(asked: Asked, number: Acted, layout: Layout) -> Fragment:
    """What is made of the values of one person; NULL where there is none, for some also 0."""
    dialect, aggregate = asked.scope.dialect, number.aggregate
    item = _item(asked, number)
    fits = layout.passed(number.selection, number.time, "w", dialect)
    value = f"CASE WHEN {fits} THEN {'1' if item is None else f'i{layout.items[item]}'} END"
    if aggregate in ("count", "values"):
        return Fragment(f"count({value})::DOUBLE")
    if aggregate == "distinct":
        return Fragment(f"count(DISTINCT {value})::DOUBLE")
    if aggregate in ("min", "max"):
        return Fragment(f"{aggregate}({value})")
    total = Fragment(dialect.aggregates.compensated(value))
    if item is not None and item.form == "whole":
        exponent = asked.known.exponent(item.event_type, item.of)
        assert exponent is not None
        total = dialect.aggregates.as_double(f"sum({value})", exponent)
    return total if aggregate == "sum" else fill(f"{{}} / nullif(count({value}), 0)", total)


# --- funnels --------------------------------------------------------------------------------------


def _stepped(asked: Asked, number: Stepped, layout: Layout, first: str) -> Fragment:
    """Who did the steps: each time the earliest event by (time, id) that fits the next one, which no other choice
    beats while there is one end for all. The first step is known from `acted`, in a column; only who did each step at
    some time is looked at again, and of them only events after it."""
    steps = number.steps[1:]
    dialect = asked.known.dialect(steps)
    bits = [fill(f"CASE WHEN {{}} THEN {1 << n} ELSE 0 END", where(step, dialect)) for n, step in enumerate(steps)]
    events = fill(
        f"SELECT user_id, {dialect.times.ms('created_at')} AS t, {{}} AS k, ({{}})::BIGINT AS m FROM events WHERE {{}}",
        dialect.sequences.key(asked.packing),
        join(" + ", bits),
        scanned(asked, list(dict.fromkeys(step.event_type for step in steps)), number.time),
    )
    all_done = " AND ".join(
        layout.passed(step, number.time, "o", asked.scope.dialect) for step in dict.fromkeys(number.steps)
    )
    passed = dialect.sequences.passed("k", "m")
    return fill(
        f"""SELECT u, CASE WHEN {passed} = {len(steps)} THEN 1.0 ELSE 0.0 END AS done FROM (
        SELECT x.u AS u, e.k AS k, e.m AS m FROM ({{}}) e JOIN (
            SELECT y.id AS id, y.u AS u, y.since AS since, acted.{first} AS first
            FROM members y JOIN acted ON acted.u = y.u WHERE {all_done}
        ) x ON x.id = e.user_id WHERE e.m <> 0 AND e.k > x.first AND {{}}
    ) AS later GROUP BY u""",
        events,
        during(number.time, "(e.t - x.since)"),
    )
