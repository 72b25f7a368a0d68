"""Which column of a table is which field of an event, as `--map` says; the columns that are none become properties."""

from collections.abc import Sequence
from datetime import tzinfo

import msgspec

from evensplit.errors import Invalid

FIELDS = ("event_type", "user_id", "session_id", "anonymous_id", "timestamp", "message_id", "properties")
ALIASES = {"created_at": "timestamp"}  # as our own exports and the record call it


class Mapping(msgspec.Struct, frozen=True):
    """`columns`: field to column; `constants`: field to a text that every event gets."""

    columns: dict[str, str] = {}
    constants: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.columns or self.constants)

    def resolve(self, names: Sequence[str]) -> "Mapping":
        """The mapping for a file with these columns: one named like a field is that field unless said otherwise."""
        missing = [column for column in self.columns.values() if column not in names]
        if missing:
            raise Invalid(f"the file has no column {missing[0]!r}; its columns are {', '.join(map(repr, names))}")
        columns = dict(self.columns)
        taken = set(columns.values())
        for name in names:
            field = ALIASES.get(name, name)
            if field in FIELDS and field not in columns and field not in self.constants and name not in taken:
                columns[field] = name
        if "event_type" not in columns and "event_type" not in self.constants:
            raise Invalid(
                "no column says what happened: map one (--map event_type=COLUMN) or name it (--map event_type==NAME)"
            )
        return Mapping(columns, self.constants)


def mapping(words: Sequence[str]) -> Mapping:
    """Read `event_type=method,user_id=host` and `event_type==page_view`; several texts add up."""
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    for pair in (pair for word in words for pair in word.split(",") if pair.strip()):
        field, sign, name = pair.strip().partition("=")
        field = ALIASES.get(field, field)
        if not sign or field not in FIELDS or name in ("", "="):
            raise Invalid(f"--map {pair.strip()!r} is not FIELD=COLUMN or FIELD==TEXT; fields are {', '.join(FIELDS)}")
        if field in columns or field in constants:
            raise Invalid(f"--map names {field} twice")
        if name.startswith("="):
            constants[field] = name[1:]
        else:
            columns[field] = name
    if "properties" in constants:
        raise Invalid("--map properties takes a column with JSON objects, not a text")
    return Mapping(columns, constants)


class Options(msgspec.Struct, frozen=True):
    """How cells are read: the zone of times that name none, and the columns that stay text whatever they look like."""

    zone: tzinfo | None = None
    texts: frozenset[str] = frozenset()
