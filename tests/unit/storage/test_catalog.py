"""The catalog on the record's real schema: experiments, their history, assignments, links, keys."""

import asyncio
import hashlib
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from evensplit import clock
from evensplit.errors import Conflict, Invalid, NotFound, UnknownExperiment
from evensplit.model.experiment import Design, Experiment, NewExperiment, NewVariant, read_new, read_patch
from evensplit.model.metric import Recorded
from evensplit.storage.base import NewAssignment
from evensplit.storage.catalog import Catalog
from evensplit.storage.catalog.experiments import Weight
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import SmallStore

T = TypeVar("T")
NOW = "2026-01-01 00:00:00.000"


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


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


def two(name: str = "x", start: bool = True) -> NewExperiment:
    return NewExperiment(design=Design(name, (NewVariant("a"), NewVariant("b", weight=2.0))), start=start)


def patched(catalog: Catalog, name: str, body: bytes) -> Experiment:
    return run(catalog.change(name, lambda before: read_patch(body, before)))


# --- experiments ----------------------------------------------------------------------------------


def test_what_is_created_is_read_back(catalog: Catalog) -> None:
    body = (
        '{"name": "größe 🦄 %", "description": "d", "control": "b", "seed": "s", "hash_version": "growthbook_v1",'
        ' "variants": [{"name": "a", "weight": 0.1, "payload": {"x" : 1.50}}, {"name": "b", "description": "B"}],'
        ' "metrics": [{"kind": "recorded", "name": "m", "missing": "zero"}]}'
    )
    made = run(catalog.create(read_new(body.encode())))
    assert [each.id for each in catalog.experiments()] == [catalog.experiment("größe 🦄 %").id] == [made.id]
    assert (made.name, made.description, made.control, made.seed) == ("größe 🦄 %", "d", "b", "s")
    assert (made.status, made.created_at, made.started_at, made.stopped_at) == ("running", NOW, NOW, None)
    assert (made.hash_version, made.method, made.origin) == ("growthbook_v1", "sequential", "created")
    assert [(v.name, v.description, v.weight, bytes(v.payload)) for v in made.variants] == [
        ("a", None, 0.1, b'{"x" : 1.50}'),
        ("b", "B", 1.0, b"null"),
    ]
    assert made.metrics == (Recorded(name="m", missing="zero"),)


def test_the_contract_tables_hold_it(catalog: Catalog, store: SmallStore) -> None:
    run(catalog.create(two()))
    tests = store.record.execute("SELECT test_name, description, created_at FROM ab_tests").fetchall()
    variants = store.record.execute("SELECT test_id, variant_name, weight, created_at FROM ab_variants").fetchall()
    assert tests == [("x", None, NOW)]
    assert variants == [(1, "a", 1.0, NOW), (1, "b", 2.0, NOW)]


def test_a_draft(catalog: Catalog) -> None:
    made = run(catalog.create(two(start=False)))
    assert (made.status, made.started_at) == ("draft", None)


def test_a_name_is_there_once_and_nothing_is_half_written(catalog: Catalog, store: SmallStore) -> None:
    run(catalog.create(two()))
    with pytest.raises(Conflict, match="'x'"):
        run(catalog.create(two()))
    run(catalog.create(two("y")))
    with pytest.raises(Conflict, match="'x'"):
        patched(catalog, "y", b'{"name": "x", "weights": {"a": 9}}')
    with pytest.raises(Conflict, match="'x'"):
        patched(catalog, "y", b'{"name": "x", "variants": [{"name": "a"}, {"name": "c"}]}')
    assert [(v.name, v.weight) for v in catalog.experiment("y").variants] == [("a", 1.0), ("b", 2.0)]
    assert store.record.execute("SELECT count(*) FROM ab_variants").fetchone() == (4,)


def test_a_design_against_the_rules_is_not_stored(catalog: Catalog) -> None:
    with pytest.raises(Invalid):
        run(catalog.create(NewExperiment(design=Design("x", (NewVariant("a"),)))))
    assert catalog.experiments() == []


