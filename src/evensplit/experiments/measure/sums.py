"""Counts, sums and sums of products over a table of units, by variant (and part), whatever the order of rows.

In each group a column is scaled by a power of two so that its largest number lies just below 2^61, rounded to whole
numbers and added up as integers: the same rows give the same digits however many threads take part, and nothing is
rounded by more than 2^-61 of the largest. Products are of distances from the group's mean, so that a mean of 1e9 keeps
a variance of 1. Columns are called c0, c1, ...; a number that left the range of doubles makes its sums NULL.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from evensplit.model.metric import Cap
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join

# What a group hands on, each a list: of which numbers.
LISTS: Mapping[str, Literal["BIGINT", "HUGEINT", "DOUBLE"]] = {
    "counts": "BIGINT",
    "totals": "HUGEINT",
    "exponents": "DOUBLE",
    "means": "DOUBLE",
    "products": "HUGEINT",
    "scales": "DOUBLE",
    "caps": "DOUBLE",
}
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
    found.append(Fragment(f"{name}_bounds AS {once} ({_bounds(units, dialect)})"))
    found.append(Fragment(f"{name}_totals AS {once} ({_totals(units, dialect)})"))
    if units.pairs:
        found.append(Fragment(f"{name}_products AS {once} ({_products(units, dialect)})"))
    return found


def summed(units: Units, number: int, dialect: Dialect) -> Fragment:
    """Rows (number, variant_id, part, counts, totals, their exponents, means, products, their exponents, caps). A
    total is the integer / 2^exponent; products are of distances from `means`, which are near the means."""
    table, filled = f"{units.name}_{'products' if units.pairs else 'totals'}", _lists(units)
    columns = [f"{number} AS place", "variant_id", f"{'part' if units.parted else 'NULL'} AS part"]
    for name, kind in LISTS.items():
        packed = name in filled and name != "products"
        value = dialect.aggregates.unpacked(name, kind) if packed else name if name in filled else "[]"
        columns.append(f"{value} AS {name}")
    return Fragment(f"SELECT {', '.join(columns)} FROM {table}")


def counted(table: str, number: int, parted: bool) -> Fragment:
    """Rows of the same form: how many units a table has, by group."""
    names = ", ".join(f"{'[count(*)]' if name == 'counts' else '[]'} AS {name}" for name in LISTS)
    part, groups = ("part", "variant_id, part") if parted else ("NULL", "variant_id")
    return Fragment(f"SELECT {number} AS place, variant_id, {part} AS part, {names} FROM {table} GROUP BY {groups}")


def _lists(units: Units) -> list[str]:
    """Those in which there is anything. What is the same for a whole group travels in these: seventy columns of it,
    folded row by row, took as long as the sums."""
    empty = {"products": not units.pairs, "scales": not units.pairs, "caps": not units.caps}
    return [name for name in LISTS if not empty.get(name)]


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


def _bounds(units: Units, dialect: Dialect) -> str:
    keys = ", ".join(units.keys)
    ends = [f"min(c{n}) AS lo{n}, max(c{n}) AS hi{n}" for n in range(units.width)]
    ends += [f"any_value(k{n}) AS k{n}" for n in units.caps]
    exponents = [_exponent(f"greatest(abs(lo{n}), abs(hi{n}))") for n in range(units.width)]
    scales = [_exponent(f"(hi{i} - lo{i}) * (hi{j} - lo{j})") for i, j in units.pairs]
    lists = {"exponents": exponents, "scales": scales, "caps": [f"k{n}" for n in units.caps]}
    made = [f"[{', '.join(parts)}] AS {name}" for name, parts in lists.items() if parts]
    grouped = f"SELECT {keys}, {', '.join(ends)} FROM {units.name} GROUP BY {keys}"
    found = f"SELECT {', '.join([keys, *made])} FROM ({grouped}) AS ends"
    columns = [f"{dialect.aggregates.packed(name)} AS {name}" for name, parts in lists.items() if parts]
    columns += [f"{_factor('exponents', n)} AS f{n}" for n in range(units.width)]
    return f"SELECT {', '.join([*units.keys, *columns])} FROM ({found}) AS bounds"


def _exponent(greatest: str) -> str:
    """e such that a number of that magnitude times 2^e lies below 2^61."""
    return (
        f"CASE WHEN {greatest} <= 0 THEN 0.0 "
        f"WHEN {greatest} <= {GREATEST} THEN least({MOST_BITS} - floor(log2({greatest})), 1000.0) END"
    )


def _factor(exponents: str, n: int) -> str:
    """2^e of the nth of them, from 0."""
    return f"pow(2.0, {exponents}[{n + 1}])"


def _totals(units: Units, dialect: Dialect) -> str:
    keys, groups = _keys(units, "b")
    places, handed = range(units.width), [name for name in ("exponents", "scales", "caps") if name in _lists(units)]
    sums = [f"count(u.c{n}) AS n{n}, {dialect.aggregates.rounded_sum(f'u.c{n} * b.f{n}')} AS s{n}" for n in places]
    inner = (
        f"SELECT {keys}, {', '.join([*sums, *_handed('b', handed, dialect)])} "
        f"FROM {units.name} u JOIN {units.name}_bounds b ON {_same('u', 'b', units)} GROUP BY {groups}"
    )
    means = [f"s{n}::DOUBLE / n{n} / {_factor('exponents', n)} AS m{n}" for n in places]
    whole = f"SELECT *, {', '.join(means)} FROM ({inner}) AS sums"
    lists = {"counts": "n", "totals": "s", "means": "m"}
    made = {name: f"[{', '.join(f'{letter}{n}' for n in places)}]" for name, letter in lists.items()}
    made |= {name: name for name in handed}
    columns = [f"{dialect.aggregates.packed(value)} AS {name}" for name, value in made.items()]
    columns += [f"m{n}" for n in places] + [f"{_factor('scales', n)} AS g{n}" for n in range(len(units.pairs))]
    return f"SELECT {', '.join([*units.keys, *columns])} FROM ({whole}) AS means"


def _products(units: Units, dialect: Dialect) -> str:
    keys, groups = _keys(units, "t")
    sums = [
        dialect.aggregates.rounded_sum(f"(u.c{i} - t.m{i}) * (u.c{j} - t.m{j}) * t.g{n}")
        for n, (i, j) in enumerate(units.pairs)
    ]
    handed = [f"any_value(t.{name}) AS {name}" for name in _lists(units) if name != "products"]
    return (
        f"SELECT {keys}, [{', '.join(sums)}] AS products, {', '.join(handed)} "
        f"FROM {units.name} u JOIN {units.name}_totals t ON {_same('u', 't', units)} GROUP BY {groups}"
    )


def _handed(table: str, lists: Sequence[str], dialect: Dialect) -> list[str]:
    """Lists of a table of groups, read again."""
    return [f"{dialect.aggregates.unpacked(f'any_value({table}.{name})', LISTS[name])} AS {name}" for name in lists]


def _keys(units: Units, table: str) -> tuple[str, str]:
    """The columns of a group, and how they are grouped by."""
    return ", ".join(f"{table}.{key} AS {key}" for key in units.keys), ", ".join(f"{table}.{key}" for key in units.keys)


def _same(left: str, right: str, units: Units) -> str:
    on = f"{left}.variant_id = {right}.variant_id"
    return f"{on} AND {left}.part IS NOT DISTINCT FROM {right}.part" if units.parted else on
