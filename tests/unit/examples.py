"""How many examples a property is tried on: few among the unit tests, many times as many in the run after them."""

import os
from math import ceil

TIMES = float(os.environ.get("EVENSPLIT_TEST_EXAMPLES", "1"))


def some(count: int) -> int:
    """So many, times EVENSPLIT_TEST_EXAMPLES."""
    return ceil(count * TIMES)