def test_unknown(catalog: Catalog) -> None:
    with pytest.raises(UnknownExperiment, match="'nobody'"):
        catalog.experiment("nobody")
    for work in (catalog.move("nobody", "start"), catalog.delete("nobody"), catalog.measure("nobody", [])):
        with pytest.raises(UnknownExperiment):
            run(work)


def test_changes(catalog: Catalog, now: Clock) -> None:
    run(catalog.create(two()))
    now.pass_hours(1)
    after = patched(catalog, "x", b'{"name": "y", "weights": {"a": 3}, "payloads": {"b": [1]}, "control": "b"}')
    assert (after.name, after.control, after.seed, after.id) == ("y", "b", "x", 1)
    assert [(v.id, v.weight, bytes(v.payload)) for v in after.variants] == [(1, 3.0, b"null"), (2, 2.0, b"[1]")]
    assert catalog.experiment("y").variants == after.variants
    with pytest.raises(UnknownExperiment):
        catalog.experiment("x")
    assert catalog.weights(after) == [Weight(NOW, 1, 1.0), Weight(NOW, 2, 2.0), Weight(now.text(), 1, 3.0)]


def test_variants_come_and_go(catalog: Catalog, store: SmallStore, now: Clock) -> None:
    run(catalog.create(two()))
    now.pass_hours(1)
    after = patched(catalog, "x", b'{"variants": [{"name": "a"}, {"name": "c", "weight": 5}]}')
    assert [v.name for v in after.variants] == ["a", "c"]
    run(store.assign([NewAssignment("u", after.id, after.variants[0].id, NOW)]))
    with pytest.raises(Conflict, match="weight to 0"):
        patched(catalog, "x", b'{"variants": [{"name": "c"}, {"name": "d"}], "control": "c"}')
    assert [v.name for v in catalog.experiment("x").variants] == ["a", "c"]
    assert [weight.variant_id for weight in catalog.weights(after)] == [1, after.variants[1].id]


def test_all_variants_that_go_or_none(catalog: Catalog, store: SmallStore) -> None:
    made = run(catalog.create(NewExperiment(design=Design("x", tuple(map(NewVariant, "abcd"))))))
    run(store.assign([NewAssignment("u", made.id, made.variants[3].id, NOW)]))
    with pytest.raises(Conflict):
        patched(catalog, "x", b'{"variants": [{"name": "a"}, {"name": "b"}]}')
    assert [v.name for v in catalog.experiment("x").variants] == ["a", "b", "c", "d"]


def test_states(catalog: Catalog, now: Clock) -> None:
    run(catalog.create(two(start=False)))
    with pytest.raises(Conflict, match="draft"):
        run(catalog.move("x", "stop"))
    now.pass_hours(1)
    started = run(catalog.move("x", "start"))
    assert (started.status, started.started_at) == ("running", now.text())
    assert run(catalog.move("x", "start")) == started
    now.pass_hours(1)
    stopped = run(catalog.move("x", "stop"))
    assert (stopped.status, stopped.stopped_at) == ("stopped", now.text())
    again = run(catalog.move("x", "start"))
    assert (again.status, again.started_at, again.stopped_at) == ("running", now.text(-1), None)
    archived = run(catalog.move("x", "archive"))
    assert (archived.status, archived.stopped_at) == ("archived", now.text())
    with pytest.raises(Conflict, match="archived"):
        run(catalog.move("x", "start"))


def test_deleting_takes_everything_along(catalog: Catalog, store: SmallStore) -> None:
    made = run(catalog.create(two()))
    run(catalog.create(two("other")))
    run(store.assign([NewAssignment("u", made.id, made.variants[0].id, NOW)]))
    run(catalog.delete("x"))
    for table in ("ab_tests", "ab_variants", "es_experiments", "es_variants", "es_weights"):
        (count,) = store.record.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert count == (1 if table in ("ab_tests", "es_experiments") else 2), table
    assert store.record.execute("SELECT count(*) FROM ab_assignments").fetchone() == (0,)
    assert [e.name for e in catalog.experiments()] == ["other"]


