"""Counts, sums and sums of products over a table of units, by variant (and part), whatever the order of rows.

In each group a column is scaled by a power of two so that its largest number lies just below 2^61, rounded to whole
numbers and added up as integers: the same rows give the same digits however many threads take part, and nothing is
rounded by more than 2^-61 of the largest. Products are of distances from the group's mean, so that a mean of 1e9 keeps
a variance of 1. Columns are called c0, c1, ...; a number that left the range of doubles makes its sums NULL.
"""

from collections.abc import Mapping

import msgspec

from evensplit.model.metric import Cap
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join

GREATEST = "1.7976931348623157e308"
MOST_BITS = 60


class Units(msgspec.Struct, frozen=True):
    """A table of units under a name: `made` selects variant_id, part (if `parted`) and the columns.

    `caps`: of a column; `capped`: which columns follow which one's cap. `pairs`: whose products are wanted."""

    name: str
    made: Fragment
    width: int
    caps: Mapping[int, Cap]
    capped: Mapping[int, int]
    pairs: tuple[tuple[int, int], ...]
    parted: bool

    @property
    def keys(self) -> tuple[str, ...]:
        return ("variant_id", "part") if self.parted else ("variant_id",)


def tables(units: Units, dialect: Dialect) -> list[Fragment]:
    """Common table expressions: NAME, and by group NAME_bounds, NAME_totals and NAME_products. Each hands on what the
    one before has and is read once: ClickHouse plans a table anew for each place where it is read."""
    once, name = dialect.aggregates.once, units.name
    found = [fill(f"{name}{'_raw' if units.caps else ''} AS {once} ({{}})", units.made)]
    if units.caps:
        found += [
            fill(f"{name}_caps AS {once} ({{}})", _caps(units, dialect)),
            Fragment(f"{name} AS ({_capped(units)})"),
        ]
    found.append(Fragment(f"{name}_bounds AS {once} ({_bounds(units)})"))
    found.append(Fragment(f"{name}_totals AS {once} ({_totals(units, dialect)})"))
    if units.pairs:
        found.append(Fragment(f"{name}_products AS {once} ({_products(units, dialect)})"))
    return found


def summed(units: Units, number: int) -> Fragment:
    """Rows (number, variant_id, part, counts, totals, their exponents, means, products, their exponents, caps). A
    total is the integer / 2^exponent; products are of distances from `means`, which are near the means."""
    table = f"{units.name}_{'products' if units.pairs else 'totals'}"
    places, pairs = range(units.width), range(len(units.pairs))
    lists = [
        [f"n{n}" for n in places],
        [f"s{n}" for n in places],
        [f"e{n}" for n in places],
        [f"m{n}" for n in places],
        [f"q{n}" for n in pairs],
        [f"g{n}" for n in pairs],
        [f"k{n}" for n in units.caps],
    ]
    columns = [f"{number} AS place", "variant_id", f"{'part' if units.parted else 'NULL'} AS part"]
    columns += [f"[{', '.join(parts)}] AS l{n}" if parts else f"NULL AS l{n}" for n, parts in enumerate(lists)]
    return Fragment(f"SELECT {', '.join(columns)} FROM {table}")


def _caps(units: Units, dialect: Dialect) -> Fragment:
    columns = []
    for n, cap in units.caps.items():
        if cap.upper_quantile is not None:
            column = f"CASE WHEN c{n} <> 0 THEN c{n} END" if cap.ignore_zeros else f"c{n}"
            columns.append(fill(f"{{}} AS k{n}", dialect.aggregates.quantile_at(column, cap.upper_quantile)))
        else:
            columns.append(fill(f"any_value({{}}) AS k{n}", Fragment("CAST(? AS DOUBLE)", (cap.upper_value,))))
    return fill(f"SELECT {{}} FROM {units.name}_raw", join(", ", columns))


def _capped(units: Units) -> str:
    columns = [f"u.{key} AS {key}" for key in units.keys]
    for n in range(units.width):
        cap = units.capped.get(n)
        # A quantile of nothing caps nothing.
        value = f"u.c{n}" if cap is None else f"CASE WHEN u.c{n} > k.k{cap} THEN k.k{cap} ELSE u.c{n} END"
        columns.append(f"{value} AS c{n}")
    columns += [f"k.k{n} AS k{n}" for n in units.caps]
    return f"SELECT {', '.join(columns)} FROM {units.name}_raw u CROSS JOIN {units.name}_caps k"


