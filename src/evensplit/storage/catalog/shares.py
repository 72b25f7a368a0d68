"""Links that show one saved report or one dashboard without signing in. Of a link only the SHA-256 is kept."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, select

from evensplit import clock
from evensplit.errors import Conflict, NotFound
from evensplit.model.account import Account, Share, Shown
from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.catalog.accounts import new_token
from evensplit.storage.catalog.keys import key_hash
from evensplit.storage.catalog.rows import instant, maybe_text, whole
from evensplit.storage.catalog.statements import Prepared, compiled
from evensplit.storage.schema import es_accounts, es_dashboards, es_saved, es_shares

HINT = 6  # characters of a token that are shown to recognise it by

_shares = select(
    es_shares.c.id,
    es_shares.c.saved_id,
    func.coalesce(es_saved.c.name, es_dashboards.c.name),
    es_shares.c.hint,
    es_accounts.c.name,
    es_shares.c.created_at,
).select_from(
    es_shares.outerjoin(es_saved, es_saved.c.id == es_shares.c.saved_id)
    .outerjoin(es_dashboards, es_dashboards.c.id == es_shares.c.dashboard_id)
    .outerjoin(es_accounts, es_accounts.c.id == es_shares.c.account_id)
)
_ALL = Prepared(_shares.order_by(es_shares.c.id.desc()))
_OPENED = Prepared(_shares.where(es_shares.c.hash == bindparam("hash")))
_ONE = Prepared(_shares.where(es_shares.c.id == bindparam("id")))


class Shares:
    """Reads and writes `es_shares`."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def all(self) -> list[Share]:
        """The newest first."""
        return [_share(row) for row in self._store.read(_ALL({}))]

    def of(self, shows: Shown, name: str) -> list[Share]:
        """Those of one thing, the newest first."""
        return [share for share in self.all() if (share.shows, share.name) == (shows, name)]

    def opened(self, token: str) -> Share:
        """What a link shows. Raises NotFound."""
        found = self._store.read(_OPENED({"hash": key_hash(token)}))
        if not found:
            raise NotFound("this link shows nothing: it was revoked, or what it showed is gone")
        return _share(found[0])

    async def make(self, shows: Shown, name: str, account: Account) -> tuple[str, Share]:
        """The token of a new link, this once, and what is kept of it. Raises NotFound where there is no such thing."""
        token = new_token()
        saved = select(es_saved.c.id).where(es_saved.c.name == name).scalar_subquery()
        dashboard = select(es_dashboards.c.id).where(es_dashboards.c.name == name).scalar_subquery()
        statement = insert(es_shares).values(
            hash=key_hash(token),
            hint=token[:HINT],
            account_id=account.id,
            created_at=clock.to_text(clock.now_ms()),
            **({"saved_id": saved} if shows == "report" else {"dashboard_id": dashboard}),
        )
        try:
            (done,) = await self._store.write([compiled(statement)])
        except Conflict as error:  # the CHECK of the table: neither of the two
            raise NotFound(f"there is no {shows} named {name!r}") from error
        return token, _share(self._store.read(_ONE({"id": done.last_id}))[0])

    async def revoke(self, id_: int) -> None:
        """From now on the link shows nothing. Raises NotFound."""
        done = await self._store.write([compiled(delete(es_shares).where(es_shares.c.id == id_))])
        if not done[0].count:
            raise NotFound(f"no link has the id {id_}")


def _share(row: Sequence[Value]) -> Share:
    return Share(
        id=whole(row[0]),
        shows="dashboard" if row[1] is None else "report",
        name=str(row[2]),
        hint=str(row[3]),
        created_by=maybe_text(row[4]),
        created_at=instant(row[5]),
    )
