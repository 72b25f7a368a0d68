"""Made-up users and their numbers, the same for every seed, and the samples that a store would make of them."""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from evensplit.stats.joint import joint
from evensplit.stats.samples import SPREAD, Quantiles, Ratios, Shape, Values


class Shopper(NamedTuple):
    """What a user spent and how often they came, after and before the assignment; who spent much is `loyal`."""

    spent: float
    spent_before: float
    visits: int
    visits_before: int
    loyal: int
    loyal_before: int


def shoppers(seed: int, count: int, lift: float = 0.0) -> list[Shopper]:
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        taste = dice.expovariate(1.0)
        before = round(20 * taste * dice.random(), 2)
        visits_before = dice.randrange(0, 6)
        visits = 1 + visits_before // 2 + dice.randrange(0, 4)
        spent = round((10 * taste + 5 * dice.random()) * (1 + lift) * visits / 4, 2)
        found.append(Shopper(spent, before, visits, visits_before, int(spent > 12), int(before > 8)))
    return found


def page_loads(seed: int, users: int, lift: float = 0.0) -> list[list[float]]:
    """Milliseconds, several a user; some users are slow throughout."""
    dice = random.Random(seed)
    found = []
    for _ in range(users):
        slow = dice.expovariate(1.0)
        loads = 1 + int(dice.expovariate(0.3))
        found.append([round(100 * (0.5 + slow) * (1 + lift) * dice.expovariate(1.0), 3) for _ in range(loads)])
    return found


CONTROL, VARIANT = shoppers(1, 400), shoppers(2, 430, 0.15)
SLOW, SLOWER = page_loads(3, 200), page_loads(4, 190, 0.2)


def spent(of: Sequence[Shopper], covariate: bool = False) -> Values:
    rows = [(each.spent, each.spent_before) if covariate else (each.spent,) for each in of]
    return Values("mean", joint(rows, len(rows[0]) if rows else 1))


def loyal(of: Sequence[Shopper], covariate: bool = False, shape: Shape = "proportion") -> Values:
    rows = [(each.loyal, each.loyal_before) if covariate else (each.loyal,) for each in of]
    return Values(shape, joint(rows, len(rows[0]) if rows else 1))


def spent_a_visit(of: Sequence[Shopper], covariate: bool = False) -> Ratios:
    if covariate:
        return Ratios(joint([(each.spent, each.visits, each.spent_before, each.visits_before) for each in of], 4))
    return Ratios(joint([(each.spent, each.visits) for each in of], 2))


def quantile_of(values: Sequence[float], q: float) -> Quantiles:
    reach = SPREAD * math.sqrt(q * (1 - q) / len(values))
    value, lower, upper = (_type_7(values, at) for at in (q, max(q - reach, 0.0), min(q + reach, 1.0)))
    return Quantiles(q, len(values), value, lower, upper)


def clustered(of: Sequence[Sequence[float]], q: float) -> Quantiles:
    sample = quantile_of([value for user in of for value in user], q)
    value = sample.value
    assert value is not None
    rows = [(sum(each <= value for each in user), len(user)) for user in of]
    return Quantiles(q, sample.points, value, sample.lower, sample.upper, joint(rows, 2))


def _type_7(values: Sequence[float], q: float) -> float:
    ranked = sorted(values)
    place = (len(ranked) - 1) * q
    below = math.floor(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])
