"""Events, people, SQL and set-up on pages: what they show against what the JSON interface says, and who may what."""

import html
import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest

from evensplit.model.account import Role
from evensplit.model.event import Batch, Reject
from tests.unit.ui.conftest import SECRET, Browser, Site

FRAGMENT = {"x-evensplit-fragment": "1"}
HOSTILE = '"><script>alert(1)</script>\u202e😀'
PATHS = ("/events", "/events/rejects", "/users", "/sql", "/setup", "/setup/keys", "/setup/data", "/setup/about")


def happened(names: Sequence[str], user: str = "ann", properties: str = "{}") -> Batch:
    values: list[str | None] = []
    for n, name in enumerate(names):
        values += [name, user, None, properties, f"2026-01-{n + 1:02} 10:00:00.000"]
    return Batch(values=values)


async def stored(site: Site, batch: Batch) -> None:
    await site.services.store.append(batch)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Of its own: people are erased here."""
    made = Site(str(tmp_path_factory.mktemp("events") / "data"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def as_role(site: Site) -> Callable[[Role], Browser]:
    return cache(site.signed_in)


@pytest.fixture(scope="module", autouse=True)
def shop(site: Site) -> None:
    site.done(stored(site, happened(["look", "look", "buy"])))
    site.done(stored(site, happened([HOSTILE], HOSTILE, '{"n": 1.50000000000000000000001, "a": "<b>"}')))
    refused = Batch(rejects=[Reject("missing_event_type", "event_type is required", '{"user_id": "<i>x"}')])
    site.done(stored(site, refused))


@pytest.fixture
def admin(as_role: Callable[[Role], Browser]) -> Browser:
    return as_role("admin")


def read(browser: Browser, path: str, body: dict[str, Any] | None = None) -> Any:
    headers = {"authorization": f"Bearer {SECRET}"}
    call = browser.client.get(path, headers=headers) if body is None else None
    return browser.site.done(call or browser.client.post(path, headers=headers, json=body)).json()


def words(page: str) -> list[str]:
    main = page.partition("<main")[2]
    return [html.unescape(text) for text in re.findall(r"<bdi[^>]*>(.*?)</bdi>", main, re.DOTALL)]


@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_there_and_runs_nothing_that_others_sent(admin: Browser, path: str) -> None:
    page = admin.get(path)
    assert page.status_code == 200, page.text
    assert "<script>alert" not in page.text and "<i>x" not in page.text


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("/sql", "editor"),
        ("/setup/data", "editor"),
        ("/setup/keys", "admin"),
        ("/events", "viewer"),
        ("/setup", "viewer"),
    ],
)
def test_who_may_see_it(as_role: Callable[[Role], Browser], path: str, least: Role) -> None:
    order: tuple[Role, ...] = ("viewer", "editor", "admin")
    for role in order:
        status = 200 if order.index(role) >= order.index(least) else 403
        assert as_role(role).get(path).status_code == status, (role, path)


def test_a_list_of_events_is_that_of_the_interface(admin: Browser) -> None:
    for query in ("", "?event_type=look", "?user_id=ann&since=2026-01-02", "?until=2026-01-01"):
        page = admin.get(f"/events{query}").text
        shown = re.findall(r'data-event="(\d+)"', page)
        assert shown == [str(event["id"]) for event in read(admin, f"/v1/events{query}")["events"]], query
    assert words(admin.get("/events?user_id=" + quote(HOSTILE)).text).count(HOSTILE) >= 2
    assert admin.get("/events?since=yesterday").status_code == 422


def test_one_event_digit_for_digit(admin: Browser) -> None:
    (event,) = read(admin, "/v1/events?event_type=" + quote(HOSTILE))["events"]
    page = admin.get(f"/events/one/{event['id']}", FRAGMENT)
    assert "<header" not in page.text and "<h1>" in page.text
    text = html.unescape(page.text.partition("<code>")[2].partition("</code>")[0])
    assert "1.50000000000000000000001" in text
    assert json.loads(text) == {name: value for name, value in event.items() if name != "created_at"}
    assert "<header" in admin.get(f"/events/one/{event['id']}").text
    for unknown in ("0", "x", "9" * 30, "²"):
        assert admin.get(f"/events/one/{unknown}").status_code == 404


def test_what_was_refused(admin: Browser) -> None:
    page = admin.get("/events/rejects?reason=missing_event_type").text
    assert '{"user_id": "<i>x"}' in words(page) and "event_type is required" in words(page)
    assert "Nothing was refused" in admin.get("/events/rejects?reason=bot").text


def test_people_are_found(admin: Browser) -> None:
    admin.site.done(admin.site.services.catalog.identity.merge("ann", "ann-at-work"))
    assert "/users/ann" in admin.get("/users").text
    assert words(admin.get("/users?q=an").text) == ["ann"]
    assert "Nobody fits" in admin.get("/users?q=nn").text
    page = admin.get("/users/ann-at-work").text
    told = read(admin, "/v1/users/ann-at-work")
    assert re.search(r"<dt>Events</dt><dd><data value=\"(\d+)\"", page)[1] == str(told["events"])  # type: ignore[index]
    assert "ann" in words(page) and page.count("data-event=") == told["events"]
    assert admin.get("/users/" + quote(HOSTILE, safe="")).text.count("data-event=") == 1


def test_a_person_is_erased_when_the_word_is_typed(as_role: Callable[[Role], Browser], site: Site) -> None:
    site.done(stored(site, happened(["look", "buy"], "zoe")))
    admin = as_role("admin")
    assert as_role("editor").post("/users/zoe/erase", {"confirm": "erase"}).status_code == 403
    assert admin.post("/users/zoe/erase", {"confirm": "yes"}).status_code == 422
    assert read(admin, "/v1/users/zoe")["events"] == 2
    assert admin.post("/users/zoe/erase", {"confirm": "erase"}).status_code == 200
    assert read(admin, "/v1/users/zoe")["events"] == 0
    assert read(admin, "/v1/sql", {"sql": "SELECT count(*) FROM events WHERE user_id = 'zoe'"})["rows"] == [[0]]


def test_a_person_is_erased_by_the_interface(admin: Browser, site: Site) -> None:
    site.done(stored(site, happened(["look"], "a b&c")))
    headers = {"authorization": f"Bearer {SECRET}"}
    reply = site.done(admin.client.delete("/v1/users/" + quote("a b&c", safe=""), headers=headers))
    assert reply.status_code == 200, reply.text
    assert reply.json() == {
        "user_id": "a b&c",
        "ids": ["a b&c"],
        "events": 1,
        "metric_values": 0,
        "assignments": 0,
        "statements": 0,
        "refused": 0,
    }


def test_sql_is_answered_as_by_the_interface(admin: Browser) -> None:
    sql = "SELECT event_type, count(*) AS n, NULL AS nothing FROM events WHERE user_id = ? GROUP BY 1 ORDER BY 1"
    reply = admin.post("/sql/answer", {"sql": sql, "parameters": '["ann"]'}, headers=FRAGMENT)
    assert reply.status_code == 200, reply.text
    found = json.loads(reply.text.partition('class="rows-data">')[2].partition("</script>")[0])
    told = read(admin, "/v1/sql", {"sql": sql, "parameters": ["ann"]})
    assert found["rows"] == told["rows"] == [["buy", 1, None], ["look", 2, None]]
    assert '<span class="unset">NULL</span>' in reply.text
    table = admin.post("/sql/answer.csv", {"sql": sql, "parameters": '["ann"]'})
    assert table.text == "event_type,n,nothing\nbuy,1,\nlook,2,\n"


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"sql": "SELEC 1"}, 422, "syntax"),
        ({"sql": "SELECT * FROM read_csv('/etc/passwd')"}, 422, "read_csv"),
        ({"sql": "SELECT ?", "parameters": "{"}, 422, "JSON list"),
        ({"sql": " "}, 422, "no statement"),
    ],
)
def test_what_is_wrong_with_a_statement_is_said(admin: Browser, form: dict[str, str], status: int, said: str) -> None:
    reply = admin.post("/sql/answer", form, headers=FRAGMENT)
    assert reply.status_code == status and said in html.unescape(reply.text), reply.text


def test_statements_are_kept_beside_reports(admin: Browser) -> None:
    form = {"name": "my <b>sql", "sql": "SELECT 1 AS one", "parameters": ""}
    assert admin.post("/sql", form).status_code == 303
    assert admin.post("/sql", {**form, "sql": "SELECT ? AS two", "parameters": "[2]"}).status_code == 303
    page = admin.get("/sql?saved=" + quote("my <b>sql")).text
    assert "SELECT ? AS two" in page and 'value="[2]"' in page
    assert read(admin, "/v1/saved")["saved"] == []
    report = {"name": "my <b>sql", "kind": "trend", "report": '{"series":[{"event":"look"}]}'}
    assert admin.post("/saved", report).status_code == 409
    assert admin.post("/saved", {**report, "name": "of both"}).status_code == 303
    assert admin.post("/sql", {**form, "name": "of both"}).status_code == 409
    assert admin.post(f"/sql/{quote('my <b>sql', safe='')}/forget", {}).status_code == 303
    assert admin.get("/sql?saved=" + quote("my <b>sql")).status_code == 404
    assert admin.post("/sql/of%20both/forget", {}).status_code == 404
    assert admin.post("/saved/of%20both/forget", {}).status_code == 303


def test_snippets_carry_a_key_that_works(as_role: Callable[[Role], Browser]) -> None:
    admin = as_role("admin")
    assert "es_w_..." in admin.get("/setup").text
    assert as_role("editor").post("/setup", {}).status_code == 403
    page = html.unescape(admin.post("/setup", {}).text)
    key = re.search(r'readonly value="(es_w_[0-9a-f]+)"', page)[1]  # type: ignore[index]
    assert f'data-key="{key}"' in page and "integrity=" in page and f"Bearer {key}" in page
    reply = admin.site.done(
        admin.client.post("/v1/events", json={"event_type": "x"}, headers={"authorization": f"Bearer {key}"})
    )
    assert reply.status_code == 200
    assert key not in admin.get("/setup").text and key not in admin.get("/setup/keys").text


def test_keys_are_made_and_revoked(admin: Browser) -> None:
    page = admin.post("/setup/keys", {"kind": "secret", "name": "note <b>book"}).text
    key = re.search(r'readonly value="(es_s_[0-9a-f]+)"', page)[1]  # type: ignore[index]
    headers = {"authorization": f"Bearer {key}"}
    assert admin.site.done(admin.client.get("/v1/keys", headers=headers)).status_code == 200
    (made,) = [each for each in read(admin, "/v1/keys")["keys"] if each["name"] == "note <b>book"]
    assert admin.post(f"/setup/keys/{made['id']}/revoke", {}).status_code == 303
    assert admin.site.done(admin.client.get("/v1/keys", headers=headers)).status_code == 401
    assert admin.post(f"/setup/keys/{made['id']}/revoke", {}).status_code == 404


def test_all_events_as_a_file(admin: Browser) -> None:
    lines = admin.get("/setup/data/events.ndjson").text.splitlines()
    ((count,),) = read(admin, "/v1/sql", {"sql": "SELECT count(*) FROM events"})["rows"]
    assert len(lines) == count
    assert any('"n": 1.50000000000000000000001' in line for line in lines)
    assert f'<data value="{count}"' in admin.get("/setup/data").text


def test_old_events_are_deleted_when_the_word_is_typed(admin: Browser, site: Site) -> None:
    old = Batch(values=["ancient", "ann", None, "{}", "2001-01-01 10:00:00.000"])
    site.done(stored(site, old))
    assert admin.post("/setup/data/clean", {"days": "5000", "confirm": "x"}).status_code == 422
    assert admin.post("/setup/data/clean", {"days": "0", "confirm": "delete"}).status_code == 422
    assert admin.post("/setup/data/clean", {"days": "5000", "confirm": "delete"}).status_code == 303

    async def ended() -> None:
        task = site.services.eraser._task
        assert task is not None
        await task

    site.done(ended())
    assert "1</data> events from before" in admin.get("/setup/data").text
    assert read(admin, "/v1/events?event_type=ancient")["events"] == []
    assert len(read(admin, "/v1/events?event_type=buy")["events"]) == 1
