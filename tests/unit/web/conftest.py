"""A product in memory and somebody who calls it."""

from pathlib import Path

import pytest

from evensplit import clock
from evensplit.settings import Settings
from evensplit.storage.migrate import migrate
from tests.unit.web.driver import Caller, Product

NOW = clock.from_text("2026-11-22 10:11:12.345")


@pytest.fixture(scope="session")
def empty_record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the migrations make it."""
    path = tmp_path_factory.mktemp("record") / "analytics.db"
    migrate(path)
    return path


@pytest.fixture
def product(monkeypatch: pytest.MonkeyPatch, empty_record: Path) -> Product:
    """With a clock that stands."""
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)
    return Product(Settings(max_events=100, max_body_bytes=100_000), empty_record)


@pytest.fixture
def api(product: Product) -> Caller:
    return Caller(product)
