"""What a user is told, and why: stored rows, races, states, logins, memory."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import pytest
from msgspec import Raw

from evensplit.errors import UnknownExperiment
from evensplit.experiments import assign
from evensplit.experiments.assignments import Assigner, AssignmentReply
from evensplit.experiments.explain import explain
from evensplit.model.experiment import Action, Design, Experiment, NewExperiment, NewVariant, read_patch
from evensplit.storage.base import NewAssignment, StoredAssignment
from evensplit.storage.catalog import Catalog
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import SmallStore

T = TypeVar("T")
START = "2026-01-01T00:00:00.000Z"


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def x(catalog: Catalog) -> Experiment:
    variants = (NewVariant("a", payload=Raw(b'{"c": 1.50}')), NewVariant("b", weight=2.0))
    return run(catalog.create(NewExperiment(design=Design("x", variants))))


def patch(catalog: Catalog, body: bytes, name: str = "x") -> None:
    run(catalog.change(name, lambda before: read_patch(body, before)))


def hashed(user_id: str) -> str:
    return "ab"[assign.variant_of("growthbook_v2", "x", user_id, [1.0, 2.0])]


def test_the_hash_decides_first_and_the_row_stands(assigner: Assigner, store: SmallStore, x: Experiment) -> None:
    for n in range(50):
        told = run(assigner.assign("x", f"u{n}"))
        assert (told.variant, told.new, told.assigned_at) == (hashed(f"u{n}"), True, START)
        again = run(assigner.assign("x", f"u{n}"))
        assert (again.variant, again.new, again.assigned_at) == (told.variant, False, START)
    assert store.record.execute("SELECT count(*) FROM ab_assignments").fetchone() == (50,)


def test_the_answer_from_memory_is_the_answer(assigner: Assigner, x: Experiment) -> None:
    assert assigner.known("x", 'é☃"u') is None
    run(assigner.assign("x", 'é☃"u'))
    known = assigner.known("x", 'é☃"u')
    assert known is not None
    assert json.loads(known) == {
        "experiment": "x",
        "user_id": 'é☃"u',
        "variant": hashed('é☃"u'),
        "variant_id": 1 if hashed('é☃"u') == "a" else 2,
        "payload": {"c": 1.5} if hashed('é☃"u') == "a" else None,
        "assigned_at": START,
        "new": False,
    }
    assert assigner.known("other", 'é☃"u') is None


@pytest.mark.parametrize("change", [b'{"payloads": {"a": 7, "b": 7}}', b'{"weights": {"a": 0}}', b'{"name": "y"}'])
def test_a_change_empties_the_memory(assigner: Assigner, catalog: Catalog, x: Experiment, change: bytes) -> None:
    told = run(assigner.assign("x", "u"))
    patch(catalog, change)
    assert assigner.known("x", "u") is None
    name = "y" if b"name" in change else "x"
    after = run(assigner.assign(name, "u"))
    assert (after.variant, after.new) == (told.variant, False)
    assert (bytes(after.payload) == b"7") == (b"payloads" in change)


def test_an_answer_older_than_a_change_is_not_remembered(catalog: Catalog, store: SmallStore, x: Experiment) -> None:
    """The payload changes while the row is being stored: the reply may be the old one, the memory may not."""

    class Interrupted:
        append = store.append

        async def assign(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]:
            await catalog.change("x", lambda before: read_patch(b'{"payloads": {"a": "new", "b": "new"}}', before))
            return await store.assign(rows)

    assigner = Assigner(catalog, Interrupted())
    run(assigner.assign("x", "u"))
    assert assigner.known("x", "u") is None
    assert bytes(run(assigner.assign("x", "u")).payload) == b'"new"'


def test_weights_move_nobody(assigner: Assigner, catalog: Catalog, store: SmallStore, x: Experiment) -> None:
    users = [f"u{n}" for n in range(300)]
    before = {reply.user_id: reply.variant for reply in run(assigner.assign_many("x", users))}
    patch(catalog, b'{"weights": {"a": 1, "b": 0}}')
    restarted = Assigner(Catalog(store), store)
    for who in (assigner, restarted):
        assert {reply.user_id: reply.variant for reply in run(who.assign_many("x", users))} == before
        assert all(run(who.assign("x", user)).variant == before[user] for user in users[:30])
    assert {run(assigner.assign("x", f"later {n}")).variant for n in range(30)} == {"a"}


def test_whoever_stores_first_wins(assigner: Assigner, store: SmallStore, x: Experiment) -> None:
    """Another request has stored the other variant since this one looked."""
    loser = next(f"u{n}" for n in range(99) if hashed(f"u{n}") == "a")

    class Late(SmallStore):
        pass

    real = store.assign

    async def late(rows: Sequence[NewAssignment]) -> list[StoredAssignment]:
        await real([NewAssignment(loser, x.id, 2, "2025-12-31 23:59:59.999")])
        return await real(rows)

    store.assign = late  # type: ignore[method-assign]
    told = run(assigner.assign("x", loser))
    assert (told.variant, told.new, told.assigned_at) == ("b", False, "2025-12-31T23:59:59.999Z")


def test_many(assigner: Assigner, x: Experiment) -> None:
    run(assigner.assign("x", "u3"))
    replies = run(assigner.assign_many("x", ["u1", "u3", "u2", "u1"]))
    assert [reply.user_id for reply in replies] == ["u1", "u3", "u2", "u1"]
    assert [reply.variant for reply in replies] == [hashed(user) for user in ("u1", "u3", "u2", "u1")]
    assert [reply.new for reply in replies] == [True, False, True, False]
    assert run(assigner.assign_many("x", [])) == []


@pytest.mark.parametrize(
    ("actions", "variant_of_early", "reason_of_late"),
    [((), True, None), (("stop",), True, "stopped"), (("stop", "start"), True, None)],
)
def test_states(
    assigner: Assigner,
    catalog: Catalog,
    x: Experiment,
    actions: Sequence[Action],
    variant_of_early: bool,
    reason_of_late: str | None,
) -> None:
    early = run(assigner.assign("x", "early"))
    for action in actions:
        run(catalog.move("x", action))
    assert run(assigner.assign("x", "early")).variant == early.variant
    late = run(assigner.assign("x", "late"))
    bulk = run(assigner.assign_many("x", ["early", "late"]))
    assert bulk[0].variant == early.variant
    if reason_of_late is None:
        assert late.variant == bulk[1].variant == hashed("late")
    else:
        nobody = AssignmentReply(experiment="x", user_id="late", reason=reason_of_late)
        assert (late.variant, late.reason, late.assigned_at) == (None, reason_of_late, None)
        assert (bulk[1].variant, bulk[1].reason) == (nobody.variant, nobody.reason)
        assert assigner.known("x", "late") is None


def test_a_draft_tells_nobody(assigner: Assigner, catalog: Catalog, store: SmallStore) -> None:
    design = Design("d", (NewVariant("a"), NewVariant("b")))
    run(catalog.create(NewExperiment(design=design, start=False)))
    told = run(assigner.assign("d", "u"))
    assert (told.variant, told.variant_id, told.reason, bytes(told.payload)) == (None, None, "not_running", b"null")
    assert [reply.reason for reply in run(assigner.assign_many("d", ["u", "v"]))] == ["not_running"] * 2
    assert store.record.execute("SELECT count(*) FROM ab_assignments").fetchone() == (0,)


def test_archived_deleted_unknown(assigner: Assigner, catalog: Catalog, x: Experiment) -> None:
    run(assigner.assign("x", "u"))
    run(catalog.move("x", "archive"))
    assert assigner.known("x", "u") is None
    for name in ("x", "nobody"):
        with pytest.raises(UnknownExperiment):
            run(assigner.assign(name, "u"))
        with pytest.raises(UnknownExperiment):
            run(assigner.assign_many(name, ["u"]))
    run(catalog.delete("x"))
    assert assigner.known("x", "u") is None


def test_deleted_while_deciding(catalog: Catalog, store: SmallStore, x: Experiment) -> None:
    class Interrupted:
        append = store.append

        async def assign(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]:
            await catalog.delete("x")
            return await store.assign(rows)

    with pytest.raises(UnknownExperiment):
        run(Assigner(catalog, Interrupted()).assign("x", "u"))


def test_a_test_without_usable_weights(assigner: Assigner, store: SmallStore) -> None:
    store.record.execute("INSERT INTO ab_tests (test_name) VALUES ('theirs'), ('empty')")
    store.record.execute("INSERT INTO ab_variants (test_id, variant_name, weight) VALUES (1, 'a', 0), (1, 'b', -1)")
    for name in ("theirs", "empty"):
        told = run(assigner.assign(name, "u"))
        assert (told.variant, told.reason) == (None, "no_variant")


# --- login ----------------------------------------------------------------------------------------


LINKED = "INSERT INTO es_identity (kind, subject, object, stated_at) VALUES ('link', ?, ?, ?)"


def links(store: SmallStore) -> list[tuple[str, str]]:
    return store.record.execute("SELECT subject, object FROM es_identity ORDER BY id").fetchall()


def disagreeing(count: int) -> list[tuple[str, str]]:
    """Pairs (anonymous, known) whose hashes differ."""
    return [(f"anon{n}", f"known{n}") for n in range(200) if hashed(f"anon{n}") != hashed(f"known{n}")][:count]


def test_login_keeps_the_variant_and_its_time(assigner: Assigner, store: SmallStore, x: Experiment, now: Clock) -> None:
    for anonymous, known in disagreeing(10):
        before = run(assigner.assign("x", anonymous))
        now.pass_hours(5)
        after = run(assigner.assign("x", known, anonymous))
        assert (after.variant, after.new, after.assigned_at) == (before.variant, True, before.assigned_at)
        assert run(assigner.assign("x", known)).variant == before.variant
    assert links(store) == disagreeing(10)


def test_a_link_that_was_captured_is_enough(assigner: Assigner, store: SmallStore, x: Experiment) -> None:
    pairs = disagreeing(10)
    before = {known: run(assigner.assign("x", anonymous)).variant for anonymous, known in pairs}
    for anonymous, known in pairs:
        store.record.execute(LINKED, (anonymous, known, "2026-01-01"))
    single = {known: run(assigner.assign("x", known)).variant for _, known in pairs[:5]}
    bulk = {reply.user_id: reply.variant for reply in run(assigner.assign_many("x", [known for _, known in pairs]))}
    assert bulk == before
    assert single == {known: before[known] for _, known in pairs[:5]}


def test_the_visitor_gets_the_variant_of_the_known_user(assigner: Assigner, store: SmallStore, x: Experiment) -> None:
    """A second device: the anonymous id is linked before it ever asked."""
    anonymous, known = disagreeing(1)[0]
    told = run(assigner.assign("x", known))
    store.record.execute(LINKED, (anonymous, known, "2026-01-01"))
    assert run(assigner.assign("x", anonymous)).variant == told.variant


def test_the_users_own_row_wins(assigner: Assigner, x: Experiment) -> None:
    anonymous, known = disagreeing(1)[0]
    run(assigner.assign("x", anonymous))
    own = run(assigner.assign("x", known))
    assert own.variant == hashed(known)
    assert run(assigner.assign("x", known, anonymous)).variant == own.variant


def test_of_several_visitors_the_earliest_row_counts(
    assigner: Assigner, store: SmallStore, x: Experiment, now: Clock
) -> None:
    first, second = (next(f"v{n}" for n in range(99) if hashed(f"v{n}") == v) for v in "ab")
    run(assigner.assign("x", first))
    now.pass_hours(1)
    run(assigner.assign("x", second))
    store.record.executemany(LINKED, [(first, "k", "2026-01-02"), (second, "k", "2026-01-01")])
    assert run(assigner.assign("x", "k")).variant == "a"


def test_a_shared_device_does_not_make_two_users_one(assigner: Assigner, store: SmallStore, x: Experiment) -> None:
    run(assigner.assign("x", "device"))
    run(assigner.assign("x", "first user", "device"))
    second = next(f"second{n}" for n in range(99) if hashed(f"second{n}") != hashed("device"))
    assert run(assigner.assign("x", second, "device")).variant == hashed(second)
    assert links(store) == [("device", "first user")]


@pytest.mark.parametrize("placeholder", ["anonymous", "NULL", "undefined", "0", "00000000-0000-0000-0000-000000000000"])
def test_placeholders_are_nobodys_id(assigner: Assigner, store: SmallStore, x: Experiment, placeholder: str) -> None:
    run(assigner.assign("x", placeholder))
    user = next(f"u{n}" for n in range(99) if hashed(f"u{n}") != hashed(placeholder))
    assert run(assigner.assign("x", user, placeholder)).variant == hashed(user)
    assert links(store) == []


# --- explain --------------------------------------------------------------------------------------


def test_explain(assigner: Assigner, catalog: Catalog, store: SmallStore, x: Experiment) -> None:
    fresh = explain(catalog, x, "u")
    assert (fresh.decided_by, fresh.variant, fresh.assigned_at) == ("hash", hashed("u"), None)
    assert (fresh.bucket, fresh.buckets) == assign.bucket("growthbook_v2", "x", "u")
    assert [share.variant for share in fresh.shares] == ["a", "b"]
    assert [share.end for share in fresh.shares] == pytest.approx([1 / 3, 1])
    assert [share.start for share in fresh.shares] == pytest.approx([0, 1 / 3])
    assert store.record.execute("SELECT count(*) FROM ab_assignments").fetchone() == (0,)
    run(assigner.assign("x", "u"))
    stored = explain(catalog, x, "u")
    assert (stored.decided_by, stored.variant, stored.assigned_at, stored.stored_for) == (
        "stored",
        hashed("u"),
        START,
        "u",
    )
    store.record.execute(LINKED, ("u", "known", "2026-01-01"))
    person = explain(catalog, x, "known")
    assert (person.decided_by, person.variant, person.stored_for) == ("same_person", hashed("u"), "u")
    run(catalog.move("x", "stop"))
    stopped = catalog.experiment("x")
    assert explain(catalog, stopped, "nobody").decided_by == "stopped"
    assert explain(catalog, stopped, "u").decided_by == "stored"
    run(catalog.move("x", "archive"))
    assert explain(catalog, catalog.experiment("x"), "u").decided_by == "archived"
