"""Who is whom: the same by an obvious oracle, on both engines and in the catalog, in whatever order it was stated."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evensplit import clock
from evensplit.errors import NotFound
from evensplit.query.as_of import settle
from evensplit.query.conditions import Source, Trait
from evensplit.query.dialect import speak
from evensplit.query.fragment import fill, join
from evensplit.query.sql import scan
from evensplit.storage.catalog import Catalog
from evensplit.storage.embedded.groups import LINK
from evensplit.storage.migrate import migrate
from tests.unit.examples import some
from tests.unit.experiments.stores import SmallStore
from tests.unit.query import identity_oracle
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, Stated

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
VISITORS, USERS = ["v1", "v2", "v3", "o'x"], ["ann", "bob", "eve", "v3"]
TIMES = st.integers(0, 3)
LINKS = st.builds(Stated, st.just("link"), st.sampled_from(VISITORS), st.sampled_from(USERS), TIMES).filter(
    lambda row: row.subject != row.object
)
UNLINKS = st.builds(Stated, st.just("unlink"), st.sampled_from(VISITORS), st.just(""), TIMES)
MERGES = st.builds(Stated, st.just("merge"), st.sampled_from(USERS), st.sampled_from(USERS), TIMES)
TRAITS = st.builds(
    lambda who, name, at, value: Stated("trait", who, name, at, *value),
    st.sampled_from([*VISITORS, *USERS]),
    st.sampled_from(["plan", "a.b", "it's"]),
    TIMES,
    st.sampled_from([("pro", None), ("5", None), ("5", 5.0), ("", None), (None, None), ("-0.5", -0.5)]),
)
LOGS = st.lists(st.one_of(LINKS, LINKS, LINKS, UNLINKS, MERGES, TRAITS), max_size=14).map(identity_oracle.written)
ASKED: list[Source] = [Trait("plan"), Trait("a.b"), Trait("it's"), Trait("never stated")]


@pytest.fixture(scope="module", params=list(STORES))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def resolved(store: AnyStore) -> dict[str, str]:
    """The persons of the ids that are not their own, as reports see them."""
    as_of, dialect = asyncio.run(settle(store, None)), speak(store.engine, {})
    question = scan.people(dialect, as_of)
    if question is None:
        return {}
    names = ", ".join(dialect.persons.name(key) for key in ("l.id", "l.person"))
    rows = asyncio.run(store.query(f"SELECT {names} FROM ({question.sql}) AS l", question.values))
    assert len({id_ for id_, _ in rows}) == len(rows), "an id is one person's"
    by_ids = dialect.persons.resolved(as_of.links)
    assert sorted(asyncio.run(store.query(by_ids.sql, by_ids.values))) == sorted(rows), "keys and ids say the same"
    return {str(id_): str(person) for id_, person in rows}


def others(persons: dict[str, str]) -> dict[str, str]:
    return {id_: person for id_, person in persons.items() if person != id_}


@settings(max_examples=some(12), deadline=None, suppress_health_check=SLOW)
@given(log=LOGS)
def test_persons_and_traits_are_what_the_oracle_says(engine: str, log: list[Stated]) -> None:
    store = STORES[engine]()
    store.state(*log)
    assert resolved(store) == others(identity_oracle.persons(log))
    ids = [*VISITORS, *USERS, "nobody", None]
    store.put(*(Event("view", 0, "{}", id_) for id_ in ids))
    persons, stated = identity_oracle.persons(log), identity_oracle.traits(log)
    expected: list[tuple[object, ...]] = []
    for place, id_ in enumerate(ids, 1):
        person = persons.get(id_, id_) if id_ else None
        row: list[object] = [place, person]
        for of in ASKED:
            assert isinstance(of, Trait)
            last = stated.get(person or "", {}).get(of.name)
            row += [None, None] if last is None else [last.text, last.number]
        expected.append(tuple(row))
    assert scanned(store) == expected


def scanned(store: AnyStore) -> list[tuple[object, ...]]:
    """Every event with its person and traits."""
    dialect = speak(store.engine, {})
    as_of = asyncio.run(settle(store, None))
    columns = [form for of in ASKED for form in (dialect.values.text(of), dialect.values.number(of))]
    question = fill(
        f"SELECT id, {dialect.persons.name('person')}, {{}} FROM {{}} AS s ORDER BY id",
        join(", ", columns),
        scan.events(dialect, as_of, ASKED),
    )
    return asyncio.run(store.query(question.sql, question.values))


@settings(max_examples=some(6), deadline=None, suppress_health_check=SLOW)
@given(links=st.lists(LINKS, max_size=8), seed=st.integers(0, 1000))
def test_the_order_of_arrival_never_matters(engine: str, links: list[Stated], seed: int) -> None:
    shuffled = list(links)
    Random(seed).shuffle(shuffled)
    here, there = STORES[engine](), STORES[engine]()
    here.state(*links)
    there.state(*shuffled)
    assert resolved(here) == resolved(there)


def test_an_as_of_knows_what_was_stated_by_then(engine: str) -> None:
    store = STORES[engine]()
    log = [Stated("link", "v1", "ann", 5), Stated("link", "v1", "bob", 1), Stated("merge", "bob", "ann")]
    dialect = speak(store.engine, {})
    store.state(*log, Stated("unlink", "v1"))
    seen = []
    for links in range(1, 5):
        question = dialect.persons.resolved(links)
        seen.append({(str(a), str(b)) for a, b in asyncio.run(store.query(question.sql, question.values))})
    assert seen == [{("v1", "ann")}, {("v1", "bob")}, {("v1", "ann"), ("bob", "ann")}, {("bob", "ann")}]


# --- the catalog ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStore]:
    store = SmallStore(tmp_path_factory.mktemp("record"))
    yield store
    store.close()


@pytest.fixture
def record(small: SmallStore) -> SmallStore:
    small.record.execute("DELETE FROM es_identity")
    return small


@settings(max_examples=some(25), deadline=None, suppress_health_check=SLOW)
@given(log=LOGS)
def test_the_catalog_says_the_same(small: SmallStore, log: list[Stated]) -> None:
    small.record.execute("DELETE FROM es_identity")
    sql = "INSERT INTO es_identity (kind, subject, object, value, text, number, stated_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
    small.record.executemany(
        sql, [(row.kind, row.subject, row.object, row.text, row.text, row.number, clock.to_text(row.at)) for row in log]
    )
    catalog = Catalog(small)
    expected = identity_oracle.persons(log)
    ids = sorted({*VISITORS, *USERS, "nobody"})
    assert catalog.links.persons(ids) == {id_: expected.get(id_, id_) for id_ in ids}
    known = identity_oracle.traits(log)
    for id_ in ids:
        person = expected.get(id_, id_)
        ring = sorted(other for other in ids if expected.get(other, other) == person)
        found = catalog.links.circle(id_)
        assert found == [person, *(other for other in ring if other != person)]
        texts = {name: row.text for name, row in known.get(person, {}).items()}
        assert catalog.identity.traits(found) == {name: text for name, text in texts.items() if text is not None}
    assert catalog.links.circles(ids) == {id_: ring for id_ in ids if (ring := catalog.links.circle(id_)) != [id_]}


COMMANDS = st.lists(
    st.tuples(st.sampled_from(["merge", "merge", "merge", "unmerge"]), *[st.sampled_from("abcdef")] * 2), max_size=12
)


@settings(max_examples=some(10), deadline=None, suppress_health_check=SLOW)
@given(commands=COMMANDS)
def test_merges_and_what_undoes_them(small: SmallStore, commands: list[tuple[str, str, str]]) -> None:
    small.record.execute("DELETE FROM es_identity")
    small.record.execute(LINK, ("v", "a", "2026-01-01 00:00:00.000"))
    catalog, oracle = Catalog(small), identity_oracle.Merges()
    for command, one, other in commands:
        if command == "merge":
            oracle.merge(one, other)
            ring = asyncio.run(catalog.identity.merge(one, other))
        elif oracle.unmerge(one):
            ring = asyncio.run(catalog.identity.unmerge(one))
        else:
            with pytest.raises(NotFound):
                asyncio.run(catalog.identity.unmerge(one))
            continue
        top = oracle.top(one)
        members = [user for user in "abcdef" if oracle.top(user) == top and user != top]
        assert ring == [top, *members, *(["v"] if oracle.top("a") == top else [])]
    assert catalog.links.persons("abcdef") == oracle.persons("abcdef")
    assert catalog.links.persons(["v"]) == {"v": oracle.top("a")}
    columns = STORES["duckdb"]()
    rows = small.record.execute("SELECT kind, subject, object FROM es_identity ORDER BY id").fetchall()
    columns.state(*(Stated(*row) for row in rows))
    everybody = {**oracle.persons("abcdef"), "v": oracle.top("a")}
    assert resolved(columns) == others(dict(everybody)), "one step of looking up is enough"


def test_many_ids_at_once(record: SmallStore) -> None:
    record.record.executemany(LINK, [(f"v{n}", f"u{n // 3}", "2026") for n in range(1_500)])
    links = Catalog(record).links
    found = links.circles([f"v{n}" for n in range(1_500)] + ["stranger"])
    assert len(found) == 1_500
    assert found["v7"] == ["u2", "v6", "v7", "v8"]


def test_unlink(record: SmallStore) -> None:
    catalog = Catalog(record)
    with pytest.raises(NotFound):
        asyncio.run(catalog.identity.unlink("v"))
    record.record.executemany(
        LINK, [("v", "ann", "2026-01-01"), ("v", "bob", "2026-01-02"), ("w", "ann", "2026-01-01")]
    )
    assert catalog.links.circle("v") == ["ann", "v", "w"]
    assert asyncio.run(catalog.identity.unlink("v")) == ["v"]
    assert (catalog.links.circle("ann"), catalog.links.circle("bob")) == (["ann", "w"], ["bob"])
    record.record.execute(LINK, ("v", "bob", "2026-01-02"))
    assert catalog.links.circle("v") == ["bob", "v"], "what is stated from now on counts again"


def test_a_link_is_kept_once_and_its_earliest_time_too(record: SmallStore) -> None:
    for at in ("05", "07", "05", "03", "04"):
        record.record.execute(LINK, ("v", "ann", f"2026-01-{at}"))
    rows = record.record.execute("SELECT stated_at FROM es_identity ORDER BY id").fetchall()
    assert rows == [("2026-01-05",), ("2026-01-03",)]


# --- a record of before ---------------------------------------------------------------------------


def test_links_of_an_older_record_are_taken_along(tmp_path: Path) -> None:
    path = tmp_path / "analytics.db"
    migrate(path, "0001")
    con = sqlite3.connect(path)
    rows = [(3, "v", "ann", "2026-01-02"), (7, "v", "bob", "2026-01-01"), (9, "w", "eve", "2026-01-03")]
    con.executemany("INSERT INTO es_links VALUES (?, ?, ?, ?)", rows)
    con.execute("DELETE FROM es_links WHERE id = 9")
    con.commit()
    migrate(path)
    kept = con.execute("SELECT id, kind, subject, object, stated_at FROM es_identity ORDER BY id").fetchall()
    assert kept == [(3, "link", "v", "ann", "2026-01-02"), (7, "link", "v", "bob", "2026-01-01")]
    con.execute(LINK, ("w", "eve", "2026-01-03"))
    assert con.execute("SELECT max(id) FROM es_identity").fetchone() == (10,), "no id is given out twice"
    assert con.execute("SELECT table_name, row_id FROM es_tombstones").fetchall() == [("es_links", 9)]
    con.execute("DELETE FROM es_identity WHERE id = 3")
    assert con.execute("SELECT table_name, row_id FROM es_tombstones WHERE id > 1").fetchall() == [("es_identity", 3)]
    con.close()
