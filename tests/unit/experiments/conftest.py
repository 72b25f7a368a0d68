"""Fixtures: a small store, the catalog over it, a clock that stands still until it is moved."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evensplit import clock
from evensplit.experiments.assignments import Assigner
from evensplit.storage.catalog import Catalog
from tests.unit.experiments.stores import SmallStore


class Clock:
    """Milliseconds; `clock.now_ms` reads it."""

    def __init__(self) -> None:
        self.ms = 1_767_225_600_000  # 2026-01-01

    def __call__(self) -> int:
        return self.ms

    def pass_hours(self, hours: float) -> None:
        self.ms += round(hours * 3_600_000)

    def text(self, hours: float = 0) -> str:
        return clock.to_text(self.ms + round(hours * 3_600_000))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fixed = Clock()
    monkeypatch.setattr(clock, "now_ms", fixed)
    return fixed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SmallStore]:
    small = SmallStore(tmp_path)
    yield small
    small.close()


@pytest.fixture
def catalog(store: SmallStore, now: Clock) -> Catalog:
    return Catalog(store)


@pytest.fixture
def assigner(catalog: Catalog, store: SmallStore) -> Assigner:
    return Assigner(catalog, store)
