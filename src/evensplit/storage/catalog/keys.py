"""The keys that let a caller in. Only their SHA-256 is kept. Not here: who may do what (`web.guard`)."""

import hashlib
from typing import Literal, TypeAlias

import msgspec
from sqlalchemy import insert, select, update

from evensplit import clock
from evensplit.errors import Conflict, Invalid, NotFound
from evensplit.storage.base import CatalogStore
from evensplit.storage.catalog.rows import instant, whole
from evensplit.storage.catalog.statements import Prepared, compiled
from evensplit.storage.schema import es_keys

Kind: TypeAlias = Literal["write", "secret"]
PREFIXES: dict[Kind, str] = {"write": "es_w_", "secret": "es_s_"}
SHORTEST = 16

_ALL = Prepared(
    select(
        es_keys.c.id,
        es_keys.c.kind,
        es_keys.c.name,
        es_keys.c.hash,
        es_keys.c.hint,
        es_keys.c.created_at,
        es_keys.c.revoked_at,
    ).order_by(es_keys.c.id)
)


class Key(msgspec.Struct, frozen=True):
    """A stored key: never the key itself. Times are the record's text."""

    id: int
    kind: Kind
    name: str
    hash: str
    hint: str
    created_at: str
    revoked_at: str | None


class KeyRing:
    """Reads and writes `es_keys`."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def all(self) -> list[Key]:
        """All of them, revoked ones too, oldest first."""
        return [
            Key(
                whole(row[0]),
                "secret" if row[1] == "secret" else "write",
                str(row[2]),
                str(row[3]),
                str(row[4]),
                instant(row[5]),
                None if row[6] is None else instant(row[6]),
            )
            for row in self._store.read(_ALL({}))
        ]

    async def create(self, kind: Kind, name: str, key: str | None = None) -> tuple[str, Key]:
        """The key itself, this once, and what is kept of it. `key` fixes it; else it is 24 random bytes."""
        text = key or PREFIXES[kind] + clock.random_bytes(24).hex()
        if len(text) < SHORTEST or not text.isascii() or not text.isprintable() or " " in text or ":" in text:
            raise Invalid(f"a key has at least {SHORTEST} printable ASCII characters, none of them a space or a colon")
        if text.startswith(PREFIXES["secret" if kind == "write" else "write"]):
            raise Invalid(f"a {kind} key must not begin with {text[:5]}: that marks the other kind")
        row = {
            "kind": kind,
            "name": name,
            "hash": key_hash(text),
            "hint": f"{text[:7]}...{text[-4:]}",
            "created_at": clock.to_text(clock.now_ms()),
        }
        try:
            await self._store.write([compiled(insert(es_keys).values(**row))])
        except Conflict as error:
            raise Conflict("this key is there already") from error
        return text, next(found for found in self.all() if found.hash == row["hash"])

    async def fix(self, kind: Kind, key: str) -> None:
        """Put a key in force that was fixed beforehand, unless it is there. A revoked one stays revoked."""
        if key_hash(key) not in {found.hash for found in self.all()}:
            await self.create(kind, "fixed by the settings", key)

    async def revoke(self, key_id: int) -> None:
        """From now on the key opens nothing; its row stays. Raises NotFound."""
        now = clock.to_text(clock.now_ms())
        statement = update(es_keys).where(es_keys.c.id == key_id, es_keys.c.revoked_at.is_(None)).values(revoked_at=now)
        done = await self._store.write([compiled(statement)])
        if not done[0].count:
            raise NotFound(f"no key that is in force has the id {key_id}")


def key_hash(key: str) -> str:
    """SHA-256, hexadecimal: keys are long and random, so no salt or slow hash is called for."""
    return hashlib.sha256(key.encode()).hexdigest()
