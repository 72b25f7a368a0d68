"""One request for a page, as the page sees it: who asks, for what, with which words. Not here: whether they may."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
from markupsafe import Markup

from evensplit.errors import Invalid
from evensplit.experiments.assignments import Assigner
from evensplit.experiments.look import Looker
from evensplit.model.account import Account
from evensplit.query.run.cache import Answers
from evensplit.settings import Settings
from evensplit.storage.catalog import Catalog
from evensplit.ui import rendering
from evensplit.ui.assets import Assets
from evensplit.ui.navigation import Place
from evensplit.ui.replies import Reply, html
from evensplit.web.accounts import Doors
from evensplit.web.cookies import Cookies
from evensplit.web.erasure import Eraser
from evensplit.web.live import Live

MOST_FIELDS = 1_000


class Services(Protocol):
    """What pages need of the running product."""

    @property
    def settings(self) -> Settings: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def store(self) -> Any: ...
    @property
    def assigner(self) -> Assigner: ...
    @property
    def looker(self) -> Looker: ...
    @property
    def live(self) -> Live: ...
    @property
    def eraser(self) -> Eraser: ...
    @property
    def doors(self) -> Doors: ...

    def read_keys(self) -> None: ...


class Fields:
    """The words of a query or a form, by name."""

    def __init__(self, text: str) -> None:
        self._pairs = _pairs(text)

    def text(self, name: str, default: str = "") -> str:
        """The last of that name."""
        return next((value for key, value in reversed(self._pairs) if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def whole(self, name: str) -> int:
        """Raises Invalid."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise Invalid(f"{name}: must be a whole number, is {text[:100]!r}")
        return int(text)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """`account` is None on open pages only. `cookie` is what forms are bound to; `parts` are those of the path that
    the route names. `address`: the path with its query. `fragment`: a part of a page is wanted (our scripts say so)."""

    services: Services
    assets: Assets
    cookies: Cookies
    places: Sequence[Place]
    method: str
    path: str
    address: str
    parts: Mapping[str, str]
    query: Fields
    form: Fields
    account: Account | None
    cookie: str
    form_token: str
    fragment: bool
    base_url: str

    @property
    def who(self) -> Account:
        """On every page that is not open."""
        assert self.account is not None
        return self.account

    @property
    def catalog(self) -> Catalog:
        return self.services.catalog

    @property
    def token_field(self) -> Markup:
        """What every form that changes something holds."""
        return Markup('<input type="hidden" name="form_token" value="{}">').format(self.form_token)

    def page(self, template: str, status: int = 200, **values: Any) -> Reply:
        """The template, rendered with what every page knows (`visit`, `asset`, ...) and `values`."""
        return html(rendering.render(template, {"visit": self, "asset": self.assets.link, **values}), status)


def _pairs(text: str) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError as error:
        raise Invalid(f"the form or the query cannot be read: {error}") from None
