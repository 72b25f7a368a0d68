"""What sessions must be, computed slowly and obviously from a list of events. Shares no code with `evensplit.query`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.unit.query.memory_store import Event
from tests.unit.query.trend_oracle import passes, text, value_of

HALF_HOUR = 1_800_000
Seen = tuple[int, Event, str | None]  # id, event, person
PATHS = ["$pathname", "path", "pathname", "url"]
LISTS = {
    "referrers": ["$referring_domain", "$referrer", "referrer"],
    "utm_sources": ["$utm_source", "utm_source"],
    "utm_mediums": ["$utm_medium", "utm_medium"],
    "utm_campaigns": ["$utm_campaign", "utm_campaign"],
    "utm_terms": ["$utm_term", "utm_term"],
    "utm_contents": ["$utm_content", "utm_content"],
    "devices": ["$device_type", "device_type", "device"],
    "browsers": ["$browser", "browser"],
    "systems": ["$os", "os"],
    "countries": ["$country", "$geoip_country_code", "country"],
}
USUAL = [{"property": "@event_type", "op": "in", "value": ["page_view", "pageview", "$pageview", "page"]}]


def persons_of(links: Sequence[tuple[str, str, int]]) -> dict[str, str]:
    """To whom anonymous ids belong: (anonymous id, user, when) each, the earliest counts, then the lower text."""
    owners: dict[str, tuple[int, str]] = {}
    for anonymous, user, at in links:
        owners[anonymous] = min(owners.get(anonymous, (at, user)), (at, user))
    return {anonymous: user for anonymous, (_, user) in owners.items()}


def seen_in(
    events: Sequence[Event], filters: Sequence[Mapping[str, Any]], low: int, high: int, owners: Mapping[str, str]
) -> list[Seen]:
    """The events of a report in the order of (time, id), with whom they are of."""
    found = [
        (number, event, None if event.user_id is None else owners.get(event.user_id, event.user_id))
        for number, event in enumerate(events, 1)
        if low <= event.at < high and all(passes(event, filter_) for filter_ in filters)
    ]
    return sorted(found, key=lambda seen: (seen[1].at, seen[0]))


def sessions(seen: Sequence[Seen]) -> list[list[Seen]]:
    """By session_id; else a person's events, until there is none for more than half an hour."""
    named: dict[str, list[Seen]] = {}
    open_: dict[str, list[Seen]] = {}
    found: list[list[Seen]] = []
    for one in seen:
        _, event, person = one
        if event.session_id is not None:
            if event.session_id not in named:
                named[event.session_id] = []
                found.append(named[event.session_id])
            named[event.session_id].append(one)
        elif person is not None:
            if person not in open_ or event.at - open_[person][-1][1].at > HALF_HOUR:
                open_[person] = []
                found.append(open_[person])
            open_[person].append(one)
    return found


def first(events: Sequence[Event], names: Sequence[str]) -> str | None:
    """The first value that any of the events has, of the first property that has one there."""
    for event in events:
        for name in names:
            value = text(value_of(event, name))
            if value:
                return value
    return None


def is_view(event: Event, page_view: Mapping[str, Any] | None) -> bool:
    if page_view is None:
        return all(passes(event, filter_) for filter_ in USUAL)
    return page_view["event_type"] in ("@any", event.event_type) and all(
        passes(event, filter_) for filter_ in page_view["filters"]
    )


def median(numbers: Sequence[float]) -> float | None:
    if not numbers:
        return None
    ordered, place = sorted(numbers), (len(numbers) - 1) // 2
    return ordered[place] if len(numbers) % 2 else (ordered[place] + ordered[place + 1]) / 2


def totals(seen: Sequence[Seen], page_view: Mapping[str, Any] | None) -> dict[str, Any]:
    """The numbers over these events."""
    visits = sessions(seen)

    def bounced(visit: Sequence[Seen]) -> bool:
        views = sum(is_view(event, page_view) for _, event, _ in visit)
        return views == 1 or (views == 0 and len(visit) == 1)

    return {
        "visitors": len({person for _, _, person in seen} - {None}),
        "sessions": len(visits),
        "page_views": sum(is_view(event, page_view) for _, event, _ in seen),
        "bounce_rate": sum(map(bounced, visits)) / len(visits) if visits else None,
        "median_duration": median([(visit[-1][1].at - visit[0][1].at) / 1000 for visit in visits]),
    }


def tops(seen: Sequence[Seen], page_view: Mapping[str, Any] | None) -> dict[str, dict[str | None, Any]]:
    """For each list, for each of its values: (persons, sessions or None, page views)."""
    views = [one for one in seen if is_view(one[1], page_view)]
    found: dict[str, dict[str | None, Any]] = {"pages": {}}
    for page in {first([event], PATHS) for _, event, _ in views}:
        of_page = [one for one in views if first([one[1]], PATHS) == page]
        found["pages"][page] = ({person for _, _, person in of_page} - {None}, None, len(of_page))

    def of_views(visit: Sequence[Seen], last: bool) -> str | None:
        ordered = [event for _, event, _ in visit if is_view(event, page_view)]
        return first(ordered[::-1] if last else ordered, PATHS)

    say: dict[str, Callable[[Sequence[Seen]], str | None]] = {
        "entry_pages": lambda visit: of_views(visit, False),
        "exit_pages": lambda visit: of_views(visit, True),
    }
    for name, properties in LISTS.items():
        say[name] = lambda visit, properties=properties: first([event for _, event, _ in visit], properties)  # type: ignore[misc]
    visits = sessions(seen)
    for name, value_in in say.items():
        found[name] = {}
        for value in {value_in(visit) for visit in visits}:
            having = [visit for visit in visits if value_in(visit) == value]
            people = {person for visit in having for _, _, person in visit} - {None}
            count = sum(is_view(event, page_view) for visit in having for _, event, _ in visit)
            found[name][value] = (people, len(having), count)
    return found
