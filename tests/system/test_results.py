"""An experiment's results over HTTP: held against the tables, by part and day, and had again later digit for digit."""

import json
from collections import defaultdict
from typing import Any

import pytest

from tests.system import record
from tests.system.client import Client
from tests.system.server import SECRET_KEY, Server, run_command

USERS = 360
COUNTRIES = ["de", "fr", None]


@pytest.fixture(scope="module")
def experiment(served: Server) -> str:
    """Users with a country from before, half of them buyers, in variants of the server's choice."""
    with served.client() as api:
        users = [f"user {n}" for n in range(USERS)]
        api.capture(
            [
                {"event_type": "visit", "user_id": user, "properties": {"country": COUNTRIES[n % 3]}}
                for n, user in enumerate(users)
            ]
        )
        metrics = [
            {"name": "bought", "kind": "proportion", "event": "buy", "minimum_effect": 0.01},
            {"name": "spent", "kind": "mean", "event": "buy", "aggregate": "sum", "property": "price"},
        ]
        api.create("button", [{"name": "plain"}, {"name": "green"}], metrics=metrics)
        api.post("/v1/experiments/button/assignments", {"user_ids": users}).good()
        api.capture(
            [
                {"event_type": "buy", "user_id": user, "properties": {"price": n % 17 + 0.25}}
                for n, user in enumerate(users)
                if n % 4 < 2
            ]
        )
    return "button"


def ask(api: Client, path: str = "", **values: object) -> Any:
    query = "&".join(f"{name}={value}" for name, value in values.items())
    return api.get(f"/v1/experiments/button/results{path}?{query}").good()


def expected(served: Server) -> dict[tuple[str | None, str], list[float]]:
    """What each user of a part and variant spent, from the tables."""
    rows = record.read(
        served.record,
        """SELECT a.user_id, v.variant_name,
    (SELECT json_extract(e.properties, '$.country') FROM events e
     WHERE e.user_id = a.user_id AND e.event_type = 'visit' AND e.id <= 360),
    (SELECT coalesce(sum(json_extract(e.properties, '$.price')), 0) FROM events e
     WHERE e.user_id = a.user_id AND e.event_type = 'buy' AND e.created_at >= a.assigned_at)
FROM ab_assignments a JOIN ab_variants v ON v.id = a.variant_id JOIN ab_tests t ON t.id = a.test_id
WHERE t.test_name = 'button'""",
    )
    found: dict[tuple[str | None, str], list[float]] = defaultdict(list)
    for _, variant, country, spent in rows:
        found[country, variant].append(spent)
    return found


def test_parts_are_those_of_the_tables(served: Server, api: Client, experiment: str) -> None:
    found = ask(api, dimension="country")
    tables = expected(served)
    assert {part["part"] for part in found["dimension"]["parts"]} == {"de", "fr", None}
    for part in found["dimension"]["parts"]:
        (bought, spent) = part["metrics"]
        for of_bought, of_spent in zip(bought["variants"], spent["variants"], strict=True):
            values = tables[part["part"], of_spent["variant"]]
            assert part["users"][of_spent["variant"]] == of_spent["n"] == len(values)
            assert of_spent["sum"] == pytest.approx(sum(values), rel=1e-12)
            assert of_bought["sum"] == sum(value > 0 for value in values)
        assert all("adjusted_p_value" in each for each in spent["comparisons"])
    tests = {each["metric"]: each for each in found["dimension"]["heterogeneity"]}
    assert tests["spent"]["parts"] == 3 and 0 <= tests["spent"]["p_value"] <= 1


def test_everything_that_belongs_to_results_is_there(api: Client, experiment: str) -> None:
    found = ask(api, checks="all")
    assert found["verdict"]["decision"] in ("ship", "do_not_ship", "keep_running", "cannot_say")
    assert all(set(reason) == {"code", "message", "figures"} for reason in found["verdict"]["reasons"])
    assert found["srm"]["verdict"] == "ok" and 0 < found["srm"]["sequential_p_value"] <= 1
    assert len(found["definition"]) == 64 and found["version"]
    bought, spent = found["metrics"]
    for variant in spent["variants"]:
        sample = spent["samples"][variant["variant"]]
        assert sample["type"] == "values" and sample["joint"]["totals"][0] == variant["sum"]
    (checks,) = spent["checks"]
    assert checks["variant"] == "green" and checks["capped"]["quantile"] == 0.99
    assert bought["checks"][0]["novelty"]["unknown"]["reason"] == "too_few_days"


