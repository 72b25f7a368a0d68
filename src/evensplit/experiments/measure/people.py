"""Tables of persons with all the numbers that are asked of them, in SQL: of their events (`activity`), and of their
rows of `ab_metrics`. Not here: sums over persons (`sums`).

    noted         a row a person with recorded values: u, r0, r1, ...
    units         a row a person
    units_acted0  a row a person who is in `acted0`, and so on: what all others have is known without them

To put a row of every person together costs as much as half of the scans of their events, so only those metrics pay for
it that need it: with numbers of several tables, a cap that depends on all persons or lies below 0, or a time that is
not over for some.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments import exposures
from evensplit.experiments.measure.activity import activity
from evensplit.experiments.measure.asked import Asked, during, finished
from evensplit.experiments.measure.numbers import Acted, Column, Noted, Number, Place, Stepped
from evensplit.experiments.measure.sums import Units
from evensplit.query.fragment import Fragment, fill, join

Others: TypeAlias = Literal["zero", "nothing"]


class Placed(msgspec.Struct, frozen=True):
    """Where a measurement's sums stand: in which table, in which of its columns. `others`: what those have who are in
    none of its rows, each in all columns; None: there are no others."""

    table: int
    columns: tuple[int, ...]
    others: Others | None


class Tables(msgspec.Struct, frozen=True):
    """Tables of units, what stands before them (after `exposures.members`), and where each measurement stands."""

    before: list[Fragment]
    units: list[Units]
    placed: Mapping[int, Placed]


def everybody(asked: Asked, columns: Sequence[Column]) -> tuple[list[Fragment], Units]:
    """What stands before it, and a table with a row for each person."""
    before, at = _numbers(asked, list(dict.fromkeys(column.number for column in columns)))
    return before, _units(asked, columns, at, None, ())


def tables(asked: Asked, wanted: Mapping[int, Sequence[Column]], paired: Container[int]) -> Tables:
    """Of each measurement its columns. `paired`: whose products are wanted."""
    numbers = list(dict.fromkeys(column.number for columns in wanted.values() for column in columns))
    before, at = _numbers(asked, numbers)
    groups: dict[str | None, list[int]] = {}  # by the one table that is enough
    for number, columns in wanted.items():
        groups.setdefault(_enough(columns, at), []).append(number)
    units: list[Units] = []
    placed: dict[int, Placed] = {}
    for table, chosen in groups.items():
        columns = list(dict.fromkeys(column for number in chosen for column in wanted[number]))
        places = {column: n for n, column in enumerate(columns)}
        pairs: dict[tuple[int, int], None] = {}
        for number in chosen:
            of = tuple(places[column] for column in wanted[number])
            others = None if table is None else _others(wanted[number])
            placed[number] = Placed(len(units), of, others)
            if number in paired:
                pairs |= dict.fromkeys((i, j) for place, i in enumerate(of) for j in of[place:])
        units.append(_units(asked, columns, at, table, tuple(pairs)))
    return Tables(before, units, placed)


def _numbers(asked: Asked, numbers: Sequence[Number]) -> tuple[list[Fragment], dict[Number, Place]]:
    acted = [number for number in numbers if isinstance(number, Acted | Stepped)]
    noted = [number for number in numbers if isinstance(number, Noted)]
    before: list[Fragment] = []
    at: dict[Number, Place] = {}
    if acted:
        made = activity(asked, acted)
        before += made.tables
        at |= made.places
    if noted:
        before.append(_noted(asked, noted))
        at |= {number: Place("noted", f"noted.r{n}") for n, number in enumerate(noted)}
    return before, at


def _enough(columns: Iterable[Column], at: Mapping[Number, Place]) -> str | None:
    """The table whose persons are enough for these columns; None: all persons are needed."""
    found = {at[column.number].table for column in _all(columns)}
    everybody = any(column.finish is not None or _caps_others(column) for column in _all(columns))
    return None if everybody or len(found) > 1 else found.pop()


def _caps_others(column: Column) -> bool:
    """Whether the zeros of those who have none count for the cap, or may lie above it."""
    cap = column.cap
    return column.absent == "zero" and cap is not None and (cap.upper_value is None or cap.upper_value < 0)


def _all(columns: Iterable[Column]) -> list[Column]:
    """With those that they stand beside."""
    return [each for column in columns for each in (column, column.beside) if each is not None]


def _others(columns: Sequence[Column]) -> Others:
    """Those beside a column have what it has."""
    main = columns[0]
    assert all((column.beside or column).absent == main.absent for column in columns)
    return "zero" if main.absent == "zero" else "nothing"


def _units(
    asked: Asked,
    columns: Sequence[Column],
    at: Mapping[Number, Place],
    table: str | None,
    pairs: Sequence[tuple[int, int]],
) -> Units:
    parted = asked.scope.part is not None
    shown = [fill(f"{{}} AS c{n}", _column(asked, column, at)) for n, column in enumerate(columns)]
    if table is None:
        needed = dict.fromkeys(at[column.number].table for column in _all(columns))
        joins = " ".join(f"LEFT JOIN {each} ON {each}.u = x.u" for each in needed)
    else:
        joins = f"JOIN {table} ON {table}.u = x.u"
    persons = fill(
        f"SELECT x.variant_id AS variant_id{', x.part AS part' if parted else ''}, {{}} FROM exposed x {joins}",
        join(", ", shown),
    )
    of = {column: n for n, column in enumerate(columns)}
    capped = {n: of[main] for n, column in enumerate(columns) if (main := column.beside or column).cap is not None}
    caps = {n: cap for n in sorted(set(capped.values())) if (cap := columns[n].cap) is not None}
    name = "units" if table is None else f"units_{table}"
    return Units(name, persons, len(columns), caps, capped, tuple(pairs), parted)


def _column(asked: Asked, column: Column, at: Mapping[Number, Place]) -> Fragment:
    value = at[column.number].value
    found = Fragment(f"coalesce({value}, 0.0)" if column.absent == "zero" else value)
    there: list[Fragment] = []
    if column.beside is not None:
        main = column.beside
        if main.absent == "skip":
            there.append(Fragment(f"{at[main.number].value} IS NOT NULL"))
        column = msgspec.structs.replace(column, finish=main.finish)
    if column.finish is not None:
        there.append(finished(asked, column.finish))
    return fill("CASE WHEN {} THEN {} END", join(" AND ", there), found) if there else found


# --- recorded values ------------------------------------------------------------------------------


def _noted(asked: Asked, numbers: Sequence[Noted]) -> Fragment:
    dialect = asked.scope.dialect
    columns = [
        fill(
            f"CASE WHEN m.metric_name = {{}} AND {{}} THEN m.value END AS h{n}",
            Fragment("?", (number.name,)),
            during(number.time, f"{dialect.times.ticks('m.created_at')} - x.since", dialect.times),
        )
        for n, number in enumerate(numbers)
    ]
    folded = [
        f"{f'max(h{n})' if number.aggregate == 'max' else dialect.aggregates.compensated(f'h{n}')} AS r{n}"
        for n, number in enumerate(numbers)
    ]
    who = dialect.persons.key("m.user_id")
    found = fill(
        f"SELECT x.u AS u, {{}} FROM ab_metrics m JOIN members x ON x.id = {who} WHERE {{}}",
        join(", ", columns),
        recorded(asked, [number.name for number in numbers]),
    )
    return fill(f"noted AS (SELECT u, {', '.join(folded)} FROM ({{}}) AS m GROUP BY u)", found)


def recorded(asked: Asked, names: Sequence[str]) -> Fragment:
    """The condition over `ab_metrics m`: rows of these metrics."""
    return fill(
        "m.test_id = {} AND m.id <= {} AND m.value IS NOT NULL AND {} AND m.metric_name IN ({})",
        Fragment("?", (asked.scope.test_id,)),
        Fragment("?", (asked.watermark.metrics,)),
        exposures.seen(asked.scope, "m.created_at"),
        join(", ", [Fragment("?", (name,)) for name in dict.fromkeys(names)]),
    )
