"""`evensplit keys`: who may send and who may read."""

import asyncio

import click

from evensplit.api.operation import CreatedKey, KeyList
from evensplit.cli import ask, tables
from evensplit.cli.options import Where, where, where_options


@click.group("keys")
def keys_command() -> None:
    """List, create and revoke keys. A key is shown once, when it is made; kept is only its hash."""


@keys_command.command("list")
@where_options
def list_command(**place: str | None) -> None:
    """Every key, the revoked ones too."""
    found = asyncio.run(_list(where(**place)))
    tables.show(
        ("id", "kind", "name", "key", "created", "revoked"),
        [(str(k.id), k.kind, k.name, k.hint, k.created_at, k.revoked_at or "") for k in found.keys],
    )


@keys_command.command("create")
@click.option("--kind", type=click.Choice(["write", "secret"]), required=True, help="What the key may do.")
@click.option("--name", default="", metavar="TEXT", help="A word to recognise it by.")
@where_options
def create_command(kind: str, name: str, **place: str | None) -> None:
    """Make a key and print it, once."""
    made = asyncio.run(_create(where(**place), kind, name))
    click.echo(made.key)


@keys_command.command("revoke")
@click.argument("id", type=int)
@where_options
def revoke_command(id: int, **place: str | None) -> None:
    """Make the key with this number (see `keys list`) worthless from now on."""
    asyncio.run(_revoke(where(**place), id))
    click.echo(f"key {id} is revoked")


async def _list(place: Where) -> KeyList:
    async with ask.api(place) as api:
        return await api.get("/v1/keys", KeyList)


async def _create(place: Where, kind: str, name: str) -> CreatedKey:
    async with ask.api(place) as api:
        return await api.post("/v1/keys", {"kind": kind, "name": name}, CreatedKey)


async def _revoke(place: Where, number: int) -> None:
    async with ask.api(place) as api:
        await api.delete(f"/v1/keys/{number}")
