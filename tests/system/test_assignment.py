"""One person, one variant: races, weight changes, restarts, login, and who may ask when."""

import threading
from collections import Counter
from collections.abc import Callable

from tests.system import record
from tests.system.client import Client, assignments
from tests.system.server import WRITE_KEY, Server

THREADS = 16
AB = [{"name": "control"}, {"name": "treatment"}]


def rows(server: Server, experiment: str) -> dict[str, str]:
    """user -> variant as the record has it; fails if a user stands there twice."""
    found = record.read(
        server.record,
        "SELECT a.user_id, v.variant_name FROM ab_assignments a JOIN ab_tests t ON t.id = a.test_id"
        " JOIN ab_variants v ON v.id = a.variant_id AND v.test_id = t.id WHERE t.test_name = ?",
        (experiment,),
    )
    assert len(found) == len({user for user, _ in found})
    return dict(found)


def ask_at_once(server: Server, experiment: str, users: list[str]) -> dict[str, set[str]]:
    """Every thread asks for every user, all in the same order so that they meet; the variants each user was told."""
    told: dict[str, set[str]] = {user: set() for user in users}
    new: Counter[str] = Counter()
    faults: list[str] = []
    start = threading.Barrier(THREADS)
    lock = threading.Lock()

    def ask() -> None:
        with server.client(WRITE_KEY) as api:
            start.wait()
            for user in users:
                reply = api.post(assignments(experiment), {"user_id": user})
                if reply.status != 200:
                    faults.append(f"{reply.status} {reply.body!r}")
                    return
                with lock:
                    told[user].add(reply.json()["variant"])
                    new[user] += reply.json()["new"]

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults, faults[:3]
    assert set(new.values()) == {1}, "exactly one asker is told that the assignment is new"
    return told


