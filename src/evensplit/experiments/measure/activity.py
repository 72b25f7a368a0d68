"""The numbers of each person that are made of their events, in SQL: a scan a type of event, each joined and grouped.

acted0, ...     of one scan, a row a person with such events: u, o0, ... (its bits say which tests an event of theirs
                passes in which time), and a0, a1, ... (counts, sums and so on)
happened        what stands behind it, a row an event: who (a key of the person), t (when, in milliseconds), m0, ...
                (its bits say which conditions it meets), and i0, i1, ... (what is read of it)

A scan of a type reads its own properties in the form that they have there, and its groups hold nothing but what comes
of these events: what all events take part in costs most. Funnels: `steps`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments.conditions import Selection, where
from evensplit.experiments.measure import steps
from evensplit.experiments.measure.asked import Asked, around, during, scanned
from evensplit.experiments.measure.numbers import Acted, Number, Stepped, Time
from evensplit.query.conditions import AllOf, Condition, Source
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join

WORD = 62  # bits of an integer
ALWAYS: Condition = AllOf(())
Test: TypeAlias = tuple[str | None, Condition]  # of an event: its type (None: any), and what else it meets
Form: TypeAlias = Literal["number", "whole", "key"]


class Item(msgspec.Struct, frozen=True):
    """What is read of events: a number, the exact integer made of it, or what tells values apart."""

    event_type: str | None
    of: Source
    form: Form


class Scan(msgspec.Struct, frozen=True):
    """One scan: of which types (None: of any), and which condition is which bit, which item which column, and which
    test in which time which bit of those that are united."""

    name: str
    types: tuple[str | None, ...]
    tests: Mapping[Test, int]
    items: Mapping[Item, int]
    united: Mapping[tuple[Test, Time], int]
    times: tuple[Time, ...]
    ordered: bool  # whether the order of events matters
    selective: bool  # whether an event may pass no test at all

    @property
    def words(self) -> range:
        return range((len(self.tests) + WORD - 1) // WORD)

    def passes(self, selection: Selection, dialect: Dialect) -> str | None:
        """The condition that an event is such a one; None where all of the scan are."""
        at = self.tests.get(test_of(selection))
        return None if at is None else f"({dialect.integers.has_bit(f'm{at // WORD}', at % WORD)})"

    def did(self, selection: Selection, time: Time, dialect: Dialect) -> str:
        """The condition that the person did such a one in that time."""
        word, bit = divmod(self.united[test_of(selection), time], WORD)
        return f"({dialect.integers.has_bit(f'{self.name}.o{word}', bit)})"


class Activity(msgspec.Struct, frozen=True):
    """Tables, those of them that persons are joined with, and where the numbers stand in them."""

    tables: list[Fragment]
    joined: list[str]
    columns: Mapping[Number, str]


def test_of(selection: Selection) -> Test:
    return selection.event_type, selection.condition


def activity(asked: Asked, numbers: Sequence[Acted | Stepped]) -> Activity:
    """At least one number."""
    dialect = asked.scope.dialect
    scans = _scans(asked, numbers)
    columns: dict[Number, str] = {}
    tables, joined = [], []
    for scan in scans:
        shown = [_united(scan, word, dialect) for word in range((len(scan.united) + WORD - 1) // WORD)]
        for n, number in enumerate(numbers):
            if isinstance(number, Stepped):
                shown += _ends(scan, number, n, dialect)
            elif not _of(scan, number.selection):
                continue
            elif number.aggregate == "any":
                did = scan.did(number.selection, number.time, dialect)
                columns[number] = f"CASE WHEN {did} THEN 1.0 ELSE 0.0 END"
            else:
                shown.append(fill(f"{{}} AS a{n}", _folded(asked, number, scan)))
                columns[number] = f"{scan.name}.a{n}"
        tables.append(_acted(asked, numbers, scan, shown))
        joined.append(scan.name)
    for n, number in enumerate(numbers):
        if isinstance(number, Stepped):
            found = [next(scan for scan in scans if _of(scan, step)) for step in number.steps]
            middle = zip(found[1:-1], number.steps[1:-1], strict=True)
            done = list(dict.fromkeys(scan.did(step, number.time, dialect) for scan, step in middle))
            ends = (f"{found[0].name}.first{n}", f"{found[-1].name}.last{n}")
            tables += steps.chain(asked, number, f"steps{n}", ends, [*dict.fromkeys(s.name for s in found)], done)
            joined.append(f"steps{n}")
            columns[number] = f"steps{n}.done"
    return Activity(tables, joined, columns)


# --- which scans ----------------------------------------------------------------------------------


def _scans(asked: Asked, numbers: Sequence[Acted | Stepped]) -> list[Scan]:
    """A scan a type. Where any type is looked at, one scan for all of them."""
    types = list(dict.fromkeys(each.event_type for number in numbers for each in _chosen(number)))
    parts = [tuple(types)] if None in types else [(name,) for name in types]
    return [_scan_of(asked, numbers, of, f"acted{n}") for n, of in enumerate(parts)]


def _scan_of(asked: Asked, numbers: Sequence[Acted | Stepped], types: tuple[str | None, ...], name: str) -> Scan:
    chosen = [(number, each) for number in numbers for each in _chosen(number) if each.event_type in types]
    tests = dict.fromkeys(test_of(each) for _, each in chosen)
    every = (types[0], ALWAYS) if len(types) == 1 else (None, ALWAYS)
    selective = every not in tests
    tests.pop(every, None)  # a scan of one type meets that type by itself
    items = dict.fromkeys(_item(asked, number) for number, _ in chosen if isinstance(number, Acted))
    united = dict.fromkeys(
        (test_of(each), number.time)
        for number, each in chosen
        if (isinstance(number, Acted) and number.aggregate == "any")
        or (isinstance(number, Stepped) and each in number.steps[1:-1])
    )
    return Scan(
        name,
        types,
        {each: n for n, each in enumerate(tests)},
        {item: n for n, item in enumerate(items) if item is not None},
        {each: n for n, each in enumerate(united)},
        tuple(dict.fromkeys(number.time for number, _ in chosen)),
        any(isinstance(number, Stepped) for number, _ in chosen),
        selective,
    )


def _chosen(number: Acted | Stepped) -> tuple[Selection, ...]:
    return number.steps if isinstance(number, Stepped) else (number.selection,)


def _of(scan: Scan, selection: Selection) -> bool:
    return selection.event_type in scan.types


def _item(asked: Asked, number: Acted) -> Item | None:
    selection, aggregate = number.selection, number.aggregate
    if selection.of is None:
        return None
    form: Form = "number"
    if aggregate == "distinct":
        form = "key"
    elif aggregate in ("sum", "avg") and not _exact(asked, selection):
        exponent = asked.known.exponent(selection.event_type, selection.of)
        form = "number" if exponent is None else "whole"
    return Item(selection.event_type, selection.of, form)


def _exact(asked: Asked, selection: Selection) -> bool:
    return asked.known.exact(selection.event_type, selection.of, asked.watermark.events)


# --- events ---------------------------------------------------------------------------------------


def _acted(asked: Asked, numbers: Sequence[Acted | Stepped], scan: Scan, shown: Sequence[Fragment]) -> Fragment:
    # Funnels read it again.
    once = f"{asked.scope.dialect.aggregates.once} " if scan.ordered else ""
    handed = [*(f"m{word}" for word in scan.words), *(f"i{n}" for n in scan.items.values())]
    handed += ["k"] if scan.ordered else []
    names = "".join(f", e.{name} AS {name}" for name in handed)
    return fill(
        f"{scan.name} AS {once}(SELECT {{}} FROM (SELECT x.u AS u, e.t - x.since AS d{names} "
        "FROM ({}) AS e JOIN members x ON x.id = e.who) AS hits GROUP BY u)",
        join(", ", [Fragment("u"), *shown]),
        _happened(asked, numbers, scan),
    )


def _happened(asked: Asked, numbers: Sequence[Acted | Stepped], scan: Scan) -> Fragment:
    chosen = [each for number in numbers for each in _chosen(number) if _of(scan, each)]
    dialect = asked.known.dialect(chosen)
    read = [fill(f", ({{}})::BIGINT AS m{word}", _bits(scan, word, dialect)) for word in scan.words]
    shown = [f", m{word}" for word in scan.words]
    for item, n in scan.items.items():
        value = dialect.values.key(item.of) if item.form == "key" else dialect.values.number(item.of)
        read.append(fill(f", {{}} AS n{n}", value))
    if scan.ordered:
        read.append(fill(", {} AS k", dialect.sequences.key(asked.packing)))
        shown.append(", k")
    passed = f" WHERE {' OR '.join(f'm{word} <> 0' for word in scan.words)}" if scan.selective else ""
    return fill(
        f"SELECT who, t{''.join(shown)}{{}} FROM (SELECT {dialect.persons.key('user_id')} AS who, "
        f"{dialect.times.ms('created_at')} AS t{{}} FROM events WHERE {{}}) AS happened{passed}",
        join("", [_kept(asked, item, n, dialect) for item, n in scan.items.items()]),
        join("", read),
        scanned(asked, scan.types, around(scan.times)),
    )


def _kept(asked: Asked, item: Item, n: int, dialect: Dialect) -> Fragment:
    exponent = asked.known.exponent(item.event_type, item.of)
    if item.form != "whole" or exponent is None:
        return Fragment(f", n{n} AS i{n}")
    return fill(f", {{}} AS i{n}", dialect.aggregates.multiple(f"n{n}", Fragment("?::DOUBLE", (2.0**exponent,))))


def _bits(scan: Scan, word: int, dialect: Dialect) -> Fragment:
    """The conditions of one word that an event meets."""
    bits = []
    for (event_type, condition), n in scan.tests.items():
        if n // WORD == word:
            asked_of = None if scan.types == (event_type,) else event_type
            bit = dialect.integers.bit(str(n % WORD))
            bits.append(fill(f"CASE WHEN {{}} THEN {bit} ELSE 0 END", where(Selection(asked_of, condition), dialect)))
    return join(" + ", bits)


# --- persons --------------------------------------------------------------------------------------


def _united(scan: Scan, word: int, dialect: Dialect) -> Fragment:
    """The tests of one word that any event of the person passes, each in its time."""
    bits = []
    for ((event_type, condition), time), n in scan.united.items():
        if n // WORD == word:
            fits = _fits(scan.passes(Selection(event_type, condition), dialect), time)
            bits.append(fill(f"CASE WHEN {{}} THEN {dialect.integers.bit(str(n % WORD))} ELSE 0 END", fits))
    whole = fill("({})", join(" + ", bits))
    return fill(f"{dialect.integers.union('{}')} AS o{word}", whole)


def _fits(passes: str | None, time: Time) -> Fragment:
    """The condition that an event is such a one and lies in a time of the person."""
    within = during(time, "d")
    return within if passes is None else fill(f"{passes} AND {{}}", within)


def _ends(scan: Scan, number: Stepped, n: int, dialect: Dialect) -> list[Fragment]:
    """When the person first did the first step of a funnel, and last the last one, as far as this scan sees them."""
    found = []
    for name, step, fold in (("first", number.steps[0], "min"), ("last", number.steps[-1], "max")):
        if _of(scan, step):
            value = fill("CASE WHEN {} THEN k END", _fits(scan.passes(step, dialect), number.time))
            found.append(fill(f"{fold}({{}}) AS {name}{n}", value))
    return found


def _folded(asked: Asked, number: Acted, scan: Scan) -> Fragment:
    """What is made of the values of one person; NULL where there is none, for some also 0."""
    dialect, aggregate = asked.scope.dialect, number.aggregate
    item = _item(asked, number)
    fits = _fits(scan.passes(number.selection, dialect), number.time)
    value = fill(f"CASE WHEN {{}} THEN {'1' if item is None else f'i{scan.items[item]}'} END", fits)
    if aggregate in ("count", "values"):
        return fill("count({})::DOUBLE", value)
    if aggregate == "distinct":
        return fill("count(DISTINCT {})::DOUBLE", value)
    if aggregate in ("min", "max"):
        return fill(f"{aggregate}({{}})", value)
    if _exact(asked, number.selection):
        total = fill("sum({})", value)
    elif item is not None and item.form == "whole":
        exponent = asked.known.exponent(item.event_type, item.of)
        assert exponent is not None
        total = dialect.aggregates.as_double(fill("sum({})", value), exponent)
    else:
        once = dialect.aggregates.compensated("{}")
        total = fill(once, *[value] * once.count("{}"))
    return total if aggregate == "sum" else fill("{} / nullif(count({}), 0)", total, value)
