"""Fields and properties in DuckDB: a property is a VARIANT, `variant_extract(props, key)`; missing and null are NULL.

Measured on 5 million events: a cast directly on the extracted value is read from the key's own column (20 to 50 ms),
while `variant_typeof` unpacks every row (over 400 ms). So where the forms of a property are known, its values are cast
without a look at their types; only mixed ones are looked at row by row.
"""

from collections.abc import Sequence
from typing import Literal

from evensplit.query.conditions import Cohort, Field, Property, Source, Trait
from evensplit.query.dialect.base import ABSENT, MIXED, TEXT, Form, Forms, personal_text
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.values import number_of

NUMBERS = "'UINT64', 'INT64', 'DOUBLE'"
BOOLEANS = "'BOOL_TRUE', 'BOOL_FALSE'"
TEXTS = f"'VARCHAR', {BOOLEANS}"
TIME_TEXT = "strftime(created_at, '%Y-%m-%d %H:%M:%S.%g')"


class DuckdbValues:
    """Implements `dialect.base.Values`."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms

    def text(self, of: Source) -> Fragment:
        if isinstance(of, Field):
            return Fragment(TIME_TEXT if of.name == "created_at" else of.name)
        if isinstance(of, Trait | Cohort):
            return personal_text(of)
        kind = self._form(of).kind
        if kind == "absent":  # a key that no row has is the dearest to read: seconds where others take milliseconds
            return Fragment("NULL::VARCHAR")
        if kind == "text":
            return fill("{}::VARCHAR", extracted(of))
        return fill(number_text("{}"), _number(of)) if kind == "number" else _mixed_text(of)

    def number(self, of: Source) -> Fragment:
        if isinstance(of, Trait):
            return Fragment(f"{of.column}_number")
        kind = self._form(of).kind
        if not isinstance(of, Property) or kind in ("absent", "text"):
            return Fragment("NULL::DOUBLE")
        return _number(of) if kind == "number" else mixed_number(of)

    def exponent(self, of: Source) -> int | None:
        return self._form(of).exponent

    def is_set(self, of: Source) -> Fragment:
        there = isinstance(of, Property) and self._form(of) != ABSENT
        value = fill("{}::VARCHAR", extracted(of)) if there and isinstance(of, Property) else self.text(of)
        return fill("{} IS NOT NULL", value)

    def one_of(self, of: Source, texts: Sequence[str]) -> Fragment:
        left, values = self.text(of), [_bound(text) for text in texts]
        if isinstance(of, Property) and self._form(of).kind == "number":
            left, values = _number(of), [_bound(x) for text in texts if (x := number_of(text)) is not None]
        return fill("{} IN ({})", left, join(", ", values)) if values else Fragment("FALSE")

    def key(self, of: Source) -> Fragment:
        if isinstance(of, Property) and self._form(of).kind == "number":
            return fill("{} + 0.0", _number(of))  # -0.0 and 0 are one value
        return self.text(of)

    def key_text(self, of: Source, column: str) -> str:
        return number_text(column) if self._form(of).kind == "number" else column

    def holds(self, how: Literal["contains", "starts_with", "ends_with"], text: Fragment, part: str) -> Fragment:
        return fill(f"{how}({{}}, {{}})", text, _bound(part))

    def matches(self, text: Fragment, pattern: str) -> Fragment:
        return fill("regexp_matches({}, {})", text, _bound(pattern))

    def handed_on(self, looked_at: Sequence[Source], table: str) -> Fragment:
        return Fragment(f"{table}.*")

    def _form(self, of: Source) -> Form:
        return self._forms.get(of, MIXED) if isinstance(of, Property) else TEXT


def extracted(of: Property) -> Fragment:
    """The VARIANT at the path."""
    found = Fragment("props")
    for key in of.path:
        found = fill("variant_extract({}, {})", found, _bound(key))
    return found


def number_text(number: str) -> str:
    """A double as JavaScript prints it. DuckDB's JSON differs in `5.0`, `-0.0` and `1e21`."""
    text = f"to_json({number} + 0.0)::VARCHAR"
    return f"replace(replace(replace(replace({text} || '$', '.0$', ''), '$', ''), 'e', 'e+'), 'e+-', 'e-')"


def nested_text(json: str) -> str:
    """The text of a JSON object or array in which 1.0 is 1; the first alternative steps over texts."""
    pattern = r"""("(?:[^"\\]|\\.)*")|-(0)\.0([],}}])|\.0([],}}])"""
    return f"regexp_replace({json}, '{pattern}', '\\1\\2\\3\\4', 'g')"


def _bound(value: object) -> Fragment:
    return Fragment("?", (value,))


def _number(of: Property) -> Fragment:
    return fill("{}::DOUBLE", extracted(of))


def mixed_number(of: Property) -> Fragment:
    """The value as a double where it is a number, whatever else occurs."""
    # Written as a plain cast, it would be done for every row by the scan, and fail at the first text.
    value = extracted(of)
    return fill(f"CASE WHEN variant_typeof({{}}) IN ({NUMBERS}) THEN TRY_CAST({{}} AS DOUBLE) END", value, value)


def _mixed_text(of: Property) -> Fragment:
    return fill(
        f"CASE WHEN variant_typeof({{}}) IN ({TEXTS}) THEN {{}}::VARCHAR "
        f"WHEN variant_typeof({{}}) IN ({NUMBERS}) THEN {number_text('TRY_CAST({} AS DOUBLE)')} "
        f"ELSE {nested_text('{}::JSON::VARCHAR')} END",
        *[extracted(of)] * 5,
    )
