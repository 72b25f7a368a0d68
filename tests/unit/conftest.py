"""For all unit tests: examples are judged by their results, never by the clock of a busy machine.

What runs on ClickHouse's engine is marked `clickhouse`: it takes longer, and is run by itself.
"""

from collections.abc import Sequence

import pytest
from hypothesis import settings

settings.register_profile("evensplit", deadline=None, print_blob=True)
settings.load_profile("evensplit")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if "clickhouse" in item.nodeid.lower():
            item.add_marker(pytest.mark.clickhouse)
