"""Whole statements over an experiment: of all metrics at once, and of the values that quantiles need afterwards."""

from collections.abc import Mapping, Sequence

import msgspec

from evensplit.experiments import exposures
from evensplit.experiments.conditions import where
from evensplit.experiments.measure import people, sums
from evensplit.experiments.measure.asked import Asked, during, finished, scanned
from evensplit.experiments.measure.numbers import Acted, Column, Measurement, People, Points, Rows
from evensplit.experiments.measure.people import Placed
from evensplit.experiments.measure.sums import Units
from evensplit.model.metric import Quantile
from evensplit.query.fragment import Fragment, fill, join

EVERYBODY = -1  # the number of the rows that count all persons; tables of units follow from 0


class Statement(msgspec.Struct, frozen=True):
    """One for all measurements. `pairs` of each table: whose products stand where; `caps`: which columns have one."""

    sql: Fragment
    placed: Mapping[int, Placed]
    pairs: tuple[tuple[tuple[int, int], ...], ...]
    caps: tuple[Mapping[int, int], ...]  # column: which column's cap holds for it


def moments(asked: Asked, measurements: Mapping[int, Measurement]) -> Statement:
    """At least one measurement. Rows as `sums.summed` has them; of quantiles only how many values there are."""
    of_people = {number: _columns(each) for number, each in measurements.items() if not isinstance(each.made_of, Rows)}
    rows = {number: each.made_of for number, each in measurements.items() if isinstance(each.made_of, Rows)}
    paired = {number for number in of_people if _needs_products(measurements[number])}
    tables = [exposures.members(asked.scope)]
    made: list[Units] = []
    placed: dict[int, Placed] = {}
    if of_people:
        found = people.tables(asked, of_people, paired)
        tables += found.before
        made += found.units
        placed |= found.placed
    for number, each in rows.items():
        placed[number] = Placed(len(made), (0,), None)
        made.append(_rows(asked, each, len(made)))
    for units in made:
        tables += sums.tables(units, asked.scope.dialect)
    selects = [sums.summed(units, n, asked.scope.dialect) for n, units in enumerate(made)]
    if any(each.others is not None for each in placed.values()):
        selects.append(sums.counted("exposed", EVERYBODY, asked.scope.part is not None))
    return Statement(
        fill("WITH {}\n{}", join(",\n", tables), join("\nUNION ALL\n", selects)),
        placed,
        tuple(units.pairs for units in made),
        tuple(units.capped for units in made),
    )


def _columns(measured: Measurement) -> tuple[Column, ...]:
    """What is added up of each person; of the values of events how many there are."""
    if isinstance(measured.made_of, Points):
        points = measured.made_of
        return (Column(Acted(points.selection, "values", points.time), finish=points.finish),)
    assert isinstance(measured.made_of, People)
    return measured.made_of.columns


def _needs_products(measured: Measurement) -> bool:
    """Those of zeros and ones follow from their sum."""
    return not isinstance(measured.metric, Quantile) and not _binary(measured)


def _binary(measured: Measurement) -> bool:
    return (
        measured.shape == "proportion" and isinstance(measured.made_of, People) and len(measured.made_of.columns) == 1
    )


def _rows(asked: Asked, rows: Rows, number: int) -> Units:
    """Each row by itself, under the variant it was recorded for."""
    dialect = asked.scope.dialect
    parted = asked.scope.part is not None
    counts = during(rows.time, f"{dialect.times.ticks('m.created_at')} - i.since", dialect.times)
    if rows.finish is not None:
        counts = join(" AND ", [counts, finished(asked, rows.finish)])
    made = fill(
        f"""SELECT m.variant_id AS variant_id{", x.part AS part" if parted else ""}, m.value AS c0
    FROM ab_metrics m LEFT JOIN members i ON i.id = {dialect.persons.key("m.user_id")} LEFT JOIN exposed x ON x.u = i.u
    WHERE {{}} AND (m.user_id IS NULL OR {{}})""",
        people.recorded(asked, [rows.name]),
        counts,
    )
    caps = {} if rows.cap is None else {0: rows.cap}
    return Units(f"rows{number}", made, 1, caps, dict.fromkeys(caps, 0), ((0, 0),), parted)


