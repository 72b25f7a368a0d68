"""Who is whom over HTTP: identify, merge, unlink, traits, cohorts, what keys may do, kills, records of before."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tests.system import record
from tests.system.client import Client
from tests.system.server import WRITE_KEY, Server, environment

DAY = {"since": "2026-01-01", "until": "2026-01-31"}


def event(user: str | None, visitor: str | None = None, day: int = 10, event_type: str = "view") -> dict[str, Any]:
    ids = {name: id_ for name, id_ in (("user_id", user), ("anonymous_id", visitor)) if id_ is not None}
    return {"event_type": event_type, "timestamp": f"2026-01-{day:02}T12:00:00Z", **ids}


def users(api: Client, **report: Any) -> int:
    reply = api.trend([{"event": "@any", "measure": "users"}], **{**DAY, **report})
    total: int = reply["series"][0]["total"]
    return total


def persons(api: Client, **report: Any) -> dict[str, list[str]]:
    asked = {"series": [{"event": "@any", "measure": "users"}], **DAY, **report}
    reply = api.post("/v1/reports/trend/persons", {"report": asked}).good()
    assert reply["count"] == len(reply["persons"]) == users(api, **report)
    return {person["id"]: person["ids"] for person in reply["persons"]}


def test_identify_ties_what_happened_before(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api, server.client(WRITE_KEY) as public:
        api.create("button", [{"name": "a"}, {"name": "b"}])
        variant = {f"v{n}": api.assign("button", f"v{n}")["variant"] for n in range(8)}
        public.capture([event(None, f"v{n}") for n in range(8)] + [event("stranger")])
        assert users(api) == 9
        for n in range(8):
            body = {"user_id": f"u{n % 4}", "anonymous_id": f"v{n}", "traits": {"plan": "pro" if n % 2 else "free"}}
            told = public.post("/v1/identify", body).good()
            assert told == {"user_id": f"u{n % 4}", "anonymous_id": f"v{n}", "linked": True, "traits": 1, "notes": []}
        assert persons(api) == {f"u{n}": [f"u{n}", f"v{n}", f"v{n + 4}"] for n in range(4)} | {"stranger": ["stranger"]}
        assert public.assign("button", "u1")["variant"] in (variant["v1"], variant["v5"])
        split = api.trend([{"event": "view"}], breakdown=[{"property": "user.plan"}], **DAY)
        assert {line["breakdown"][0]: line["total"] for line in split["series"]} == {"pro": 4, "free": 4, None: 1}
    server.kill()
    server.start()
    with server.client() as api:
        assert users(api) == 5, "what was acknowledged is still there"
        shown = api.get("/v1/users/v5").good()
        assert (shown["person"], shown["linked_ids"], shown["traits"]) == ("u1", ["u1", "v1"], {"plan": "pro"})


def test_a_visitor_belongs_to_the_earliest(api: Client, served: Server) -> None:
    api.capture([event("e-late", "e-v", day=12)])
    reply = api.capture([event("e-bob", "e-v", day=13)])
    assert [note["reason"] for note in reply["notes"]] == ["already_linked"]
    with served.client(WRITE_KEY) as public:
        body = {"user_id": "e-eve", "anonymous_id": "e-v", "timestamp": "2026-01-01T00:00:00Z"}
        told = public.post("/v1/identify", body).good()
        assert (told["linked"], told["notes"][0]["reason"]) == (False, "already_linked"), "not with a write key"
        for odd in ("null", "Guest", "0"):
            told = public.post("/v1/identify", {"user_id": "e-ann", "anonymous_id": odd, "traits": {"a": 1}}).good()
            assert (told["linked"], told["traits"], told["notes"][0]["reason"]) == (False, 1, "link_refused")
    assert api.get("/v1/users/e-v").good()["person"] == "e-late"
    api.capture([event("e-first", "e-v", day=11)])
    assert api.get("/v1/users/e-v").good()["person"] == "e-first"
    rejects = api.get("/v1/rejects?reason=already_linked").good()
    assert rejects["counts"]["already_linked"] >= 2


def test_merge_and_unlink(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api, server.client(WRITE_KEY) as public:
        api.capture([event("ann", "v1"), event("bob", "v2"), event("eve")])
        as_of = api.trend([{"event": "@any", "measure": "users"}], **DAY)["as_of"]
        for path in ("merge", "unlink"):
            public.post(f"/v1/users/{path}", {"user_id": "ann", "other_id": "bob"}).error(403)
        told = api.post("/v1/users/merge", {"user_id": "ann", "other_id": "bob"}).good()
        assert told == {"person": "ann", "ids": ["ann", "bob", "v1", "v2"]}
        assert api.post("/v1/users/merge", {"user_id": "ann", "other_id": "v2"}).good() == told, "they are one already"
        assert persons(api) == {"ann": ["ann", "bob", "v1", "v2"], "eve": ["eve"]}
        assert users(api, as_of=as_of) == 3, "as of then"
        told = api.post("/v1/users/merge", {"user_id": "eve", "other_id": "ann"}).good()
        assert told["ids"] == ["eve", "ann", "bob", "v1", "v2"]
        assert users(api) == 1
        assert api.post("/v1/users/unlink", {"user_id": "ann"}).good()["ids"] == ["ann", "bob", "v1", "v2"]
        assert api.post("/v1/users/unlink", {"anonymous_id": "v2"}).good() == {"person": "v2", "ids": ["v2"]}
        assert persons(api) == {"ann": ["ann", "bob", "v1"], "eve": ["eve"]}
        api.post("/v1/users/unlink", {"user_id": "eve"}).error(404)
        api.post("/v1/users/unlink", {"anonymous_id": "nobody"}).error(404)
        bodies: list[dict[str, Any]] = [{}, {"user_id": "a"}, {"user_id": "a", "other_id": "undefined"}]
        for body in [*bodies, {"user_id": "", "other_id": "b"}]:
            api.post("/v1/users/merge", body).error(422)
        bodies = [{}, {"user_id": "a", "anonymous_id": "b"}, {"user_id": "a", "other_id": "b"}, {"user_id": True}]
        for body in bodies:
            api.post("/v1/users/unlink", body).error(422)


def test_traits(api: Client, served: Server) -> None:
    with served.client(WRITE_KEY) as public:
        traits: dict[str, Any] = {"plan": "pro", "age": 41.50, "tags": ["a", 1.0], "a.b": True, "gone": "x"}
        public.post("/v1/identify", {"user_id": "t-1", "traits": traits, "timestamp": "2026-01-05T00:00:00Z"}).good()
        late = {"user_id": "t-1", "traits": {"plan": "old", "new": 1}, "timestamp": "2026-01-01T00:00:00Z"}
        public.post("/v1/identify", late).good()
        public.post("/v1/identify", {"user_id": "t-1", "traits": {"gone": None}}).good()
        found = api.get("/v1/users/t-1").good()["traits"]
        assert found == {"plan": "pro", "age": 41.5, "tags": ["a", 1], "a.b": True, "new": 1}
        public.get("/v1/users/t-1").error(403)
        wrong: list[Any] = [[], "x", {"": 1}, {"n" * 201: 1}, {"big": "x" * 70_000}, {"nul\0": 1}]
        for bad in wrong:
            public.post("/v1/identify", {"user_id": "t-1", "traits": bad}).error(422)
        public.post("/v1/identify", b'{"user_id": "t-1", "traits": {"n": 1e999}}').error(422)
        public.post("/v1/identify", b"{").error(400)
        bodies: list[dict[str, Any]] = [{}, {"user_id": ""}, {"user_id": {}}, {"user_id": "x" * 513}, {"userId": "s"}]
        for body in bodies:
            public.post("/v1/identify", body).error(422)
    with served.client("es_w_" + "x" * 32) as nobody:
        nobody.post("/v1/identify", {"user_id": "t-1"}).error(401)


def test_cohorts(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api, server.client(WRITE_KEY) as public:
        api.capture([event("ann", day=9), event("ann"), event("bob"), event("eve", "v"), event("v", day=2)])
        api.post("/v1/identify", {"user_id": "bob", "traits": {"plan": "pro"}}).good()
        definition: dict[str, Any] = {"any": [{"event": "view", "at_least": 2, "days": 25}, {"trait": {
            "property": "user.plan", "op": "eq", "value": "pro"}}]}  # fmt: skip
        made = api.post("/v1/cohorts", {"name": "keen ones", "definition": definition})
        assert made.status == 201
        assert made.json()["definition"] == definition
        assert persons(api, cohort="keen ones") == {"ann": ["ann"], "bob": ["bob"]}
        cut = {"since": "2026-01-01", "until": "2026-01-20"}
        assert set(persons(api, cohort="keen ones", **cut)) == {"ann", "bob", "eve"}, "days end at until"
        split = api.trend([{"event": "view"}], breakdown=[{"property": "@cohort.keen ones"}], **DAY)
        assert {line["breakdown"][0]: line["total"] for line in split["series"]} == {"true": 3, "false": 2}
        listed = {"users": ["v", 7, "nobody"]}
        changed = api.call("PUT", "/v1/cohorts/keen%20ones", {"definition": listed}).good()
        assert changed["definition"] == {"users": ["v", "7", "nobody"]}
        assert persons(api, cohort="keen ones") == {"eve": ["eve", "v"]}
        assert [cohort["name"] for cohort in api.get("/v1/cohorts").good()["cohorts"]] == ["keen ones"]
        api.post("/v1/cohorts", {"name": "keen ones", "definition": listed}).error(409)
        pattern = {"trait": {"property": "plan", "op": "matches", "value": "("}}
        assert api.post("/v1/cohorts", {"name": "bad", "definition": pattern}).error(422) == "invalid_regex"
        public.get("/v1/cohorts").error(403)
    server.kill()
    server.columns.unlink()
    server.start()
    with server.client() as api:
        assert persons(api, cohort="keen ones") == {"eve": ["eve", "v"]}
        big = {"name": "big", "definition": {"users": [f"user-{n}" for n in range(100_000)]}}
        assert api.post("/v1/cohorts", big).status == 201
        assert persons(api, cohort="big") == {}
        assert len(api.get("/v1/cohorts/big").good()["definition"]["users"]) == 100_000
        assert api.call("DELETE", "/v1/cohorts/keen%20ones", None).status == 204
        api.get("/v1/cohorts/keen%20ones").error(404)
        asked = {"series": [{"event": "@any"}], "cohort": "keen ones"}
        assert api.post("/v1/reports/trend", asked).error(422) == "unknown_cohort"


def test_a_record_of_before_opens(new_server: Callable[..., Server]) -> None:
    server = new_server()
    server.data.mkdir(parents=True)
    command = [sys.executable, "-m", "evensplit.storage.migrate", str(server.record), "0001"]
    subprocess.run(command, check=True, env=environment(), timeout=120)
    with closing(sqlite3.connect(server.record)) as con, con:
        con.execute("INSERT INTO es_links VALUES (4, 'v', 'ann', '2026-01-02 00:00:00.000')")
        con.executemany(
            "INSERT INTO events (event_type, user_id, properties, created_at) VALUES ('view', ?, '{}', ?)",
            [(user, "2026-01-10 00:00:00.000") for user in ("v", "ann", "bob")],
        )
    server.start()
    with server.client() as api:
        assert persons(api) == {"ann": ["ann", "v"], "bob": ["bob"]}
        assert api.get("/v1/users/v").good()["person"] == "ann"
    record.sound(server.record)
