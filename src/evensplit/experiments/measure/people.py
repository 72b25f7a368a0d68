"""A row a person with all the numbers that are asked of them, in SQL: of their events (`activity`), and of their rows
of `ab_metrics`. Not here: sums over persons (`sums`).

    noted  a row a person with recorded values: u, r0, r1, ...
"""

from collections.abc import Mapping, Sequence

import msgspec

from evensplit.experiments import exposures
from evensplit.experiments.measure.activity import activity
from evensplit.experiments.measure.asked import Asked, during, finished
from evensplit.experiments.measure.numbers import Acted, Column, Noted, Number, Stepped
from evensplit.experiments.measure.sums import Units
from evensplit.query.fragment import Fragment, fill, join


def units(asked: Asked, columns: Sequence[Column], pairs: Sequence[tuple[int, int]]) -> tuple[list[Fragment], Units]:
    """What stands before the table of persons (after `exposures.members`), and that table, named `units`."""
    numbers = list(dict.fromkeys(column.number for column in columns))
    acted = [number for number in numbers if isinstance(number, Acted | Stepped)]
    noted = [number for number in numbers if isinstance(number, Noted)]
    tables: list[Fragment] = []
    joins: list[str] = []
    at: dict[Number, str] = {}
    if acted:
        made = activity(asked, acted)
        tables += made.tables
        joins += [f"LEFT JOIN {table} ON {table}.u = x.u" for table in made.joined]
        at |= made.columns
    if noted:
        tables += _noted(asked, noted)
        joins.append("LEFT JOIN noted ON noted.u = x.u")
        at |= {number: f"noted.r{n}" for n, number in enumerate(noted)}
    parted = asked.scope.part is not None
    shown = [fill(f"{{}} AS c{n}", _column(asked, column, at)) for n, column in enumerate(columns)]
    persons = fill(
        f"SELECT x.variant_id AS variant_id{', x.part AS part' if parted else ''}, {{}} "
        f"FROM exposed x {' '.join(joins)}",
        join(", ", shown),
    )
    of = {column: n for n, column in enumerate(columns)}
    capped = {n: of[main] for n, column in enumerate(columns) if (main := column.beside or column).cap is not None}
    caps = {n: cap for n in sorted(set(capped.values())) if (cap := columns[n].cap) is not None}
    return tables, Units("units", persons, len(columns), caps, capped, tuple(pairs), parted)


def _column(asked: Asked, column: Column, at: Mapping[Number, str]) -> Fragment:
    value = at[column.number]
    found = Fragment(f"coalesce({value}, 0.0)" if column.absent == "zero" else value)
    there: list[Fragment] = []
    if column.beside is not None:
        main = column.beside
        if main.absent == "skip":
            there.append(Fragment(f"{at[main.number]} IS NOT NULL"))
        column = msgspec.structs.replace(column, finish=main.finish)
    if column.finish is not None:
        there.append(finished(asked, column.finish))
    return fill("CASE WHEN {} THEN {} END", join(" AND ", there), found) if there else found


# --- recorded values ------------------------------------------------------------------------------


def _noted(asked: Asked, numbers: Sequence[Noted]) -> list[Fragment]:
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
    return [fill(f"noted AS (SELECT u, {', '.join(folded)} FROM ({{}}) AS m GROUP BY u)", found)]


def recorded(asked: Asked, names: Sequence[str]) -> Fragment:
    """The condition over `ab_metrics m`: rows of these metrics."""
    return fill(
        "m.test_id = {} AND m.id <= {} AND m.value IS NOT NULL AND {} AND m.metric_name IN ({})",
        Fragment("?", (asked.scope.test_id,)),
        Fragment("?", (asked.watermark.metrics,)),
        exposures.seen(asked.scope, "m.created_at"),
        join(", ", [Fragment("?", (name,)) for name in dict.fromkeys(names)]),
    )