def test_the_same_moment_again(served: Server, api: Client, experiment: str) -> None:
    asked = {"dimension": "country", "checks": "all", "method": "fixed"}
    before = ask(api, **asked)
    assert before["looks"]["before"] >= 0
    api.post("/v1/experiments/button/assignments", {"user_ids": [f"late {n}" for n in range(50)]}).good()
    api.capture([{"event_type": "buy", "user_id": f"user {n}", "properties": {"price": 1e4}} for n in range(90)])
    api.post("/v1/identify", {"user_id": "user 1", "anonymous_id": "late 3"}).good()
    assert ask(api, **asked)["users"] != before["users"]
    again = ask(api, **asked, as_of=before["as_of"])
    assert again == before
    now = ask(api, method="fixed")
    assert now["looks"]["before"] == before["looks"]["before"] + 1
    assert now["looks"]["error_rate"] > 0.05
    (newest, *_) = api.get("/v1/experiments/button/looks?limit=5").good()["looks"]
    assert (newest["as_of"], newest["method"], newest["via"], newest["metric"]) == (now["as_of"], "fixed", "api", None)
    logged = record.read(served.record, "SELECT count(DISTINCT moment), min(via) FROM es_peeks")
    assert logged == [(now["looks"]["before"] + 1, "api")]


def test_what_was_deleted_is_said(api: Client, experiment: str) -> None:
    before = ask(api)
    api.create("other", [{"name": "a"}, {"name": "b"}])
    api.assign("other", "user 1")
    assert "altered_by_erasure" not in ask(api, as_of=before["as_of"])
    api.call("DELETE", "/v1/experiments/other").good(204)
    assert ask(api, as_of=before["as_of"])["altered_by_erasure"] is True


def test_days(api: Client, experiment: str) -> None:
    found = ask(api, "/daily", metric="spent", timezone="Asia/Kathmandu", method="sequential")
    assert (found["interval"], found["timezone"], found["metric"]) == ("day", "Asia/Kathmandu", "spent")
    whole = ask(api, metric="spent", method="sequential")
    line = found["lines"][-1]
    assert line["users"] == whole["users"]
    assert line["comparisons"] == whole["metrics"][0]["comparisons"]
    assert line["lowest_p_value"] == {"green": pytest.approx(min(
        each["comparisons"][0]["p_value"] or 1 for each in found["lines"]))}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/results?metric=nothing", 404, "not_found"),
        ("/results?dimension=@event_type", 422, "unsupported_property"),
        ("/results?checks=some", 422, "invalid"),
        ("/results?timezone=UTC", 422, "invalid"),
        ("/results/daily", 422, "invalid"),
        ("/results/daily?metric=bought&timezone=Mars", 422, "unknown_timezone"),
        ("/results/daily?metric=bought&correction=holm", 422, "invalid"),
        ("/results?as_of=yesterday", 422, "invalid_as_of"),
    ],
)
def test_what_cannot_be_asked(api: Client, experiment: str, path: str, status: int, code: str) -> None:
    assert api.get(f"/v1/experiments/button{path}").error(status) == code


def test_splits_at_random_on_a_running_server(served: Server, api: Client, experiment: str) -> None:
    """The command says what the route says, which says the same for the same seed."""
    asked = {"experiment": experiment, "runs": 60, "methods": ["fixed"], "seed": 3}
    found = api.post("/v1/simulate", asked).good()
    assert found == api.post("/v1/simulate", asked).good() and found["share"] == 0.5
    assert [(each["metric"], each["runs"]) for each in found["outcomes"]] == [("bought", 60), ("spent", 60)]
    assert all(each["users"] >= USERS for each in found["outcomes"])
    where = ["--url", f"http://127.0.0.1:{served.port}", "--key", SECRET_KEY]
    words = ["simulate", *where, "--experiment", experiment, "--runs", "60", "--method", "fixed", "--seed", "3"]
    done = run_command(*words, "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == found["outcomes"], done.stderr
    bought = '{"name": "bought", "kind": "proportion", "event": "buy"}'
    done = run_command("simulate", *where, "--metric", bought, "--runs", "10001")
    assert "must be a whole number from 1 to 10,000, is 10001" in done.stderr
