"""Accounts and who is signed in. Of links and cookies only the SHA-256 is kept, of passwords what argon2 made of them.

Not here: checking a password (`web.passwords`), or what a role may do (`model.account`).
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.sql.expression import ColumnElement

from evensplit import clock
from evensplit.errors import Conflict, NotFound
from evensplit.model.account import Account, Role
from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.catalog.keys import key_hash
from evensplit.storage.catalog.rows import instant, maybe_text, whole
from evensplit.storage.catalog.statements import Prepared, compiled
from evensplit.storage.schema import es_accounts, es_sign_ins

DAY = 86_400_000
SIGNED_IN_FOR = 30  # days
_ROLES: dict[object, Role] = {"admin": "admin", "editor": "editor"}

_accounts = select(
    es_accounts.c.id,
    es_accounts.c.name,
    es_accounts.c.role,
    es_accounts.c.created_at,
    es_accounts.c.invite.is_not(None),
    es_accounts.c.password.is_not(None),
)
_ALL = Prepared(_accounts.order_by(es_accounts.c.name, es_accounts.c.id))
_ONE = Prepared(_accounts.where(es_accounts.c.id == bindparam("id")))
_INVITED = Prepared(_accounts.where(es_accounts.c.invite == bindparam("hash")))
_SIGNED_IN = Prepared(
    _accounts.join(es_sign_ins, es_sign_ins.c.account_id == es_accounts.c.id).where(
        es_sign_ins.c.hash == bindparam("hash"), es_sign_ins.c.expires_at > bindparam("now")
    )
)
_PASSWORD = Prepared(
    _accounts.add_columns(es_accounts.c.password).where(
        es_accounts.c.name == bindparam("name"), es_accounts.c.password.is_not(None)
    )
)


class Accounts:
    """Reads and writes `es_accounts`. There is always an admin with a password, once there was one."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def all(self) -> list[Account]:
        """By name."""
        return [_account(row) for row in self._store.read(_ALL({}))]

    def one(self, id_: int) -> Account:
        """Raises NotFound."""
        found = self._store.read(_ONE({"id": id_}))
        if not found:
            raise _unknown(id_)
        return _account(found[0])

    def invited(self, token: str) -> Account | None:
        """Whose one-time link that is; None where it was used already, or never was one."""
        found = self._store.read(_INVITED({"hash": key_hash(token)}))
        return _account(found[0]) if found else None

    def password_of(self, name: str) -> tuple[Account, str] | None:
        """The account and what is kept of its password; None where there is none."""
        found = self._store.read(_PASSWORD({"name": name.strip()}))
        return (_account(found[0]), str(found[0][6])) if found else None

    async def invite(self, name: str, role: Role) -> tuple[str, Account]:
        """A new account, and the token of its one-time link, this once. Raises Conflict where the name is taken."""
        token = new_token()
        row = {"name": name, "role": role, "invite": key_hash(token), "created_at": _now()}
        try:
            (done,) = await self._store.write([compiled(insert(es_accounts).values(**row))])
        except Conflict as error:
            raise Conflict(f"an account is named {name!r} already") from error
        return token, self.one(done.last_id)

    async def renew(self, id_: int) -> str:
        """Another one-time link in the place of the one before; a password stays until it is used. Raises NotFound."""
        token = new_token()
        await self._change(id_, {"invite": key_hash(token)})
        return token

    async def settle(self, token: str, password: str) -> Account:
        """Use up a one-time link: from now on this is the password, and who was signed in is so no more. `password`
        is what is kept of it. Raises NotFound where the link was used already."""
        account = self.invited(token)
        if account is None:
            raise NotFound("this link was used already, or another one has taken its place")
        hash_ = key_hash(token)
        taken = update(es_accounts).where(es_accounts.c.invite == hash_).values(password=password, invite=None)
        out = delete(es_sign_ins).where(es_sign_ins.c.account_id == account.id)
        done = await self._store.write([compiled(taken), compiled(out)])
        if not done[0].count:
            raise NotFound("this link was used already, or another one has taken its place")
        return self.one(account.id)

    async def set_password(self, id_: int, password: str) -> None:
        """`password` is what is kept of it. Raises NotFound."""
        await self._change(id_, {"password": password})

    async def set_role(self, id_: int, role: Role) -> Account:
        """Raises NotFound, Conflict where no admin would be left."""
        before = self.one(id_)
        if before.role != role:
            where = es_accounts.c.id == id_
            done = await self._store.write(
                [compiled(update(es_accounts).where(where, _dispensable(id_)).values(role=role))]
            )
            if not done[0].count:
                raise Conflict(f"{before.name!r} is the last admin")
        return self.one(id_)

    async def remove(self, id_: int) -> None:
        """Raises NotFound, Conflict where no admin would be left."""
        before = self.one(id_)
        done = await self._store.write(
            [compiled(delete(es_accounts).where(es_accounts.c.id == id_, _dispensable(id_)))]
        )
        if not done[0].count:
            raise Conflict(f"{before.name!r} is the last admin")

    async def _change(self, id_: int, values: dict[str, Value]) -> None:
        done = await self._store.write([compiled(update(es_accounts).where(es_accounts.c.id == id_).values(**values))])
        if not done[0].count:
            raise _unknown(id_)


class SignIns:
    """Reads and writes `es_sign_ins`: who holds a cookie."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def who(self, token: str) -> Account | None:
        found = self._store.read(_SIGNED_IN({"hash": key_hash(token), "now": _now()}))
        return _account(found[0]) if found else None

    async def begin(self, account: Account) -> str:
        """The token of a new cookie, good for `SIGNED_IN_FOR` days. What has ended is cleared away."""
        token, now = new_token(), clock.now_ms()
        row = {
            "hash": key_hash(token),
            "account_id": account.id,
            "created_at": clock.to_text(now),
            "expires_at": clock.to_text(now + SIGNED_IN_FOR * DAY),
        }
        over = delete(es_sign_ins).where(es_sign_ins.c.expires_at <= row["created_at"])
        await self._store.write([compiled(over), compiled(insert(es_sign_ins).values(**row))])
        return token

    async def end(self, token: str) -> None:
        await self._store.write([compiled(delete(es_sign_ins).where(es_sign_ins.c.hash == key_hash(token)))])

    async def end_others(self, account: Account, token: str) -> None:
        """Everywhere but where this cookie is."""
        others = es_sign_ins.c.hash != key_hash(token)
        of = es_sign_ins.c.account_id == account.id
        await self._store.write([compiled(delete(es_sign_ins).where(of, others))])


def new_token() -> str:
    """192 bits of chance, as text that needs no escaping."""
    return clock.random_bytes(24).hex()


def _dispensable(id_: int) -> ColumnElement[bool]:
    """Said of the row that an UPDATE or DELETE looks at: there is another admin who can sign in, or it is none."""
    other = es_accounts.alias()
    another = exists().where(other.c.id != id_, other.c.role == "admin", other.c.password.is_not(None))
    return or_(es_accounts.c.role != "admin", es_accounts.c.password.is_(None), another)


def _account(row: Sequence[Value]) -> Account:
    return Account(
        id=whole(row[0]),
        name=str(row[1]),
        role=_ROLES.get(maybe_text(row[2]), "viewer"),
        created_at=instant(row[3]),
        invited=bool(row[4]),
        active=bool(row[5]),
    )


def _unknown(id_: int) -> NotFound:
    return NotFound(f"no account has the id {id_}")


def _now() -> str:
    return clock.to_text(clock.now_ms())
