"""The made-up month is the same for the same seed, and the experiments in it are what they are said to be."""

import math
from collections import Counter

from evensplit.demo.product import DAY_MS, WEEK, Event, Month, Shop
from evensplit.experiments import assign

NOON = 1_795_348_800_000  # 2026-11-22 12:00 UTC
VARIANTS = {"checkout_button": ("control", "green"), "headline": ("control", "question", "claim")}


def variant(experiment: str, user: str) -> str:
    names = VARIANTS[experiment]
    return names[assign.variant_of("growthbook_v2", experiment, user, [1.0] * len(names))]


def made(users: int = 5_000, seed: int = 1) -> list[tuple[str, int | None, list[Event]]]:
    return list(Shop(Month(NOON, users=users, seed=seed), variant).visits())


def p_value(hits: list[int], sizes: list[int]) -> float:
    share = sum(hits) / sum(sizes)
    z = (hits[1] / sizes[1] - hits[0] / sizes[0]) / math.sqrt(share * (1 - share) * sum(1 / n for n in sizes))
    return math.erfc(abs(z) / math.sqrt(2))


def test_the_same_seed_gives_the_same_month() -> None:
    assert made(300) == made(300)
    assert made(300) != made(300, seed=2)


def test_it_ends_now_and_is_in_order_for_each_user() -> None:
    month = Month(NOON)
    for _, seen, events in made(500):
        times = [event.at for event in events]
        assert all(month.since - DAY_MS < at < NOON for at in times)
        assert seen is None or (seen in times and seen >= month.experiments_since)
        assert not [e for e in events if e.event_type == "purchase" and float(str(e.properties["revenue"])) <= 0]


def test_weekends_are_quieter_and_each_step_of_the_funnel_loses_some() -> None:
    events = [event for _, _, theirs in made() for event in theirs]
    by_day = Counter(event.at // DAY_MS for event in events)
    whole = [(day, count) for day, count in by_day.items() if Month(NOON).since // DAY_MS < day < NOON // DAY_MS]
    weekend = [count for day, count in whole if WEEK[(day + 3) % 7] < 0.8]
    working = [count for day, count in whole if WEEK[(day + 3) % 7] > 0.8]
    assert sum(weekend) / len(weekend) < 0.9 * sum(working) / len(working)
    kinds = Counter(event.event_type for event in events)
    steps = [kinds[name] for name in ("page_view", "product_view", "add_to_cart", "checkout_started", "purchase")]
    assert steps == sorted(steps, reverse=True)
    assert min(steps) > 300


def test_one_experiment_has_an_effect_and_the_other_has_none() -> None:
    did: dict[str, Counter[str]] = {name: Counter() for name in VARIANTS}
    were: dict[str, Counter[str]] = {name: Counter() for name in VARIANTS}
    looked_at = {"checkout_button": "purchase", "headline": "add_to_cart"}
    for user, seen, events in made():
        if seen is not None:
            for name, event_type in looked_at.items():
                were[name][variant(name, user)] += 1
                did[name][variant(name, user)] += any(e.event_type == event_type and e.at >= seen for e in events)
    button = [counts["checkout_button"] for counts in (did, were)]
    assert p_value(*[[counts["control"], counts["green"]] for counts in button]) < 0.001
    for other in ("question", "claim"):
        headline = [counts["headline"] for counts in (did, were)]
        assert p_value(*[[counts["control"], counts[other]] for counts in headline]) > 0.05