def _bounds(units: Units) -> str:
    keys = ", ".join(units.keys)
    ends = [f"min(c{n}) AS lo{n}, max(c{n}) AS hi{n}" for n in range(units.width)]
    ends += [f"any_value(k{n}) AS k{n}" for n in units.caps]
    exponents = {f"e{n}": _exponent(f"greatest(abs(lo{n}), abs(hi{n}))") for n in range(units.width)}
    for n, (i, j) in enumerate(units.pairs):
        exponents[f"g{n}"] = _exponent(f"(hi{i} - lo{i}) * (hi{j} - lo{j})")
    caps = [f"k{n}" for n in units.caps]
    inner = ", ".join([keys, *caps, *(f"{exponent} AS {name}" for name, exponent in exponents.items())])
    outer = ", ".join([keys, *caps, *(f"{name}, pow(2.0, {name}) AS f{name}" for name in exponents)])
    grouped = f"SELECT {keys}, {', '.join(ends)} FROM {units.name} GROUP BY {keys}"
    return f"SELECT {outer} FROM (SELECT {inner} FROM ({grouped}) AS ends) AS exponents"


def _exponent(greatest: str) -> str:
    """e such that a number of that magnitude times 2^e lies below 2^61."""
    return (
        f"CASE WHEN {greatest} <= 0 THEN 0.0 "
        f"WHEN {greatest} <= {GREATEST} THEN least({MOST_BITS} - floor(log2({greatest})), 1000.0) END"
    )


def _totals(units: Units, dialect: Dialect) -> str:
    keys, groups = _keys(units, "b")
    places, pairs = range(units.width), range(len(units.pairs))
    names = [f"e{n}" for n in places] + [f"{name}{n}" for name in ("g", "fg") for n in pairs]
    names += [f"k{n}" for n in units.caps]
    sums = [
        f"count(u.c{n}) AS n{n}, any_value(b.fe{n}) AS f{n}, "
        f"{dialect.aggregates.rounded_sum(f'u.c{n} * b.fe{n}')} AS s{n}"
        for n in places
    ]
    sums += [f"any_value(b.{name}) AS {name}" for name in names]
    inner = (
        f"SELECT {keys}, {', '.join(sums)} FROM {units.name} u JOIN {units.name}_bounds b ON {_same('u', 'b', units)} "
        f"GROUP BY {groups}"
    )
    columns = [f"n{n}, s{n}, s{n}::DOUBLE / n{n} / f{n} AS m{n}" for n in places]
    return f"SELECT {', '.join([*units.keys, *columns, *names])} FROM ({inner}) AS sums"


def _products(units: Units, dialect: Dialect) -> str:
    keys, groups = _keys(units, "t")
    sums = []
    for n, (i, j) in enumerate(units.pairs):
        product = f"(u.c{i} - t.m{i}) * (u.c{j} - t.m{j}) * t.fg{n}"
        sums.append(f"{dialect.aggregates.rounded_sum(product)} AS q{n}")
    names = [f"{letter}{n}" for letter in "nsem" for n in range(units.width)]
    names += [f"g{n}" for n in range(len(units.pairs))] + [f"k{n}" for n in units.caps]
    sums += [f"any_value(t.{name}) AS {name}" for name in names]
    return (
        f"SELECT {keys}, {', '.join(sums)} FROM {units.name} u JOIN {units.name}_totals t ON {_same('u', 't', units)} "
        f"GROUP BY {groups}"
    )


def _keys(units: Units, table: str) -> tuple[str, str]:
    """The columns of a group, and how they are grouped by."""
    return ", ".join(f"{table}.{key} AS {key}" for key in units.keys), ", ".join(f"{table}.{key}" for key in units.keys)


def _same(left: str, right: str, units: Units) -> str:
    on = f"{left}.variant_id = {right}.variant_id"
    return f"{on} AND {left}.part IS NOT DISTINCT FROM {right}.part" if units.parted else on
