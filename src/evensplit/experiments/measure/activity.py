"""The numbers of each person that are made of their events, in SQL: a table a scan, each joined and grouped by itself.

acted0, ...     of one scan, a row a person with such events: u, o0, ... (its bits say which tests an event of theirs
                passes in which time), a0, a1, ... (counts, sums and so on), and step0_0, ... (when they did the steps
                of funnels)
happened        what stands behind it, a row an event: who (a key of the person), t (when), m0, ... (its bits say which
                conditions it meets), i0, i1, ... (what is read of it), and k (its place among all events)

A scan of a type reads its own properties in the form that they have there, and its groups hold nothing but what comes
of these events: what all events take part in costs most.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evensplit.experiments.conditions import Selection, where
from evensplit.experiments.measure.asked import Asked, around, during, scanned
from evensplit.experiments.measure.numbers import Acted, Number, Place, Stepped, Time
from evensplit.experiments.measure.scans import Item, Scan, Step, is_exact, item_of, scans, test_of
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join

WORD = 62  # bits of an integer


class Activity(msgspec.Struct, frozen=True):
    """Tables, and where the numbers stand in them."""

    tables: list[Fragment]
    places: Mapping[Number, Place]


def activity(asked: Asked, numbers: Sequence[Acted | Stepped]) -> Activity:
    """At least one number."""
    found = scans(asked, numbers)
    at: dict[Acted | Stepped, int] = {number: n for n, number in enumerate(numbers)}
    told = {step: scan.name for scan in found for step in scan.told}
    places: dict[Number, Place] = {}
    for scan in found:
        for acted in scan.acted:
            places[acted] = Place(scan.name, _number(scan, acted, at[acted], asked.scope.dialect))
    for number, n in at.items():
        if isinstance(number, Stepped):
            last = Step(number, n, len(number.steps) - 1)
            places[number] = Place(told[last], _yes(f"{told[last]}.{last.column} IS NOT NULL"))
    return Activity([_acted(asked, scan, at, told) for scan in found], places)


def _number(scan: Scan, number: Acted, n: int, dialect: Dialect) -> str:
    if number.aggregate != "any":
        return f"{scan.name}.a{n}"
    word, bit = divmod(scan.united[test_of(number.selection), number.time], WORD)
    return _yes(dialect.integers.has_bit(f"{scan.name}.o{word}", bit))


def _yes(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 1e0 ELSE 0e0 END"


# --- events ---------------------------------------------------------------------------------------


def _acted(asked: Asked, scan: Scan, at: Mapping[Acted | Stepped, int], told: Mapping[Step, str]) -> Fragment:
    dialect = asked.scope.dialect
    shown = [_united(scan, word, dialect) for word in _words(scan.united)]
    folded = [number for number in scan.acted if number.aggregate != "any"]
    shown += [fill(f"{{}} AS a{at[number]}", _folded(asked, number, scan)) for number in folded]
    shown += [_moment(scan, step, before, dialect) for step, before in scan.told.items()]
    handed = [*(f"m{word}" for word in _words(scan.tests)), *(f"i{n}" for n in scan.items.values())]
    names = [f"e.{name} AS {name}" for name in handed + ["k"] * bool(scan.told)]
    names += [f"x.{step.column} AS {step.column}" for step in scan.before]
    return fill(
        f"{scan.name} AS (SELECT {{}} FROM (SELECT {', '.join(['x.u AS u', 'e.t - x.since AS d', *names])} "
        f"FROM ({{}}) AS e JOIN {_members(scan, told)} x ON x.id = e.who) AS hits GROUP BY u)",
        join(", ", [Fragment("u"), *shown]),
        _happened(asked, scan),
    )


def _members(scan: Scan, told: Mapping[Step, str]) -> str:
    """With the moments that the scan has to know of."""
    if not scan.before:
        return "members"
    columns = ["m.id AS id", "m.u AS u", "m.since AS since"]
    columns += [f"{told[step]}.{step.column} AS {step.column}" for step in scan.before]
    sources = dict.fromkeys(told[step] for step in scan.before)
    joins = "".join(f" LEFT JOIN {source} ON {source}.u = m.u" for source in sources)
    return f"(SELECT {', '.join(columns)} FROM members m{joins})"


def _happened(asked: Asked, scan: Scan) -> Fragment:
    dialect = asked.known.dialect(scan.selections)
    read = [fill(f", ({{}})::BIGINT AS m{word}", _bits(scan, word, dialect)) for word in _words(scan.tests)]
    shown = [f", m{word}" for word in _words(scan.tests)]
    for item, n in scan.items.items():
        value = dialect.values.key(item.of) if item.form == "key" else dialect.values.number(item.of)
        read.append(fill(f", {{}} AS n{n}", value))
    if scan.told:
        read.append(fill(", {} AS k", dialect.sequences.key(asked.packing)))
        shown.append(", k")
    passed = f" WHERE {' OR '.join(f'm{word} <> 0' for word in _words(scan.tests))}" if scan.selective else ""
    return fill(
        f"SELECT who, t{''.join(shown)}{{}} FROM (SELECT {dialect.persons.key('user_id')} AS who, "
        f"{dialect.times.ticks('created_at')} AS t{{}} FROM events WHERE {{}}) AS happened{passed}",
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


def _words(bits: Mapping[Any, int]) -> range:
    """The integers that hold them."""
    return range((len(bits) + WORD - 1) // WORD)


# --- persons --------------------------------------------------------------------------------------


def _united(scan: Scan, word: int, dialect: Dialect) -> Fragment:
    """The tests of one word that any event of the person passes, each in its time."""
    bits = []
    for ((event_type, condition), time), n in scan.united.items():
        if n // WORD == word:
            fits = _fits(scan, Selection(event_type, condition), time, dialect)
            bits.append(fill(f"CASE WHEN {{}} THEN {dialect.integers.bit(str(n % WORD))} ELSE 0 END", fits))
    whole = fill("({})", join(" + ", bits))
    return fill(f"{dialect.integers.union('{}')} AS o{word}", whole)


def _fits(scan: Scan, selection: Selection, time: Time, dialect: Dialect) -> Fragment:
    """The condition that an event is such a one and lies in a time of the person."""
    within, test = during(time, "d", dialect.times), scan.tests.get(test_of(selection))
    if test is None:  # all events of the scan are
        return within
    word, bit = divmod(test, WORD)
    return fill(f"({dialect.integers.has_bit(f'm{word}', bit)}) AND {{}}", within)


def _moment(scan: Scan, step: Step, before: Step | None, dialect: Dialect) -> Fragment:
    """When the person did a step, as early as can be after the one before."""
    fits = _fits(scan, step.selection, step.number.time, dialect)
    later = "" if before is None else f" AND k > {before.column}"
    return fill(f"min(CASE WHEN {{}}{later} THEN k END) AS {step.column}", fits)


def _folded(asked: Asked, number: Acted, scan: Scan) -> Fragment:
    """What is made of the values of one person; NULL where there is none, for some also 0."""
    dialect, aggregate = asked.scope.dialect, number.aggregate
    item = item_of(asked, number)
    fits = _fits(scan, number.selection, number.time, dialect)
    value = fill(f"CASE WHEN {{}} THEN {'1' if item is None else f'i{scan.items[item]}'} END", fits)
    if aggregate in ("count", "values"):
        return fill("count({})::DOUBLE", value)
    if aggregate == "distinct":
        return fill("count(DISTINCT {})::DOUBLE", value)
    if aggregate in ("min", "max"):
        return fill(f"{aggregate}({{}})", value)
    if is_exact(asked, number.selection):
        total = fill("sum({})", value)
    elif item is not None and item.form == "whole":
        exponent = asked.known.exponent(item.event_type, item.of)
        assert exponent is not None
        total = dialect.aggregates.as_double(fill("sum({})", value), exponent)
    else:
        once = dialect.aggregates.compensated("{}")
        total = fill(once, *[value] * once.count("{}"))
    return total if aggregate == "sum" else fill("{} / nullif(count({}), 0)", total, value)
