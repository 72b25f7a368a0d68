"""The places that every page leads to. What stands there is said by `routes`."""

from collections.abc import Collection, Sequence

import msgspec


class Place(msgspec.Struct, frozen=True):
    """`icon` names one of `templates/icons.html`."""

    title: str
    path: str
    icon: str


PLACES: tuple[Place, ...] = (
    Place("Home", "/", "home"),
    Place("Explore", "/explore", "explore"),
    Place("Events", "/events", "events"),
    Place("Users", "/users", "users"),
    Place("Experiments", "/experiments", "experiments"),
    Place("Dashboards", "/dashboards", "dashboards"),
    Place("SQL", "/sql", "sql"),
    Place("Set-up", "/setup", "setup"),
)


def places(paths: Collection[str]) -> Sequence[Place]:
    """Those that there are pages for."""
    return tuple(place for place in PLACES if place.path in paths)


def is_here(place: Place, path: str) -> bool:
    """Whether the page at `path` belongs to that place."""
    return path == place.path or (place.path != "/" and path.startswith(f"{place.path}/"))
