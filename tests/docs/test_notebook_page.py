"""The Python of docs/notebook.md runs as it stands, over a directory with events like those it speaks of."""

import asyncio
import re
from pathlib import Path

import pytest

from evensplit import app
from evensplit.model.event import Batch
from evensplit.settings import Settings
from tests.docs.generated import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


async def fill(directory: Path) -> None:
    async with app.opened(Settings(data=str(directory))) as services:
        for at, event in enumerate(("view", "signup", "view", "purchase")):
            row: list[str | None] = [event, "ann", "s", '{"country": "DE"}', f"2026-11-0{1 + at} 10:00:00.000"]
            await services.store.append(Batch(values=row))


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asyncio.run(fill(tmp_path / "evensplit-data"))
    blocks = BLOCK.findall((ROOT / "docs" / "notebook.md").read_text(encoding="utf-8"))
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert names["es"]
