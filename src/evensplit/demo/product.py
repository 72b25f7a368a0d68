"""An online shop for tea, made up: who comes, what they look at, what they buy. The same seed gives the same month.

Nothing is stored here. Two experiments run in it: `checkout_button` does change how many buy, `headline` changes
nothing.
"""

import math
import random
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

_T = TypeVar("_T")

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
EXPERIMENT_DAYS = 21
CAMPAIGN_DAYS = 12  # before the end it begins, and brings many new people for two days
CAMPAIGN_SHARE = 0.09

BUY = {"control": 0.42, "green": 0.60}  # share of checkouts that end in a purchase, by variant of `checkout_button`
WITHOUT_EXPERIMENT = BUY["control"]
HEADLINES = ("control", "question", "claim")

WEEK = (1.05, 1.1, 1.08, 1.0, 0.95, 0.62, 0.68)  # Monday first
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 11, 11, 12, 13, 11, 10, 10, 10, 11, 13, 15, 16, 14, 9, 5)
COUNTRIES = (("DE", 30), ("US", 22), ("GB", 14), ("FR", 10), ("NL", 8), ("PL", 6), ("JP", 5), ("BR", 5))
DEVICES = (("mobile", 56), ("desktop", 38), ("tablet", 6))
BROWSERS = (("Chrome", 58), ("Safari", 24), ("Firefox", 11), ("Edge", 7))
SYSTEMS = {
    "mobile": (("Android", 58), ("iOS", 42)),
    "tablet": (("iOS", 64), ("Android", 36)),
    "desktop": (("Windows", 61), ("macOS", 27), ("Linux", 12)),
}
SOURCES: tuple[tuple[tuple[str, str | None, str | None, str | None], int], ...] = (
    # referrer, utm_source, utm_medium, utm_campaign
    (("", None, None, None), 34),
    (("https://www.google.com/", None, None, None), 28),
    (("https://www.google.com/", "google", "cpc", "spring_teas"), 12),
    (("https://news.ycombinator.com/", None, None, None), 4),
    (("https://www.instagram.com/", "instagram", "social", "spring_teas"), 10),
    (("", "newsletter", "email", "weekly"), 12),
)
PAGES = (("/", 30), ("/teas/green", 18), ("/teas/black", 14), ("/teas/herbal", 10), ("/blog/water", 9), ("/about", 5))
TEAS = (("sencha", 9.5), ("darjeeling", 12.9), ("earl_grey", 7.9), ("gunpowder", 8.4), ("rooibos", 6.9), ("matcha", 24))
WORDS = ("green tea", "gift", "teapot", "decaf")


class Event(msgspec.Struct, frozen=True, gc=False):
    """What happened at `at` (Unix milliseconds)."""

    at: int
    event_type: str
    user_id: str
    session_id: str
    properties: dict[str, object]


class Visitor(msgspec.Struct, frozen=True):
    """Somebody, and what stays with them. `seen_at` is when they first came while the experiments ran, if they did."""

    user_id: str
    traits: dict[str, object]
    loyalty: float
    joined: int
    is_new: bool


class Month(msgspec.Struct, frozen=True):
    """How much to make up, and when it ends."""

    until: int
    days: int = 30
    users: int = 5_000
    seed: int = 1

    @property
    def since(self) -> int:
        return self.until - self.days * DAY_MS

    @property
    def experiments_since(self) -> int:
        return max(self.since, self.until - EXPERIMENT_DAYS * DAY_MS)


Variants = Callable[[str, str], str]  # experiment, user: which variant they have


