"""Which ids are tied together, and to whom a visitor belongs."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from evensplit.ingest import identity
from evensplit.ingest.identity import Owners, is_placeholder


@pytest.mark.parametrize(
    "one",
    [
        "", " ", "null", "NULL", "undefined", "None", "NaN", "0", "-1", "True", "false", "anonymous", "Guest",
        "unknown", "[object Object]", " [OBJECT OBJECT] ", "00000000-0000-0000-0000-000000000000",
    ],
)  # fmt: skip
def test_placeholders(one: str) -> None:
    assert is_placeholder(one)


@pytest.mark.parametrize("one", ["1", "00", "nobody", "anonymous-1", "nul", "u"])
def test_ids(one: str) -> None:
    assert not is_placeholder(one)


class Asked:
    """Owners as a catalog has them, and which were asked for."""

    def __init__(self, owners: dict[str, str]) -> None:
        self.owners = owners
        self.calls: list[list[str]] = []

    def __call__(self, ids: Sequence[str]) -> Mapping[str, str]:
        self.calls.append(sorted(ids))
        return {id_: self.owners[id_] for id_ in ids if id_ in self.owners}


def test_strangers_and_what_is_remembered() -> None:
    asked = Asked({"v1": "ann", "v2": "bob"})
    owners = Owners(asked)
    links = [("v1", "ann", "t"), ("v2", "ann", "t"), ("v3", "ann", "t")]
    assert asyncio.run(owners.strangers(links)) == [1]
    assert asyncio.run(owners.strangers([("v1", "ann", "t")])) == []
    assert asked.calls == [["v1", "v2", "v3"]], "who was asked for once is known"
    asked.owners["v1"] = "bob"  # an earlier link came late
    assert asyncio.run(owners.strangers([("v1", "bob", "t")])) == []
    assert asyncio.run(owners.strangers([("v1", "ann", "t")])) == [0]


def test_many_at_once_and_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "MOST_OWNERS", 100)
    asked = Asked({f"v{n}": f"u{n}" for n in range(150)})
    owners = Owners(asked)
    links = [(f"v{n}", f"u{n if n % 2 else 0}", "t") for n in range(90)]
    for _ in range(3):
        assert asyncio.run(owners.strangers(links)) == list(range(2, 90, 2))
    more = [(f"v{n}", f"u{n}", "t") for n in range(60, 150)]
    assert asyncio.run(owners.strangers(more)) == []
    assert len(owners._known) <= 100
