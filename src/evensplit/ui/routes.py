"""Every page there is: how it is asked for, what makes it, and who may see it. `front` serves them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, TypeAlias
from urllib.parse import unquote

import msgspec

from evensplit.errors import MethodNotAllowed, NotFound
from evensplit.model.account import Role
from evensplit.ui.pages import (
    about,
    accounts,
    annotations,
    dashboards,
    data,
    doors,
    events,
    experiment_changes,
    experiments,
    explore,
    home,
    saved,
    setup,
    shares,
    sql,
    users,
)
from evensplit.ui.replies import Reply
from evensplit.ui.visit import Visit

Page: TypeAlias = Callable[[Visit], Awaitable[Reply]]
Who: TypeAlias = Role | Literal["anybody"]


class Route(msgspec.Struct, frozen=True):
    """`{name}` in the path stands for one part of it. `who`: from which role on, or anybody, signed in or not. `asks`:
    a POST that changes nothing, and is dropped when nobody waits for it any more."""

    method: Literal["GET", "POST"]
    path: str
    page: Page
    who: Who = "viewer"
    asks: bool = False


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", home.page),
    Route("GET", "/home/now", home.now),
    # signing in and out
    Route("GET", "/sign-in", doors.sign_in_page, "anybody"),
    Route("POST", "/sign-in", doors.sign_in, "anybody"),
    Route("GET", "/welcome", doors.welcome_page, "anybody"),
    Route("POST", "/welcome", doors.welcome, "anybody"),
    Route("POST", "/sign-out", doors.sign_out),
    # reports
    Route("GET", "/explore", explore.overview),
    Route("GET", "/explore/catalogue", explore.catalogue),
    Route("GET", "/explore/{kind}", explore.page),
    Route("GET", "/explore/{kind}/answer", explore.answer),
    Route("GET", "/explore/{kind}/answer.csv", explore.table),
    Route("GET", "/explore/{kind}/persons", explore.persons),
    Route("GET", "/saved/{name}", saved.open_),
    Route("POST", "/saved", saved.keep, "editor"),
    Route("POST", "/saved/{name}/forget", saved.forget, "editor"),
    # dashboards
    Route("GET", "/dashboards", dashboards.overview),
    Route("POST", "/dashboards", dashboards.put_up, "editor"),
    Route("GET", "/dashboards/{name}", dashboards.page),
    Route("POST", "/dashboards/{name}", dashboards.change, "editor"),
    Route("GET", "/dashboards/{name}/answer", dashboards.answer),
    Route("GET", "/dashboards/{name}/answer.csv", dashboards.table),
    Route("POST", "/dashboards/{name}/tiles", dashboards.add, "editor"),
    Route("POST", "/dashboards/{name}/layout", dashboards.arrange, "editor"),
    Route("POST", "/dashboards/{name}/take-down", dashboards.take_down, "editor"),
    Route("GET", "/annotations", annotations.page),
    Route("POST", "/annotations", annotations.note, "editor"),
    Route("POST", "/annotations/{id}/erase", annotations.erase, "editor"),
    # events
    Route("GET", "/events", events.page),
    Route("GET", "/events/one/{id}", events.one),
    Route("GET", "/events/rejects", events.rejects),
    Route("GET", "/events/stream", events.live),
    # people
    Route("GET", "/users", users.page),
    Route("GET", "/users/{id}", users.one),
    Route("POST", "/users/{id}/erase", users.erase, "admin"),
    # SQL
    Route("GET", "/sql", sql.page, "editor"),
    Route("POST", "/sql", sql.keep, "editor"),
    Route("POST", "/sql/answer", sql.answer, "editor", asks=True),
    Route("POST", "/sql/answer.csv", sql.table, "editor", asks=True),
    Route("POST", "/sql/{name}/forget", sql.forget, "editor"),
    # set-up
    Route("GET", "/setup", setup.page),
    Route("POST", "/setup", setup.fill_in, "admin"),
    Route("GET", "/setup/keys", setup.keys, "admin"),
    Route("POST", "/setup/keys", setup.make_key, "admin"),
    Route("POST", "/setup/keys/{id}/revoke", setup.revoke_key, "admin"),
    Route("GET", "/setup/data", data.page, "editor"),
    Route("GET", "/setup/data/events.ndjson", data.export, "editor"),
    Route("POST", "/setup/data/clean", data.clean, "admin"),
    Route("GET", "/setup/about", about.page),
    # links that show one thing to anybody
    Route("GET", "/share/{token}", shares.page, "anybody"),
    Route("GET", "/share/{token}/answer", shares.answer, "anybody"),
    Route("GET", "/share/{token}/answer.csv", shares.table, "anybody"),
    Route("GET", "/shares", shares.overview, "editor"),
    Route("POST", "/shares", shares.make, "editor"),
    Route("POST", "/shares/{id}/revoke", shares.revoke, "editor"),
    # experiments
    Route("GET", "/experiments", experiments.overview),
    Route("POST", "/experiments", experiment_changes.create, "editor"),
    Route("GET", "/experiments/{name}", experiments.page),
    Route("GET", "/experiments/{name}/standing", experiments.standing),
    Route("GET", "/experiments/{name}/daily", experiments.daily),
    Route("GET", "/experiments/{name}/arrivals", experiments.arrivals),
    Route("GET", "/experiments/{name}/outlook", experiments.outlook),
    Route("GET", "/experiments/{name}/people", experiments.people),
    Route("GET", "/experiments/{name}/history", experiments.history),
    Route("GET", "/experiments/{name}/setup", experiments.setup),
    Route("POST", "/experiments/{name}/move", experiment_changes.move, "editor"),
    Route("POST", "/experiments/{name}/change", experiment_changes.change, "editor"),
    Route("POST", "/experiments/{name}/metrics", experiment_changes.measure, "editor"),
    Route("POST", "/experiments/{name}/delete", experiment_changes.delete, "admin"),
    Route("GET", "/new-experiment", experiment_changes.new, "editor"),
    Route("POST", "/new-experiment/check", experiment_changes.checked, "editor"),
    Route("POST", "/new-experiment/power", experiment_changes.power, "editor"),
    # accounts
    Route("GET", "/account", accounts.own),
    Route("POST", "/account/password", accounts.change_password),
    Route("GET", "/accounts", accounts.page, "admin"),
    Route("POST", "/accounts", accounts.invite, "admin"),
    Route("POST", "/accounts/{id}/role", accounts.set_role, "admin"),
    Route("POST", "/accounts/{id}/link", accounts.renew, "admin"),
    Route("POST", "/accounts/{id}/remove", accounts.remove, "admin"),
)


class Table:
    """Finds the route of a request. A part that is written out goes before one that is named."""

    def __init__(self, routes: Sequence[Route] = ROUTES) -> None:
        self.paths = {route.path for route in routes if route.method == "GET"}
        self.first_parts = {route.path.split("/")[1] for route in routes}
        self._routes: dict[int, list[tuple[list[str], Route]]] = {}
        for route in routes:
            parts = route.path.split("/")[1:]
            self._routes.setdefault(len(parts), []).append((parts, route))

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """`path` as it was sent, percent signs and all. Raises NotFound, MethodNotAllowed."""
        asked = [unquote(part, errors="replace") for part in (path.rstrip("/") or "/").split("/")[1:]]
        fitting = [route for route in self._routes.get(len(asked), []) if _fits(route[0], asked)]
        fitting.sort(key=lambda found: [part.startswith("{") for part in found[0]])
        if not fitting:
            raise NotFound("there is nothing at this path")
        best = [found for found in fitting if found[0] == fitting[0][0]]
        for parts, route in best:
            if route.method == method:
                return route, {part[1:-1]: text for part, text in zip(parts, asked, strict=True) if part[:1] == "{"}
        raise MethodNotAllowed(f"this page does not take {method}", [route.method for _, route in best])


def _fits(parts: Sequence[str], asked: Sequence[str]) -> bool:
    return all(part == text or (part[:1] == "{" and text) for part, text in zip(parts, asked, strict=True))
