"""Events of a product with skewed users, by the million: few users do most of it, and many come once."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.floors import COUNTRIES, PLANS, TRANSACTION, Row

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30
USERS = 200_000
TYPES = ("page_view",) * 12 + ("click",) * 5 + ("add_to_cart",) * 2 + ("purchase",)


def rows(count: int) -> Iterator[list[Row]]:
    """`count` events over 30 days in the order of their time, a transaction at a time."""
    dice = random.Random(7)
    step = timedelta(days=DAYS) / count
    for start in range(0, count, TRANSACTION):
        part = []
        for n in range(start, min(start + TRANSACTION, count)):
            user = int(USERS * dice.random() ** 3)
            at = FIRST + n * step
            document = (
                f'{{"$pathname":"/p/{int(400 * dice.random() ** 2)}","country":"{COUNTRIES[user % 8]}",'
                f'"plan":"{PLANS[user % 5]}","amount":{dice.randrange(10_000) / 100},"n":{n}}}'
            )
            created_at = at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            # A user has one session every six hours: its id says which.
            session = f"{user}-{at.timetuple().tm_yday}-{at.hour // 6}"
            part.append((dice.choice(TYPES), f"u{user}", session, document, created_at))
        yield part
