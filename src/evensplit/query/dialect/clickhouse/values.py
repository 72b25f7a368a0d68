"""Fields and properties in ClickHouse, as `storage.clickhouse.properties` puts them into `props` and `texts`.

A text, number or boolean under a plain key is a column of its own: `props.key.:Float64` reads nothing else. All else
(nested values, odd keys, what lies inside of objects) is looked up in the map `texts`, which is read whole.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from evensplit.query.conditions import Cohort, Field, Property, Source, Trait
from evensplit.query.dialect.base import ABSENT, MIXED, TEXT, Form, Forms, personal_text
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.values import number_of
from evensplit.storage.clickhouse.binding import Name
from evensplit.storage.clickhouse.properties import is_plain, path

Kind: TypeAlias = Literal["String", "Bool", "Float64"]
KINDS: tuple[Kind, ...] = ("String", "Bool", "Float64")
COLUMNS = ("id", "event_type", "user_id", "session_id", "created_at", "properties", "texts")


class ClickhouseValues:
    """Implements `dialect.base.Values`."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms

    def handed_on(self, looked_at: Sequence[Source], table: str) -> Fragment:
        # A subcolumn that a subselect does not name is read with the whole of `props`, every key of every event.
        parts = [Fragment(f"{table}.{name} AS {name}") for name in COLUMNS]
        for of in dict.fromkeys(looked_at):
            if isinstance(of, Property) and in_props(of):
                parts += [subcolumn(of, kind, f"{table}.props") for kind in KINDS]
        return join(", ", parts)

    def text(self, of: Source) -> Fragment:
        if isinstance(of, Field):
            return Fragment("toString(created_at)" if of.name == "created_at" else of.name)
        if isinstance(of, Trait | Cohort):
            return personal_text(of)
        kind = self._form(of).kind
        if not in_props(of):
            return _kept(of)
        if kind == "text" and not self._form(of).booleans:
            return subcolumn(of, "String")  # beside it, the column of booleans is a third of the time
        if kind == "text":
            return fill("coalesce({}, toString({}))", subcolumn(of, "String"), subcolumn(of, "Bool"))
        number = fill(number_text("{}"), subcolumn(of, "Float64"))
        return number if kind == "number" else fill("coalesce({}, {}, {}, {})", *_plain(of, number), _kept(of))

    def number(self, of: Source) -> Fragment:
        if isinstance(of, Trait):
            return Fragment(f"{of.column}_number")
        if not isinstance(of, Property) or self._form(of).kind == "text":
            return Fragment("CAST(NULL AS Nullable(Float64))")
        return number(of)

    def exponent(self, of: Source) -> int | None:
        return self._form(of).exponent

    def is_set(self, of: Source) -> Fragment:
        if not isinstance(of, Property):
            return fill("{} IS NOT NULL", self.text(of))
        kept = fill("{} <> ''", kept_text(of))
        if not in_props(of):
            return kept
        form = self._form(of)
        there = [fill("{} IS NOT NULL", subcolumn(of, kind)) for kind in _kinds(form)]
        return join(" OR ", [*there, kept] if form.kind == "mixed" else there)

    def one_of(self, of: Source, texts: Sequence[str]) -> Fragment:
        left, values = self.text(of), list[object](texts)
        if isinstance(of, Property) and self._form(of).kind == "number":
            left, values = fill("{} + 0.0", number(of)), [x for text in texts if (x := number_of(text)) is not None]
        return fill("{} IN {}", left, Fragment("?", (values,))) if values else Fragment("FALSE")

    def key(self, of: Source) -> Fragment:
        if isinstance(of, Property) and self._form(of).kind == "number":
            return fill("{} + 0.0", number(of))  # -0.0 and 0 are one value
        return self.text(of)

    def key_text(self, of: Source, column: str) -> str:
        return number_text(column) if self._form(of).kind == "number" else column

    def holds(self, how: Literal["contains", "starts_with", "ends_with"], text: Fragment, part: str) -> Fragment:
        bound = Fragment("?", (part,))
        if how == "contains":
            return fill("(position({}, {}) > 0)", text, bound)
        return fill("startsWith({}, {})" if how == "starts_with" else "endsWith({}, {})", text, bound)

    def matches(self, text: Fragment, pattern: str) -> Fragment:
        return fill("match({}, {})", text, Fragment("?", (re2(pattern),)))

    def _form(self, of: Source) -> Form:
        form = self._forms.get(of, MIXED) if isinstance(of, Property) else TEXT
        return TEXT if form == ABSENT else form  # a key that no row has costs nothing to read


def _kinds(form: Form) -> tuple[Kind, ...]:
    """The columns that have its values."""
    if form.kind == "text":
        return ("String", "Bool") if form.booleans else ("String",)
    return ("Float64",) if form.kind == "number" else KINDS


def in_props(of: Property) -> bool:
    """Whether its texts, numbers and booleans are columns."""
    return len(of.path) == 1 and is_plain(of.path[0])


def subcolumn(of: Property, kind: Kind, props: str = "props") -> Fragment:
    """Its values of that kind; NULL where it has none."""
    return Fragment(f"{props}.?.:{kind}", (Name(of.path[0]),))


def kept_text(of: Property) -> Fragment:
    """The letter for the kind and the text form of what stands in `texts`; empty where nothing does."""
    return Fragment("texts[?]", (path(of.path),))


def number(of: Property) -> Fragment:
    """The value as a double where it is a number, whatever else occurs."""
    if in_props(of):
        return subcolumn(of, "Float64")
    kept = kept_text(of)
    return fill("toFloat64OrNull(if(startsWith({}, 'n'), substring({}, 2), ''))", kept, kept)


def number_text(column: str) -> str:
    """A double as JavaScript prints it; ClickHouse differs in `1e21` and `-0`."""
    return f"replaceOne(replaceOne(toString({column} + 0.0), 'e', 'e+'), 'e+-', 'e-')"


def re2(pattern: str) -> str:
    """The pattern so that the dot stops at a newline, as RE2 has it and ClickHouse has not."""
    return f"(?-s){pattern}"


def _plain(of: Property, number: Fragment) -> tuple[Fragment, Fragment, Fragment]:
    return subcolumn(of, "String"), fill("toString({})", subcolumn(of, "Bool")), number


def _kept(of: Property) -> Fragment:
    """The text form of what stands in `texts`, which may be an empty text."""
    kept = kept_text(of)
    return fill("if({} = '', NULL, substring({}, 2))", kept, kept)