class Shop:
    """Makes the month up, user by user. `variants` says who sees what in the experiments."""

    def __init__(self, month: Month, variants: Variants) -> None:
        self._month = month
        self._variants = variants
        self._random = random.Random(month.seed)
        self._sessions = 0

    def visits(self) -> Iterator[tuple[str, int | None, list[Event]]]:
        """For each user: their id, when they first came while the experiments ran, and all they did, in order."""
        for number in range(self._month.users):
            visitor = self._visitor(number)
            events: list[Event] = []
            for start in self._starts(visitor):
                events += self._session(visitor, start, first=not events)
            events = [event for event in events if event.at < self._month.until]
            seen = next((event.at for event in events if event.at >= self._month.experiments_since), None)
            yield visitor.user_id, seen, events

    def _visitor(self, number: int) -> Visitor:
        chance = self._random
        is_new = chance.random() < 0.7
        span = self._month.until - self._month.since
        joined = self._month.since + int(span * chance.random() ** 0.9) if is_new else self._month.since
        if is_new and self._month.days > CAMPAIGN_DAYS and chance.random() < CAMPAIGN_SHARE:
            joined = self._month.until - int((CAMPAIGN_DAYS - 2 * chance.random()) * DAY_MS)
        device = self._one(DEVICES)
        traits: dict[str, object] = {
            "country": self._one(COUNTRIES),
            "device": device,
            "browser": self._one(BROWSERS),
            "os": self._one(SYSTEMS[device]),
        }
        return Visitor(f"user-{number + 1:05d}", traits, chance.betavariate(1.2, 4), joined, is_new)

    def _starts(self, visitor: Visitor) -> list[int]:
        """When their sessions begin: often in the first days, then as loyal as they are, fewer at weekends."""
        chance, starts = self._random, []
        first_day = visitor.joined // DAY_MS
        for day in range(first_day, self._month.until // DAY_MS + 1):
            age = day - first_day
            rhythm = WEEK[(day + 3) % 7]  # 1970-01-01 was a Thursday
            likely = rhythm * (visitor.loyalty * (0.25 + 0.75 * math.exp(-age / 4)) + 0.01)
            if (age == 0 and visitor.is_new) or chance.random() < likely:
                at = self._moment(day)
                starts.append(max(at, visitor.joined))
                if chance.random() < 0.15:
                    starts.append(starts[-1] + int((1 + 5 * chance.random()) * HOUR_MS))
        return starts

    def _moment(self, day: int) -> int:
        hour = self._random.choices(range(24), HOURS)[0]
        return day * DAY_MS + hour * HOUR_MS + self._random.randrange(HOUR_MS)

    def _session(self, visitor: Visitor, start: int, first: bool) -> list[Event]:
        chance = self._random
        self._sessions += 1
        session, at = f"s{self._sessions:06d}", start
        events: list[Event] = []

        def happens(event_type: str, **properties: object) -> None:
            nonlocal at
            events.append(Event(at, event_type, visitor.user_id, session, visitor.traits | properties))
            at += 2_000 + int(chance.expovariate(1 / 35_000))

        referrer, source, medium, campaign = self._one(SOURCES)
        arrival = {"referrer": referrer, "utm_source": source, "utm_medium": medium, "utm_campaign": campaign}
        happens("page_view", path=self._one(PAGES), **{name: text for name, text in arrival.items() if text})
        while chance.random() < 0.55:
            happens("page_view", path=self._one(PAGES))
        if first and visitor.is_new and chance.random() < 0.45:
            happens("sign_up", plan="newsletter" if chance.random() < 0.6 else "account")
        if chance.random() < 0.5:
            self._shop(visitor, start, happens)
        elif chance.random() < 0.08:
            happens("search", query=chance.choice(WORDS), results=chance.randrange(20))
        return events

    def _shop(self, visitor: Visitor, start: int, happens: Callable[..., None]) -> None:
        """From looking at a tea to buying it; each step loses some."""
        chance = self._random
        tea, price = chance.choice(TEAS)
        happens("product_view", path=f"/teas/{tea}", product=tea, price=price)
        if chance.random() > 0.48:
            return
        quantity = chance.choices((1, 2, 3, 5), (60, 25, 10, 5))[0]
        happens("add_to_cart", product=tea, price=price, quantity=quantity)
        if chance.random() > 0.62:
            return
        happens("checkout_started", value=round(price * quantity, 2))
        running = start >= self._month.experiments_since
        likely = BUY[self._variants("checkout_button", visitor.user_id)] if running else WITHOUT_EXPERIMENT
        if chance.random() < likely:
            revenue = round(price * quantity + (0 if price * quantity > 30 else 3.9), 2)
            happens("purchase", product=tea, quantity=quantity, revenue=revenue, currency="EUR")

    def _one(self, weighted: tuple[tuple[_T, int], ...]) -> _T:
        return self._random.choices([thing for thing, _ in weighted], [weight for _, weight in weighted])[0]