def test_16_threads_ask_for_the_same_users(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api:
        api.create("race", [*AB, {"name": "third"}])
    users = [f"racer {n} é☃" for n in range(150)]
    told = ask_at_once(server, "race", users)
    assert all(len(variants) == 1 for variants in told.values())
    assert {user: variants.pop() for user, variants in told.items()} == rows(server, "race")
    assert set(rows(server, "race").values()) == {"control", "treatment", "third"}


def test_a_bulk_call_races_with_single_ones(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api:
        api.create("bulk race", AB)
    users = [f"u{n}" for n in range(1000)]
    answers: list[dict[str, str]] = []

    def bulk() -> None:
        with server.client() as api:
            reply = api.post(assignments("bulk race"), {"user_ids": users}).good()
            answers.append({a["user_id"]: a["variant"] for a in reply["assignments"]})

    def single() -> None:
        with server.client() as api:
            answers.append({user: api.assign("bulk race", user)["variant"] for user in reversed(users[::5])})

    threads = [threading.Thread(target=target) for target in (bulk, single, bulk, single)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 4
    stored = rows(server, "bulk race")
    assert set(stored) == set(users)
    for answer in answers:
        assert answer == {user: stored[user] for user in answer}


def test_weights_and_restarts_move_nobody(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    users = [f"u{n}" for n in range(2000)]
    with server.client() as api:
        api.create("weights", [{"name": "a", "weight": 1}, {"name": "b", "weight": 2}, {"name": "c", "weight": 1}])
        first = bulk_of(api, "weights", users)
        sizes = Counter(first.values())
        assert abs(sizes["b"] - 1000) < 110 and abs(sizes["a"] - 500) < 100, sizes  # five standard deviations
        change = [{"name": "a", "weight": 0}, {"name": "b", "weight": 0}, {"name": "c", "weight": 1}]
        api.call("PATCH", "/v1/experiments/weights", {"variants": change}).good()
        assert bulk_of(api, "weights", users) == first
        assert {api.assign("weights", user)["variant"] for user in ("new1", "new2", "new3", "new4")} == {"c"}
    for end in (server.stop, server.kill):
        end()
        server.start()
        with server.client() as api:
            assert bulk_of(api, "weights", users) == first
            assert all(api.assign("weights", user)["variant"] == first[user] for user in users[:100])
            assert all(api.assign("weights", user)["new"] is False for user in users[:10])
    assert {user: rows(server, "weights")[user] for user in users} == first


def bulk_of(api: Client, experiment: str, users: list[str]) -> dict[str, str]:
    reply = api.post(assignments(experiment), {"user_ids": users}).good()
    assert [a["user_id"] for a in reply["assignments"]] == users, "replies come in the order asked"
    return {a["user_id"]: a["variant"] for a in reply["assignments"]}


def test_the_same_user_in_two_experiments_is_independent(served: Server, api: Client) -> None:
    users = [f"i{n}" for n in range(4000)]
    api.create("one", AB)
    api.create("two", AB)
    one, two = bulk_of(api, "one", users), bulk_of(api, "two", users)
    cells = Counter((one[user], two[user]) for user in users)
    assert all(abs(count - 1000) < 140 for count in cells.values()), cells  # five standard deviations


def test_login_keeps_the_variant(api: Client, served: Server) -> None:
    api.create("login", AB)
    for n in range(40):
        before = api.assign("login", f"anon{n}")
        after = api.assign("login", f"known{n}", anonymous_id=f"anon{n}")
        assert after["variant"] == before["variant"], n
        assert api.assign("login", f"known{n}")["variant"] == before["variant"]
    stored = rows(served, "login")
    assert {stored[f"known{n}"] for n in range(40)} == {"control", "treatment"}


def test_login_through_capture_keeps_the_variant(api: Client) -> None:
    """The link between the two ids comes with an event; the assignment is asked for without naming the anonymous id."""
    api.create("capture login", AB)
    before = {f"v{n}": api.assign("capture login", f"v{n}")["variant"] for n in range(40)}
    api.capture([{"event_type": "login", "user_id": f"k{n}", "anonymous_id": f"v{n}"} for n in range(40)])
    after = {f"v{n}": api.assign("capture login", f"k{n}")["variant"] for n in range(40)}
    assert after == before


def test_anonymous_id_without_a_row_decides_by_the_user(api: Client) -> None:
    api.create("fresh login", AB)
    for n in range(20):
        told = api.assign("fresh login", f"user{n}", anonymous_id=f"anon{n}")
        assert api.assign("fresh login", f"user{n}")["variant"] == told["variant"]


def test_the_reply(api: Client) -> None:
    created = api.create(
        "reply",
        [{"name": "on", "weight": 1, "payload": {"color": "red", "n": [1, 2.50]}}, {"name": "off", "weight": 0}],
    )
    told = api.assign("reply", "somebody")
    assert told["experiment"] == "reply"
    assert told["user_id"] == "somebody"
    assert told["variant"] == "on"
    assert told["variant_id"] == created["variants"][0]["id"]
    assert told["payload"] == {"color": "red", "n": [1, 2.5]}
    assert told["new"] is True
    again = api.assign("reply", "somebody")
    assert again == {**told, "new": False}
    api.call("PATCH", "/v1/experiments/reply", {"variants": [{"name": "on", "payload": "new"}, {"name": "off"}]}).good()
    assert api.assign("reply", "somebody")["payload"] == "new", "a change of the payload is seen at once"


def test_odd_users_and_names(api: Client, served: Server) -> None:
    name = "50 % off? #1 & more: “ünïcödé”"
    api.create(name, AB)
    users = ["a'b", 'q"q', "emoji 🦄", "slash/slash", "percent%41", " leading", "x" * 512, "новый", "日本語"]
    for user in users:
        assert api.assign(name, user)["user_id"] == user
    assert set(rows(served, name)) == set(users)
    number = api.post(assignments(name), b'{"user_id": 42}').good()
    assert number["user_id"] == "42"
    for body in (b'{"user_id": ""}', b'{"user_id": true}', b'{"user_id": {}}', b"{}", b'{"user_id": "a\\u0000b"}'):
        api.post(assignments(name), body).error(422)
    api.post(assignments(name), {"user_id": "x" * 513}).error(422)


def test_who_may_be_asked_for_when(api: Client) -> None:
    """Draft: null and not_running. Stopped: the stored one, else null and stopped. Archived, unknown: 404."""
    path = "/v1/experiments/states"
    assert api.create("states", AB, start=False)["status"] == "draft"
    told = api.assign("states", "early")
    assert (told["variant"], told["reason"]) == (None, "not_running")
    api.post(f"{path}/start", None).good()
    early = api.assign("states", "early")
    assert early["variant"] in ("control", "treatment") and early["new"] is True
    api.post(f"{path}/stop", None).good()
    assert api.get(path).good()["status"] == "stopped"
    assert api.assign("states", "early")["variant"] == early["variant"]
    late = api.assign("states", "late")
    assert (late["variant"], late["reason"]) == (None, "stopped")
    bulk = api.post(assignments("states"), {"user_ids": ["early", "late"]}).good()["assignments"]
    assert [a["variant"] for a in bulk] == [early["variant"], None]
    api.post(f"{path}/archive", None).good()
    assert api.post(assignments("states"), {"user_id": "early"}).error(404) == "unknown_experiment"
    assert api.post(assignments("nobody knows"), {"user_id": "early"}).error(404) == "unknown_experiment"


def test_stored_rows_are_listed(api: Client) -> None:
    api.create("listed", AB)
    told = bulk_of(api, "listed", [f"u{n:04}" for n in range(250)])
    found: dict[str, str] = {}
    cursor = ""
    while True:
        page = api.get(f"/v1/experiments/listed/assignments?limit=100{cursor}").good()
        found |= {a["user_id"]: a["variant"] for a in page["assignments"]}
        if not page.get("next_cursor"):
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == told
    assert api.get("/v1/experiments/listed/assignments/u0007").good()["variant"] == told["u0007"]
    api.get("/v1/experiments/listed/assignments/stranger").error(404)


def test_the_write_key_asks_for_one_user(served: Server, api: Client) -> None:
    api.create("public", AB)
    with served.client(WRITE_KEY) as public:
        assert public.assign("public", "visitor")["variant"] in ("control", "treatment")
        public.post(assignments("public"), {"user_ids": ["a", "b"]}).error(403)
        public.get("/v1/experiments/public").error(403)
        public.get(assignments("public")).error(403)


def test_bulk_limit(api: Client, served: Server) -> None:
    api.create("limit", AB)
    api.post(assignments("limit"), {"user_ids": [f"u{n}" for n in range(10_001)]}).error(413, 422)
    assert rows(served, "limit") == {}
    assert len(bulk_of(api, "limit", [f"u{n}" for n in range(10_000)])) == 10_000