def test_listeners_hear_every_change(catalog: Catalog) -> None:
    heard: list[str] = []
    catalog.subscribe(heard.append)
    run(catalog.create(two()))
    patched(catalog, "x", b'{"name": "y"}')
    run(catalog.move("y", "stop"))
    run(catalog.measure("y", []))
    run(catalog.delete("y"))
    assert heard == ["x", "x", "y", "y", "y", "y"]


def test_changes_do_not_lose_each_other(catalog: Catalog) -> None:
    run(catalog.create(two()))

    async def many() -> None:
        bodies = [b'{"weights": {"a": %d}}' % n for n in range(5, 25)] + [b'{"payloads": {"b": "kept"}}']
        await asyncio.gather(
            *(catalog.change("x", lambda before, body=body: read_patch(body, before)) for body in bodies)  # type: ignore[misc]
        )

    run(many())
    after = catalog.experiment("x")
    assert (after.variants[0].weight, bytes(after.variants[1].payload)) == (24.0, b'"kept"')
    assert [w.weight for w in catalog.weights(after)] == [1.0, 2.0, *map(float, range(5, 25))]


# --- what other programs wrote --------------------------------------------------------------------


def foreign(store: SmallStore, name: str = "theirs") -> None:
    store.record.execute("INSERT INTO ab_tests (test_name) VALUES (?)", (name,))
    store.record.execute("INSERT INTO ab_variants (test_id, variant_name) SELECT max(id), 'old' FROM ab_tests")
    store.record.execute(
        "INSERT INTO ab_variants (test_id, variant_name, weight) SELECT max(id), 'new', 3 FROM ab_tests"
    )


def test_a_test_of_another_program_is_running(catalog: Catalog, store: SmallStore) -> None:
    foreign(store)
    (found,) = catalog.experiments()
    assert (found.id, found.name) == (catalog.experiment("theirs").id, "theirs")
    assert (found.status, found.control, found.seed, found.hash_version) == (
        "running",
        "old",
        "theirs",
        "growthbook_v2",
    )
    assert [(v.name, v.weight) for v in found.variants] == [("old", 1.0), ("new", 3.0)]
    assert len(found.created_at) == len(NOW)
    assert catalog.weights(found) == []


def test_and_it_can_be_changed(catalog: Catalog, store: SmallStore, now: Clock) -> None:
    foreign(store)
    assert run(catalog.move("theirs", "stop")).status == "stopped"
    now.pass_hours(10**5)
    after = patched(catalog, "theirs", b'{"weights": {"new": 1}}')
    began = after.created_at
    assert after.status == "stopped"
    assert catalog.weights(after) == [
        Weight(began, 1, 1.0), Weight(began, 2, 3.0), Weight(now.text(), 2, 1.0)
    ]  # fmt: skip


def test_what_another_program_changes_is_seen(catalog: Catalog, store: SmallStore) -> None:
    run(catalog.create(two()))
    assert catalog.experiment("x").variants[0].weight == 1
    store.record.execute("UPDATE ab_variants SET weight = 7 WHERE variant_name = 'a'")
    assert catalog.experiment("x").variants[0].weight == 7
    store.record.execute("DELETE FROM ab_tests")
    with pytest.raises(UnknownExperiment):
        catalog.experiment("x")


def test_an_experiment_is_remembered(catalog: Catalog, store: SmallStore) -> None:
    run(catalog.create(two()))
    first = catalog.experiment("x")
    reads = store.reads
    assert catalog.experiment("x") is first
    assert store.reads == reads + 1, "only the generations are looked at"


@pytest.mark.parametrize("weight", ["-1", "'heavy'", "9e999", "-9e999"])
def test_impossible_weights_of_another_program_count_as_none(catalog: Catalog, store: SmallStore, weight: str) -> None:
    foreign(store)
    store.record.execute(f"UPDATE ab_variants SET weight = {weight} WHERE variant_name = 'old'")
    found = catalog.experiment("theirs").variants[0].weight
    assert found == (1e300 if weight == "9e999" else 0.0)


