"""The pages as an ASGI application in front of the JSON interface: which page, who asks, may they, what comes back.

Cookies count here and nowhere else. Every request that changes something must carry the token of a form that this
browser was given. What each page holds stands in `pages`, which paths there are in `routes`.
"""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from evensplit.errors import EvensplitError, Forbidden, Malformed, Unauthorized
from evensplit.model.account import Account
from evensplit.storage.catalog.accounts import new_token
from evensplit.ui import navigation, wire
from evensplit.ui.assets import PREFIX, Assets
from evensplit.ui.replies import GUARDS, PRIVATE, Header, Reply, link, redirect
from evensplit.ui.routes import Route, Table
from evensplit.ui.visit import Fields, Services, Visit
from evensplit.web.cookies import Cookies, form_token, is_form_token
from evensplit.web.guard import Hosts
from evensplit.web.requests import read_body
from evensplit.web.responses import ASGIApp, Disconnected, Receive, Scope, Send, known, send_error

MOST_FORM_BYTES = 4 * 1024 * 1024
FRAGMENT = b"x-evensplit-fragment"  # sent by our scripts: a part of a page is wanted, not a page
FORM_TOKEN = b"x-form-token"
# What the JSON interface answers, whoever asks.
NOT_PAGES = frozenset({"v1", "healthz", "readyz", "metrics", "openapi.json", "docs", "es.js"})

RequestHeaders = Mapping[bytes, bytes]


class Pages:
    """The outermost ASGI application; `rest` takes what is no page."""

    def __init__(self, services: Services, rest: ASGIApp) -> None:
        settings = services.settings
        self._services = services
        self._rest = rest
        self._table = Table()
        self._places = navigation.places(self._table.paths)
        self._hosts = Hosts(settings.host, settings.public_url)
        self._cookies = Cookies(settings.public_url.startswith("https:"))
        self._assets = Assets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/v1/") or not self._is_page(scope):
            await self._rest(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            self._hosts.check(headers)
        except EvensplitError as error:
            await send_error(send, error)
            return
        try:
            reply = await self._reply(scope, receive, headers)
            if FRAGMENT in headers:
                reply = wire.packed(reply, headers)
            await wire.sent(reply, scope["method"], receive, send)
        except Disconnected:
            return

    def _is_page(self, scope: Scope) -> bool:
        first = scope["path"].split("/", 2)[1] if scope["path"].startswith("/") else "v1"
        if first in NOT_PAGES:
            return False
        if first in self._table.first_parts or first == "static":
            return True
        accept: bytes = dict(scope["headers"]).get(b"accept", b"")
        return b"text/html" in accept

    async def _reply(self, scope: Scope, receive: Receive, headers: RequestHeaders) -> Reply:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        path = _raw_path(scope)
        if path.startswith(PREFIX) and method == "GET":
            return await self._asset(path, headers)
        visit = self._visit(scope, method, path, headers)
        try:
            route, parts = self._table.find(method, path)
            visit = msgspec.structs.replace(visit, parts=parts)
            if method == "POST":
                body = await read_body(receive, headers, MOST_FORM_BYTES)
                visit = msgspec.structs.replace(visit, form=_form(body, headers))
                self._check_origin(visit, headers)
            if route.who != "anybody" and visit.account is None:
                reply = _sign_in_first(visit)
            else:
                _check_role(visit, route)
                made = route.page(visit)
                reply = await (made if method == "POST" and not route.asks else wire.unless_gone(made, receive))
        except Exception as error:
            if isinstance(error, Disconnected):
                raise
            reply = _error_page(visit, known(error))
        return reply.with_headers(PRIVATE, *GUARDS, *self._visitor_cookie(visit, headers))

    async def _asset(self, path: str, headers: RequestHeaders) -> Reply:
        accepts = headers.get(b"accept-encoding", b"").decode("latin-1")
        try:
            return await asyncio.to_thread(self._assets.reply, path, accepts)
        except EvensplitError as error:
            return Reply(status=error.status, content_type="text/plain", body=error.message.encode(), headers=GUARDS)

    def _visit(self, scope: Scope, method: str, path: str, headers: RequestHeaders) -> Visit:
        """Before the route is known."""
        session = self._cookies.read(headers, self._cookies.session)
        account: Account | None = None if session is None else self._services.catalog.sign_ins.who(session)
        cookie = session if account is not None and session is not None else self._visitor(headers)
        query = scope["query_string"].decode("latin-1")
        return Visit(
            services=self._services,
            assets=self._assets,
            cookies=self._cookies,
            places=self._places,
            method=method,
            path=path,
            parts={},
            address=f"{path}?{query}" if query else path,
            query=Fields(query),
            form=Fields(""),
            account=account,
            cookie=cookie,
            form_token=form_token(cookie),
            fragment=FRAGMENT in headers,
            base_url=self._base_url(headers),
        )

    def _visitor(self, headers: RequestHeaders) -> str:
        return self._cookies.read(headers, self._cookies.visitor) or new_token()

    def _visitor_cookie(self, visit: Visit, headers: RequestHeaders) -> list[Header]:
        """Whoever is not signed in gets a cookie that the forms of their pages are bound to."""
        if visit.account is not None or self._cookies.read(headers, self._cookies.visitor) == visit.cookie:
            return []
        return [self._cookies.set(self._cookies.visitor, visit.cookie)]

    def _base_url(self, headers: RequestHeaders) -> str:
        """How this browser reaches us."""
        shown = headers.get(b"host", b"").decode("latin-1")
        return self._services.settings.public_url.rstrip("/") or f"http://{shown}"

    def _check_origin(self, visit: Visit, headers: RequestHeaders) -> None:
        """Raises Forbidden for what another site made this browser send."""
        origin = headers.get(b"origin")
        shown = visit.form.text("form_token") or headers.get(FORM_TOKEN, b"").decode("latin-1")
        own = {urlsplit(visit.base_url).netloc, headers.get(b"host", b"").decode("latin-1")}
        if origin is not None and urlsplit(origin.decode("latin-1")).netloc not in own:
            raise Forbidden("this form was sent from another site")
        if not is_form_token(shown, visit.cookie):
            raise Forbidden("this form has grown old: go back, load the page again and send it once more")


def _raw_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    return raw.partition(b"?")[0].decode("latin-1")


def _form(body: bytes, headers: RequestHeaders) -> Fields:
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if body and kind != b"application/x-www-form-urlencoded":
        raise Malformed("a form is sent as application/x-www-form-urlencoded")
    return Fields(body.decode("utf-8", "replace"))


def _check_role(visit: Visit, route: Route) -> None:
    if route.who == "anybody" or (visit.account is not None and visit.account.may(route.who)):
        return
    raise Forbidden(f"this is for {route.who}s; your account is that of a {visit.who.role}")


def _sign_in_first(visit: Visit) -> Reply:
    if visit.fragment or visit.method != "GET":
        return _error_page(visit, Unauthorized("you are no longer signed in"))
    query = {} if visit.path == "/" else {"next": visit.address}
    return redirect(link("/sign-in", **query))


def _error_page(visit: Visit, error: EvensplitError) -> Reply:
    return visit.page("fault.html" if visit.fragment else "error.html", error.status, error=error)
