"""For all unit tests: examples are judged by their results, never by the clock of a busy machine.

What runs on ClickHouse's engine is marked `clickhouse`: it takes longer, and is run by itself.
"""

import gc
from collections.abc import Sequence

import pytest
from hypothesis import settings

settings.register_profile("evensplit", deadline=None, print_blob=True)
settings.load_profile("evensplit")

gc.disable()  # while everything is imported and collected nothing becomes garbage, and to look for it takes seconds


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if "clickhouse" in item.nodeid.lower():
            item.add_marker(pytest.mark.clickhouse)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
