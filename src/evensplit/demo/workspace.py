"""What a team would have put up around the made-up shop: saved reports, two dashboards, annotations, cohorts."""

from collections.abc import Mapping
from typing import Any

import msgspec

from evensplit import clock
from evensplit.demo.product import CAMPAIGN_DAYS, DAY_MS, EXPERIMENT_DAYS, Month
from evensplit.model.cohort import Part
from evensplit.model.saved import Annotation, Dashboard, Tile, read_saved
from evensplit.storage.catalog import Catalog

FUNNEL = ("product_view", "add_to_cart", "checkout_started", "purchase")

# name: kind, what it is for, the report
SAVED: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "Visits at a glance": ("sessions", "The figures of the Monday meeting", {"since": "-30d"}),
    "Visitors": (
        "trend",
        "People who look at the shop, against the two weeks before",
        {"series": [{"event": "page_view", "measure": "users", "label": "visitors"}], "since": "-14d",
         "compare": "previous"},
    ),
    "Revenue": (
        "trend",
        "What they pay, by day",
        {"series": [{"event": "purchase", "measure": "sum", "property": "revenue", "label": "EUR"}], "since": "-30d"},
    ),
    "From looking to buying": ("funnel", "Where people leave on the way", {"steps": FUNNEL, "since": "-30d"}),
    "Conversion over time": (
        "funnel",
        "The share that buys, by the day of the first look",
        {"steps": ["product_view", "purchase"], "since": "-30d", "view": "trend", "window": "7d"},
    ),
    "Who comes back": (
        "retention",
        "Days after the first visit",
        {"start": "page_view", "since": "-14d", "periods": 10, "first_time": True},
    ),
    "Where visits come from": ("sessions", "Referrers, campaigns, devices", {"since": "-30d"}),
    "Orders by country": (
        "trend",
        "The five largest, week by week",
        {"series": [{"event": "purchase", "label": "orders"}], "since": "-30d", "interval": "week",
         "breakdown": [{"property": "country", "limit": 5}]},
    ),
    "Sign-ups by plan": (
        "trend",
        "Newsletter or account?",
        {"series": [{"event": "sign_up", "measure": "users", "label": "sign-ups"}], "since": "-30d",
         "breakdown": [{"property": "plan", "limit": 3}]},
    ),
    "New and returning": ("lifecycle", "Is the shop growing?", {"event": "page_view", "since": "-30d"}),
    "Days with a visit": ("stickiness", "Of the last two weeks", {"event": "page_view", "since": "-14d"}),
    "After the first page": ("paths", "What people do next", {"start": "page_view", "steps": 4, "since": "-7d"}),
}  # fmt: skip
DASHBOARDS = (
    Dashboard(
        name="Shop",
        description="How the shop does: who comes, who buys, who comes back",
        layout=(
            Tile("Visits at a glance", 0, 0, 12, 2),
            Tile("Visitors", 0, 2, 6, 4),
            Tile("Revenue", 6, 2, 6, 4),
            Tile("From looking to buying", 0, 6, 8, 4),
            Tile("Days with a visit", 8, 6, 4, 4),
            Tile("Who comes back", 0, 10, 12, 6),
        ),
    ),
    Dashboard(
        name="Marketing",
        description="Where people come from, and what the campaigns bring",
        layout=(
            Tile("Where visits come from", 0, 0, 12, 4),
            Tile("Sign-ups by plan", 0, 4, 6, 4),
            Tile("Orders by country", 6, 4, 6, 4),
            Tile("New and returning", 0, 8, 6, 4),
            Tile("Conversion over time", 6, 8, 6, 4),
            Tile("After the first page", 0, 12, 12, 6),
        ),
        since="-30d",
    ),
)
NOTES = (
    (EXPERIMENT_DAYS, "Experiments on the checkout and the headline begin"),
    (CAMPAIGN_DAYS, "Campaign spring_teas begins"),
    (5, "Newsletter no. 12"),
)
COHORTS = {"Buyers": Part(event="purchase"), "Regulars": Part(event="page_view", at_least=10, days=14)}


async def furnish(month: Month, catalog: Catalog) -> None:
    """Put all of it up in an empty catalog."""
    for name, (kind, description, report) in SAVED.items():
        body = {"name": name, "kind": kind, "report": report, "description": description}
        await catalog.saved.keep(read_saved(msgspec.json.encode(body)))
    for board in DASHBOARDS:
        await catalog.saved.put_up(board)
    for days, text in NOTES:
        if days < month.days:
            await catalog.annotations.note(Annotation(clock.to_text(month.until - days * DAY_MS)[:10], text))
    for name, definition in COHORTS.items():
        await catalog.cohorts.create(name, definition)
