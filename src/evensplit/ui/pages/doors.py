"""Coming in and going: the page to sign in, the one that a one-time link opens, signing out."""

import re

from evensplit.errors import EvensplitError, NotFound
from evensplit.model.account import SHORTEST_PASSWORD
from evensplit.storage.catalog.accounts import DAY, SIGNED_IN_FOR
from evensplit.ui.replies import Reply, redirect
from evensplit.ui.visit import Visit

SECONDS = SIGNED_IN_FOR * DAY // 1000
_OURS = re.compile(r"/(?![/\\])[!-~]*")  # a path of this server, and not `//another.host`


async def sign_in_page(visit: Visit) -> Reply:
    if visit.account is not None:
        return redirect(_next(visit.query.text("next")))
    return visit.page("sign_in.html", next=_next(visit.query.text("next")), name="", error=None)


async def sign_in(visit: Visit) -> Reply:
    name, onward = visit.form.text("name"), _next(visit.form.text("next"))
    try:
        token = await visit.services.doors.sign_in(name, visit.form.text("password"))
    except EvensplitError as error:
        return visit.page("sign_in.html", error.status, next=onward, name=name, error=error)
    return _signed_in(visit, token, onward)


async def welcome_page(visit: Visit) -> Reply:
    return _welcome(visit, visit.query.text("token"))


async def welcome(visit: Visit) -> Reply:
    token, password = visit.form.text("token"), visit.form.text("password")
    if password != visit.form.text("again"):
        return _welcome(visit, token, "the two passwords are not the same", 422)
    try:
        cookie = await visit.services.doors.use_link(token, password)
    except NotFound:
        return _welcome(visit, token)
    except EvensplitError as error:
        return _welcome(visit, token, error.message, error.status)
    return _signed_in(visit, cookie, "/")


async def sign_out(visit: Visit) -> Reply:
    await visit.catalog.sign_ins.end(visit.cookie)
    return redirect("/sign-in", visit.cookies.clear(visit.cookies.session))


def _welcome(visit: Visit, token: str, error: str | None = None, status: int = 200) -> Reply:
    account = visit.catalog.accounts.invited(token)
    if account is None:
        return visit.page("link_used.html", 404)
    return visit.page("welcome.html", status, token=token, invited=account, error=error, shortest=SHORTEST_PASSWORD)


def _signed_in(visit: Visit, token: str, onward: str) -> Reply:
    return redirect(onward, visit.cookies.set(visit.cookies.session, token, SECONDS))


def _next(path: str) -> str:
    return path if _OURS.fullmatch(path) else "/"