# --- assignments and links ------------------------------------------------------------------------


def test_assignments(catalog: Catalog, store: SmallStore) -> None:
    made = run(catalog.create(two()))
    other = run(catalog.create(two("other")))
    users = [f"u{n}" for n in range(1200)]
    run(store.assign([NewAssignment(user, made.id, 1, NOW) for user in users]))
    run(store.assign([NewAssignment("u7", other.id, other.variants[1].id, NOW)]))
    one = catalog.assignments.one(made.id, "u7")
    assert one is not None
    assert (one.variant_id, one.assigned_at, one.new) == (1, NOW, False)
    assert catalog.assignments.one(made.id, "stranger") is None
    assert set(catalog.assignments.several(made.id, [*users, "stranger"])) == set(users)
    assert [(a.experiment, a.variant) for a in catalog.assignments.of_user("u7")] == [("x", "a"), ("other", "b")]


def test_pages_follow_each_other(catalog: Catalog, store: SmallStore) -> None:
    made = run(catalog.create(two()))
    run(store.assign([NewAssignment(f"u{n:02}", made.id, 1, NOW) for n in range(25)]))
    found: list[str] = []
    after = 0
    while page := catalog.assignments.page(made.id, after, 10):
        found += [stored.user_id for _, stored in page]
        after = page[-1][0]
    assert found == [f"u{n:02}" for n in range(25)]


def test_an_anonymous_id_belongs_to_its_earliest_user(catalog: Catalog, store: SmallStore) -> None:
    links = [
        ("a1", "late", "2026-01-02"),
        ("a1", "early", "2026-01-01"),
        ("a2", "z", "2026-01-01"),
        ("a2", "y", "2026-01-01"),
        ("a3", "early", "2026-01-03"),
    ]
    sql = "INSERT INTO es_identity (kind, subject, object, stated_at) VALUES ('link', ?, ?, ?)"
    store.record.executemany(sql, links)
    assert [catalog.links.owner(id_) for id_ in ("a1", "a2", "a3", "early", "nobody")] == [
        "early",
        "y",
        "early",
        None,
        None,
    ]
    assert catalog.links.circle("a3") == catalog.links.circle("early") == ["early", "a1", "a3"]
    assert catalog.links.circle("late") == ["late"]
    ids = ["a1", "a2", "early", "late", "z", "nobody"]
    assert catalog.links.circles(ids) == {id_: ring for id_ in ids if (ring := catalog.links.circle(id_)) != [id_]}


# --- keys -----------------------------------------------------------------------------------------


def test_only_the_hash_of_a_key_is_kept(catalog: Catalog, store: SmallStore) -> None:
    text, key = run(catalog.keys.create("secret", "mine"))
    assert text.startswith("es_s_")
    assert key.hash == hashlib.sha256(text.encode()).hexdigest()
    assert (key.kind, key.name, key.created_at, key.revoked_at) == ("secret", "mine", NOW, None)
    assert all(text not in str(row) for row in store.record.execute("SELECT * FROM es_keys"))
    assert catalog.keys.all() == [key]


def test_a_given_key(catalog: Catalog) -> None:
    text, _ = run(catalog.keys.create("write", "page", "es_w_0123456789abcdef"))
    assert text == "es_w_0123456789abcdef"
    with pytest.raises(Conflict):
        run(catalog.keys.create("write", "again", "es_w_0123456789abcdef"))
    for bad in (
        "short",
        "has a space in it....",
        "with:colon:in:it....",
        "größe größe größe größe",
        "es_s_0123456789abcdef",
    ):
        with pytest.raises(Invalid):
            run(catalog.keys.create("write", "bad", bad))


def test_a_revoked_key_stays_listed(catalog: Catalog, now: Clock) -> None:
    _, key = run(catalog.keys.create("write", "page"))
    now.pass_hours(1)
    run(catalog.keys.revoke(key.id))
    assert catalog.keys.all()[0].revoked_at == now.text()
    for gone in (key.id, 99):
        with pytest.raises(NotFound):
            run(catalog.keys.revoke(gone))
