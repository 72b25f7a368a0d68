"""Signing in and out: passwords checked, wrong ones slowed down, one-time links used, the first admin of all.

What an account may do stands in `model.account`, what is kept of it in `storage.catalog.accounts`.
"""

from collections import OrderedDict

from evensplit import clock
from evensplit.errors import TooManyRequests, Unauthorized
from evensplit.model.account import Account, check_password
from evensplit.storage.catalog import Catalog
from evensplit.web.passwords import Passwords

FIRST = "admin"  # the name of the account that the first start makes
TRIES = 8  # wrong passwords of one name
WITHIN = 600_000  # milliseconds
MOST_NAMES = 10_000


class Attempts:
    """Wrong passwords lately, by name: after `TRIES` of them the name has to wait, whatever is tried."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, list[int]] = OrderedDict()

    def check(self, name: str) -> None:
        """Raises TooManyRequests."""
        lately = self._lately(name)
        if len(lately) >= TRIES:
            seconds = (lately[0] + WITHIN - clock.now_ms()) // 1000 + 1
            raise TooManyRequests(f"too many wrong passwords for this name; try again in {max(seconds // 60, 1)} min")

    def wrong(self, name: str) -> None:
        self._wrong[_folded(name)] = [*self._lately(name), clock.now_ms()]
        self._wrong.move_to_end(_folded(name))
        while len(self._wrong) > MOST_NAMES:
            self._wrong.popitem(last=False)

    def forget(self, name: str) -> None:
        self._wrong.pop(_folded(name), None)

    def _lately(self, name: str) -> list[int]:
        return [at for at in self._wrong.get(_folded(name), []) if at > clock.now_ms() - WITHIN]


class Doors:
    """How people come in and go."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._passwords = Passwords()
        self._attempts = Attempts()

    async def sign_in(self, name: str, password: str) -> str:
        """The token of a new cookie. Raises Unauthorized, TooManyRequests."""
        account = await self._proved(name, password)
        return await self._catalog.sign_ins.begin(account)

    async def use_link(self, token: str, password: str) -> str:
        """Set the password that a one-time link asks for; the token of a new cookie. Raises Invalid, NotFound."""
        check_password(password)
        account = await self._catalog.accounts.settle(token, await self._passwords.kept(password))
        self._attempts.forget(account.name)
        return await self._catalog.sign_ins.begin(account)

    async def change_password(self, account: Account, before: str, password: str, cookie: str) -> None:
        """Whoever is signed in elsewhere is so no more. Raises Unauthorized, TooManyRequests, Invalid."""
        check_password(password)
        await self._proved(account.name, before)
        await self._catalog.accounts.set_password(account.id, await self._passwords.kept(password))
        await self._catalog.sign_ins.end_others(account, cookie)

    async def first(self, password: str = "") -> str | None:
        """At every start: while no admin can sign in there is one who is asked to, by the link whose token this is.
        `password` fixes the one of the first admin instead, also in the place of a forgotten one. Raises Invalid."""
        accounts = self._catalog.accounts
        admins = sorted((a for a in accounts.all() if a.role == "admin"), key=lambda account: account.id)
        if password:
            await self._fix(admins[0] if admins else None, password)
            return None
        if any(account.active for account in admins):
            return None
        if admins:
            return await accounts.renew(admins[0].id)
        token, _ = await accounts.invite(self._free_name(), "admin")
        return token

    async def _fix(self, admin: Account | None, password: str) -> None:
        check_password(password)
        accounts = self._catalog.accounts
        found = None if admin is None else accounts.password_of(admin.name)
        if found is not None and await self._passwords.fits(found[1], password):
            return
        if admin is None:
            token, _ = await accounts.invite(self._free_name(), "admin")
        else:
            token = await accounts.renew(admin.id)
        await accounts.settle(token, await self._passwords.kept(password))

    def _free_name(self) -> str:
        taken = {account.name.casefold() for account in self._catalog.accounts.all()}
        return next(name for name in (FIRST, *(f"{FIRST}{n}" for n in range(2, len(taken) + 3))) if name not in taken)

    async def _proved(self, name: str, password: str) -> Account:
        self._attempts.check(name)
        self._attempts.wrong(name)  # until it has proved right: many at once must not all be tried
        found = self._catalog.accounts.password_of(name)
        fits = await self._passwords.fits(found[1] if found else None, password)
        if found is None or not fits:
            raise Unauthorized("the name or the password is wrong")
        self._attempts.forget(name)
        return found[0]


def _folded(name: str) -> str:
    return name.strip().casefold()[:300]