# --- quantiles ------------------------------------------------------------------------------------


def quantiles(measurement: Measurement, levels: Sequence[float], asked: Asked) -> Fragment:
    """Rows (variant_id, part, a list of the quantiles at these levels, NULL or a list about clusters): how many persons
    have values, the sums of (their values up to the first quantile, all of their values), and of those squared: (first
    with itself, with the second, second with itself)."""
    parted = asked.scope.part is not None
    keys = ("variant_id", "part") if parted else ("variant_id",)
    names = ", ".join(keys)
    wanted = asked.scope.dialect.aggregates.quantiles("c0", levels)
    part = "part" if parted else "NULL"
    if not isinstance(measurement.made_of, Points):
        assert isinstance(measurement.made_of, People)
        found = people.tables(asked, {0: measurement.made_of.columns}, ())
        (units,) = found.units
        return fill(
            f"WITH {{}},\nunits AS ({{}})\nSELECT variant_id, {part}, {{}}, NULL FROM units GROUP BY {names}",
            join(",\n", [exposures.members(asked.scope), *found.before]),
            units.made,
            wanted,
        )
    once = asked.scope.dialect.aggregates.once
    same = " AND ".join(
        f"p.{key} IS NOT DISTINCT FROM f.{key}" if key == "part" else f"p.{key} = f.{key}" for key in keys
    )
    groups = ", ".join(f"p.{key}" for key in keys)
    persons = f"""SELECT {", ".join(f"p.{key} AS {key}" for key in keys)}, p.u AS u,
    sum(CASE WHEN p.c0 <= f.found[1] THEN 1 ELSE 0 END)::BIGINT AS low, count(*)::BIGINT AS every
FROM points p JOIN found f ON {same} GROUP BY {groups}, p.u"""
    clusters = f"""SELECT {names}, count(*) AS n, sum(low) AS a, sum(every) AS b, sum(low * low) AS aa,
    sum(low * every) AS ab, sum(every * every) AS bb FROM persons GROUP BY {names}"""
    shown = "f.part" if parted else "NULL"
    return fill(
        f"""WITH {{}},\npoints AS {once} ({{}}),
found AS {once} (SELECT {names}, {{}} AS found FROM points GROUP BY {names}),
persons AS ({persons}), clusters AS ({clusters})
SELECT f.variant_id, {shown}, f.found, [p.n, p.a, p.b, p.aa, p.ab, p.bb]
FROM found f JOIN clusters p ON {same}""",
        exposures.members(asked.scope),
        _points(asked, measurement.made_of),
        wanted,
    )


def _points(asked: Asked, points: Points) -> Fragment:
    """Rows (variant_id, part, u, c0): the values of the events."""
    chosen = points.selection
    assert chosen.of is not None
    dialect = asked.known.dialect([chosen])
    conditions = [during(points.time, "e.t - m.since", dialect.times)]
    if points.finish is not None:
        conditions.append(finished(asked, points.finish))
    return fill(
        f"""SELECT x.variant_id AS variant_id{", x.part AS part" if asked.scope.part is not None else ""}, x.u AS u,
    e.c0 AS c0
FROM (SELECT {dialect.persons.key("user_id")} AS who, {dialect.times.ticks("created_at")} AS t, {{}} AS c0 FROM events
WHERE {{}} AND {{}}) e JOIN members m ON m.id = e.who JOIN exposed x ON x.u = m.u WHERE e.c0 IS NOT NULL AND {{}}""",
        dialect.values.number(chosen.of),
        scanned(asked, [chosen.event_type], points.time),
        where(chosen, dialect),
        join(" AND ", conditions),
    )
