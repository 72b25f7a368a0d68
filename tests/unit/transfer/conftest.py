"""A store over a fresh directory, with its writer process: what the command line opens too."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from evensplit.storage.embedded.store import EmbeddedStore, Options

T = TypeVar("T")
Use = Callable[[EmbeddedStore], Awaitable[T]]


class Place:
    """A data directory; `use` opens it, runs, and closes it again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def use(self, what: Use[T]) -> T:
        async def run() -> T:
            store = await EmbeddedStore.open(Options(self.directory))
            try:
                return await what(store)
            finally:
                await store.close()

        return asyncio.run(run())


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data directory as the first start leaves it; making one takes longer than copying it."""
    directory = tmp_path_factory.mktemp("blank") / "data"

    async def nothing(store: EmbeddedStore) -> None:
        await store.fresh()

    Place(directory).use(nothing)
    return directory


@pytest.fixture
def place(blank: Path, tmp_path: Path) -> Place:
    return Place(Path(shutil.copytree(blank, tmp_path / "data")))
