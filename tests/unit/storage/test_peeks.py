"""The log of readings: one a moment, whoever asks again, gone with the experiment."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from evensplit import clock
from evensplit.model.experiment import read_new
from evensplit.storage.catalog import Catalog
from evensplit.storage.catalog.peeks import Looks, Peek
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import SmallStore


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fixed = Clock()
    monkeypatch.setattr(clock, "now_ms", fixed)
    return fixed


@pytest.fixture
def catalog(tmp_path: Path, now: Clock) -> Iterator[Catalog]:
    store = SmallStore(tmp_path)
    made = Catalog(store)
    asyncio.run(made.create(read_new(b'{"name": "x", "variants": [{"name": "a"}, {"name": "b"}]}')))
    yield made
    store.close()


SEEN = Peek(test_id=1, as_of="x", moment="m1", method="fixed", alpha=0.05, metric="", definition="d", version="0")


def look(catalog: Catalog, peek: Peek, **change: object) -> Looks:
    changed = msgspec.structs.replace(peek, **change)
    asyncio.run(catalog.peeks.log(changed))
    return catalog.peeks.looks(changed.test_id, changed.moment)


def test_a_look_is_a_moment(catalog: Catalog, now: Clock) -> None:
    first = clock.to_text(now.ms)
    assert look(catalog, SEEN) == Looks(0)
    assert look(catalog, SEEN) == Looks(0), "the same again shows nothing new"
    assert look(catalog, SEEN, method="sequential", metric="bought") == Looks(0), "nor does another way to weigh it"
    now.pass_hours(1)
    assert look(catalog, SEEN, moment="m2") == Looks(1, first, first)
    now.pass_hours(1)
    assert look(catalog, SEEN, moment="m3") == Looks(2, first, clock.to_text(now.ms - 3_600_000))


def test_an_earlier_moment_says_what_it_said(catalog: Catalog, now: Clock) -> None:
    before = [look(catalog, SEEN, moment=f"m{number}") for number in range(4)]
    now.pass_hours(5)
    assert [look(catalog, SEEN, moment=f"m{number}") for number in range(4)] == before
    assert [each.before for each in before] == [0, 1, 2, 3]


def test_the_log_can_be_read(catalog: Catalog, now: Clock) -> None:
    look(catalog, SEEN)
    now.pass_hours(2)
    look(catalog, SEEN, as_of="y", moment="m2", metric="bought", via="pages")
    newest, oldest = catalog.peeks.newest(1)
    assert (oldest.looked_at, oldest.peek) == (clock.to_text(now.ms - 7_200_000), SEEN)
    assert (newest.looked_at, newest.peek.as_of, newest.peek.via) == (clock.to_text(now.ms), "y", "pages")
    assert catalog.peeks.newest(1, 1) == [newest]


def test_the_log_belongs_to_its_experiment(catalog: Catalog) -> None:
    asyncio.run(catalog.create(read_new(b'{"name": "y", "variants": [{"name": "a"}, {"name": "b"}]}')))
    look(catalog, SEEN)
    assert look(catalog, SEEN, test_id=2, moment="m2") == Looks(0)
    asyncio.run(catalog.delete("x"))
    asyncio.run(catalog.create(read_new(b'{"name": "x", "variants": [{"name": "a"}, {"name": "b"}]}')))
    assert catalog.peeks.looks(catalog.experiment("x").id, "m9") == Looks(0)
