"""The one table of settings: the fields of `Settings` with their type, default, rule and help.

It feeds the command line's flags, the `EVENSPLIT_*` variables and `docs/settings.md`. The environment is read
here and in no other file. What a setting does stands where it is used, not here.
"""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from evensplit.errors import StartError

PREFIX = "EVENSPLIT_"

_URL = r"^(https?://[^/?#\s]+)?/?$"
_EVENTS = r"^(clickhouse://[^/?#\s]+(/[^/?#\s]*)?(\?\S*)?|chdb://\S+)?$"
_MEMORY = r"^(\d+(\.\d+)? ?([KMGT]i?B|%))?$"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one start of the product runs under. The description of a field is its help; `rule` is its rule in words."""

    data: Annotated[
        str,
        Meta(min_length=1, description="The data directory. It is made where it is missing.", extra={"rule": "a path"}),
    ] = "./evensplit-data"
    host: Annotated[
        str,
        Meta(min_length=1, description="The address to listen on.", extra={"rule": "a host name or an address"}),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=0, le=65_535, description="The port to listen on; 0 takes a free one."),
    ] = 8400
    events: Annotated[
        str,
        Meta(
            pattern=_EVENTS,
            description="Where events and metric values are kept: `clickhouse://user:pass@host:8123/db`. "
            "Empty: in the data directory, with everything else.",
            extra={"rule": "empty, or clickhouse://user:pass@host:8123/db, or chdb:///directory", "secret": True},
        ),
    ] = ""
    public_url: Annotated[
        str,
        Meta(
            pattern=_URL,
            description="How browsers reach this server, such as `https://stats.example.org`. "
            "Requests whose Host header names neither it nor the host are refused.",
            extra={"rule": "empty, or http:// or https:// and a host, without a path"},
        ),
    ] = ""
    write_key: Annotated[
        str,
        Meta(
            pattern=r"^(es_w_[A-Za-z0-9_-]{11,})?$",
            description="The write key, fixed beforehand. Empty: the first start makes one and prints it once.",
            extra={"rule": "empty, or es_w_ and at least 11 letters, digits, - or _", "secret": True},
        ),
    ] = ""
    secret_key: Annotated[
        str,
        Meta(
            pattern=r"^(es_s_[A-Za-z0-9_-]{11,})?$",
            description="The secret key, fixed beforehand. Empty: the first start makes one and prints it once.",
            extra={"rule": "empty, or es_s_ and at least 11 letters, digits, - or _", "secret": True},
        ),
    ] = ""
    admin_password: Annotated[
        str,
        Meta(
            pattern=r"^(.{10,1000})?$",
            description="The password of the first admin, fixed beforehand; it takes the place of a forgotten one. "
            "Empty: the first start prints a link, which works once, to set it.",
            extra={"rule": "empty, or at least 10 characters", "secret": True},
        ),
    ] = ""
    dedup_days: Annotated[
        int,
        Meta(ge=7, le=3650, description="For how many days a `message_id` is remembered."),
    ] = 30
    queue_events: Annotated[
        int,
        Meta(
            ge=1_000,
            le=10_000_000,
            description="How many events may wait for the writer. When more would wait, the answer is 503.",
        ),
    ] = 50_000
    max_body_bytes: Annotated[
        int,
        Meta(
            ge=1_024,
            le=1_073_741_824,
            description="The largest body of a request, in bytes, after decompression.",
        ),
    ] = 20 * 1024 * 1024
    max_events: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="The most events that one request may carry."),
    ] = 10_000
    duckdb_memory: Annotated[
        str,
        Meta(
            pattern=_MEMORY,
            description="How much memory reports may take, such as `2GB`. Empty: a quarter of the machine's memory.",
            extra={"rule": "empty, or a size such as 512MB, 2GB or 25%"},
        ),
    ] = ""
    threads: Annotated[
        int,
        Meta(ge=0, le=1_024, description="How many threads a report may use; 0 takes all processors."),
    ] = 0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least important message that is logged."),
    ] = "info"


SettingType: TypeAlias = type[str] | type[int]


class Row(msgspec.Struct, frozen=True):
    """One line of the table, as flags and documents need it."""

    name: str
    kind: SettingType
    default: str | int
    rule: str
    help: str
    choices: tuple[str, ...]
    secret: bool

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


def _row(name: str, annotation: object, default: str | int) -> Row:
    kind, meta = get_args(annotation)
    extra = meta.extra or {}
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if choices:
        rule = "one of " + ", ".join(choices)
    else:
        rule = extra.get("rule", f"a whole number from {meta.ge} to {meta.le}")
    return Row(
        name=name,
        kind=int if kind is int else str,
        default=default,
        rule=rule,
        help=meta.description,
        choices=choices,
        secret=bool(extra.get("secret")),
    )


def _table() -> tuple[Row, ...]:
    hints = get_type_hints(Settings, include_extras=True)
    defaults = Settings()
    return tuple(_row(name, hints[name], getattr(defaults, name)) for name in Settings.__struct_fields__)


TABLE: tuple[Row, ...] = _table()


def load(flags: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force: a flag goes before its variable, a variable before the default.

    `flags` holds the texts given on the command line by name (None: not given); `environ` stands in for the
    process's environment. A wrong value raises StartError naming where it was given, the value and the rule.
    """
    flags = flags or {}
    environ = os.environ if environ is None else environ
    given: dict[str, str | int] = {}
    for row in TABLE:
        flag = flags.get(row.name)
        text = environ.get(row.variable) if flag is None else flag
        if text is not None:
            given[row.name] = _checked(row, text, row.variable if flag is None else row.flag)
    return msgspec.convert(given, Settings)


def _checked(row: Row, text: str, source: str) -> str | int:
    value: str | int = text
    if row.kind is int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text.strip().replace("_", "")):
            raise _wrong(row, text, source)
        value = int(text)
    try:
        msgspec.convert({row.name: value}, Settings)
    except msgspec.ValidationError:
        raise _wrong(row, text, source) from None
    return value


def _wrong(row: Row, text: str, source: str) -> StartError:
    shown = "the value given" if row.secret else repr(text)  # a mistyped key belongs in no log
    return StartError(f"{source}: {shown} is not {row.rule}")


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """Names in the environment that look like settings and are none: most likely misspelt."""
    environ = os.environ if environ is None else environ
    known = {row.variable for row in TABLE}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
