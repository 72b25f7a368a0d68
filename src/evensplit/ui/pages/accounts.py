"""Accounts: one's own, with the password; and, for admins, everybody's: invite, change the role, remove."""

from evensplit.errors import EvensplitError
from evensplit.model.account import ROLES, SHORTEST_PASSWORD, Account, checked_name, role_of
from evensplit.ui.replies import Reply, link, redirect
from evensplit.ui.visit import Visit

MEANINGS = {
    "viewer": "looks at everything, changes nothing",
    "editor": "also saves reports, arranges dashboards, runs experiments",
    "admin": "also accounts, keys and data",
}


async def own(visit: Visit) -> Reply:
    return _own(visit)


async def change_password(visit: Visit) -> Reply:
    form = visit.form
    if form.text("password") != form.text("again"):
        return _own(visit, "the two passwords are not the same", 422)
    try:
        await visit.services.doors.change_password(visit.who, form.text("before"), form.text("password"), visit.cookie)
    except EvensplitError as error:
        return _own(visit, error.message, error.status)
    return redirect("/account?changed=1")


async def page(visit: Visit) -> Reply:
    return _page(visit)


async def invite(visit: Visit) -> Reply:
    name = visit.form.text("name")
    try:
        account_name, role = checked_name(name), role_of(visit.form.text("role"))
        token, account = await visit.catalog.accounts.invite(account_name, role)
    except EvensplitError as error:
        return _page(visit, error=error, name=name)
    return _page(visit, made=(account, _welcome(visit, token)))


async def set_role(visit: Visit) -> Reply:
    try:
        await visit.catalog.accounts.set_role(_id(visit), role_of(visit.form.text("role")))
    except EvensplitError as error:
        return _page(visit, error=error)
    return redirect("/accounts")


async def renew(visit: Visit) -> Reply:
    token = await visit.catalog.accounts.renew(_id(visit))
    return _page(visit, made=(visit.catalog.accounts.one(_id(visit)), _welcome(visit, token)))


async def remove(visit: Visit) -> Reply:
    try:
        await visit.catalog.accounts.remove(_id(visit))
    except EvensplitError as error:
        return _page(visit, error=error)
    return redirect("/accounts")


def _own(visit: Visit, error: str | None = None, status: int = 200) -> Reply:
    changed = bool(visit.query.text("changed")) and error is None
    return visit.page("account.html", status, error=error, changed=changed, shortest=SHORTEST_PASSWORD, roles=MEANINGS)


def _page(
    visit: Visit, error: EvensplitError | None = None, name: str = "", made: tuple[Account, str] | None = None
) -> Reply:
    """`made`: an account and its one-time link, shown this once."""
    return visit.page(
        "accounts.html",
        200 if error is None else error.status,
        accounts=visit.catalog.accounts.all(),
        roles=ROLES,
        meanings=MEANINGS,
        error=error,
        name=name,
        made=made,
    )


def _welcome(visit: Visit, token: str) -> str:
    return visit.base_url + link("/welcome", token=token)


def _id(visit: Visit) -> int:
    """Raises NotFound."""
    text = visit.parts["id"]
    return visit.catalog.accounts.one(int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0).id
