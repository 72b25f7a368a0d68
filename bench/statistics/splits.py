"""The check of the split after every user: exactly how often it calls out, by walking through all outcomes at once."""

from collections.abc import Callable

from evensplit.stats.srm_sequential import CONCENTRATION
from tests.unit.stats.split_walks import crossed

HEADS = ("asked", "true share", "concentration", "users", "alpha", "called out, %")


def rows(quick: bool, told: Callable[[str], None]) -> list[list[str]]:
    most = 10_000 if quick else 100_000
    cases = [(asked, asked, CONCENTRATION, alpha) for asked in (0.5, 0.1) for alpha in (0.05, 0.001)]
    cases += [(0.5, 0.5, 10.0 * CONCENTRATION, 0.05)]
    cases += [(0.5, true, times * CONCENTRATION, 0.001) for true in (0.505, 0.51, 0.52, 0.55) for times in (1.0, 10.0)]
    found = []
    for asked, true, concentration, alpha in cases:
        users = most if true in (asked, 0.505, 0.51) else most // 5
        told(f"split: asked {asked}, true {true}, {users:,} users")
        chance = crossed(users, asked, true, alpha, concentration)
        cells = (f"{asked:.1%}", f"{true:.1%}", f"{concentration:,.0f}", f"{users:,}", f"{alpha}")
        found.append([*cells, f"{100 * chance:.4f}"])
    return found
