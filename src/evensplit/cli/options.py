"""Options that several commands share, made from the table of settings, and where a command works."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import click
import msgspec

from evensplit import settings
from evensplit.errors import StartError

_F = TypeVar("_F", bound=Callable[..., object])


class Where(msgspec.Struct, frozen=True):
    """A data directory opened by the command itself, or a server that is reached over HTTP."""

    data: str | None
    url: str | None
    key: str | None

    def settings(self) -> settings.Settings:
        return settings.load({"data": self.data})


def settings_options(names: Sequence[str] | None = None) -> Callable[[_F], _F]:
    """A flag for each setting (or for those named); the function gets the texts, `settings.load` judges them."""
    rows = [row for row in settings.TABLE if names is None or row.name in names]

    def decorate(function: _F) -> _F:
        for row in reversed(rows):
            shown = f" [default: {row.default}]" if row.default not in ("", 0) else ""
            function = click.option(
                row.flag,
                row.name,
                metavar="|".join(row.choices) or ("NUMBER" if row.kind is int else "TEXT"),
                help=f"{row.help.replace('`', '')}{shown} [{row.variable}]",
            )(function)
        return function

    return decorate


def where_options(function: _F) -> _F:
    """`--data`, or `--url` with `--key`."""
    function = click.option(
        "--key",
        envvar=["EVENSPLIT_KEY", "EVENSPLIT_SECRET_KEY"],
        metavar="KEY",
        help="The secret key for that server. [EVENSPLIT_KEY]",
    )(function)
    function = click.option(
        "--url",
        envvar="EVENSPLIT_URL",
        metavar="URL",
        help="Ask the server at this address instead of opening the data directory. [EVENSPLIT_URL]",
    )(function)
    return settings_options(["data"])(function)


def where(data: str | None, url: str | None, key: str | None) -> Where:
    """Raises StartError where the address has no key, or is none."""
    if url and not url.startswith(("http://", "https://")):
        raise StartError(f"--url: {url!r} is not an address that begins with http:// or https://")
    if url and not key:
        raise StartError("--url needs the server's secret key: give it with --key or EVENSPLIT_KEY")
    if url and data:
        raise StartError("--data and --url exclude each other: a directory is opened here, or a server is asked")
    return Where(data, url, key)
