"""Signing in and out, one-time links, passwords, accounts; and that there is always an admin."""

import asyncio
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from evensplit import app, clock
from evensplit.errors import Conflict, Invalid, NotFound, TooManyRequests, Unauthorized
from evensplit.settings import Settings
from evensplit.web.accounts import TRIES, WITHIN
from evensplit.web.passwords import KIB, LANES, ROUNDS  # as they are before the tests make them cheap
from tests.unit.ui.conftest import PASSWORD, Browser, Site, token


def sign_in(browser: Browser, name: str, password: str, onward: str = "/") -> int:
    form = {"name": name, "password": password, "next": onward}
    return browser.post("/sign-in", form, browser.get("/sign-in")).status_code


def test_in_and_out(site: Site) -> None:
    somebody = site.signed_in("viewer")
    assert somebody.get("/").status_code == 200
    cookie = next(each for each in somebody.client.cookies.jar if each.name == "es_session")
    assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "Lax"
    assert somebody.post("/sign-out", {}).headers["location"] == "/sign-in"
    assert somebody.get("/").status_code == 303
    somebody.client.cookies.set("es_session", cookie.value or "")
    assert somebody.get("/").status_code == 303, "the cookie itself opens nothing any more"
    elsewhere = site.browser()
    assert sign_in(elsewhere, somebody.name.upper(), PASSWORD) == 303, "names are found whatever their case"
    assert elsewhere.get("/").status_code == 200


def test_cookies_and_links_are_kept_as_hashes(site: Site) -> None:
    somebody = site.signed_in("viewer")
    session = somebody.client.cookies["es_session"]
    stored = site.services.store.read(("SELECT * FROM es_accounts, es_sign_ins", []))
    assert session not in str(stored) and PASSWORD not in str(stored)
    assert "$argon2id$" in str(stored)


def test_a_cookie_ends_after_thirty_days(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody = site.signed_in("viewer")
    now = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now + 30 * 86_400_000 - 60_000)
    assert somebody.get("/account").status_code == 200
    monkeypatch.setattr(clock, "now_ms", lambda: now + 30 * 86_400_000 + 60_000)
    assert somebody.get("/account").status_code == 303


@pytest.mark.parametrize(
    ("onward", "expected"),
    [
        ("/explore/trend?q=%7B%7D", "/explore/trend?q=%7B%7D"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nset-cookie: x=y", "/"),
        ("", "/"),
    ],
)
def test_where_signing_in_leads(site: Site, onward: str, expected: str) -> None:
    name = site.signed_in("viewer").name
    browser = site.browser()
    form = {"name": name, "password": PASSWORD, "next": onward}
    assert browser.post("/sign-in", form, browser.get("/sign-in")).headers["location"] == expected


def test_wrong_passwords_have_to_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    doors = site.services.doors
    name = site.signed_in("viewer").name
    now = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now)

    async def tried(name: str, password: str) -> str:
        try:
            return await doors.sign_in(name, password)
        except (Unauthorized, TooManyRequests) as error:
            return error.code

    async def many() -> list[str]:
        return await asyncio.gather(*(tried(name, f"wrong {n}") for n in range(TRIES + 3)))

    codes = site.done(many())
    assert codes == ["unauthorized"] * TRIES + ["too_many_requests"] * 3, "also where all come at once"
    assert site.done(tried(f"  {name.upper()}", PASSWORD)) == "too_many_requests"
    assert site.done(tried("nobody", PASSWORD)) == "unauthorized", "others are not held up"
    monkeypatch.setattr(clock, "now_ms", lambda: now + WITHIN + 1)
    assert len(site.done(tried(name, PASSWORD))) == 48


def test_a_one_time_link_works_once(site: Site) -> None:
    accounts = site.services.catalog.accounts
    link, account = site.done(accounts.invite("once@example.org", "editor"))
    browser = site.browser()
    page = browser.get(f"/welcome?token={link}")
    for form in (
        {"password": "short", "again": "short"},
        {"password": PASSWORD, "again": PASSWORD + "x"},
        {"password": "x" * 1_001, "again": "x" * 1_001},
    ):
        assert browser.post("/welcome", {"token": link, **form}, page).status_code == 422
    assert browser.post("/welcome", {"token": link, "password": PASSWORD, "again": PASSWORD}, page).status_code == 303
    assert accounts.one(account.id).active and not accounts.one(account.id).invited
    assert site.browser().get(f"/welcome?token={link}").status_code == 404
    again = site.browser()
    late = {"token": link, "password": PASSWORD, "again": PASSWORD}
    assert again.post("/welcome", late, again.get("/sign-in")).status_code == 404
    other = site.done(accounts.renew(account.id))
    assert site.browser().get(f"/welcome?token={other}").status_code == 200
    assert browser.get("/").status_code == 200, "signed in until the new link is used"
    site.done(site.services.doors.use_link(other, PASSWORD + "!"))
    assert browser.get("/").status_code == 303


def test_changing_the_password(site: Site) -> None:
    somebody, elsewhere = site.signed_in("viewer"), site.browser()
    assert sign_in(elsewhere, somebody.name, PASSWORD) == 303
    new = {"password": "another password", "again": "another password"}
    assert somebody.post("/account/password", {"before": "not it", **new}).status_code == 401
    assert somebody.post("/account/password", {"before": PASSWORD, **new}).status_code == 303
    assert somebody.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    assert sign_in(site.browser(), somebody.name, PASSWORD) == 401


def test_an_admin_invites_changes_and_removes(site: Site) -> None:
    admin = site.signed_in("admin")
    page = admin.post("/accounts", {"name": "  New <b>body</b> ", "role": "viewer"})
    assert page.status_code == 200 and "/welcome?token=" in page.text and "<b>body" not in page.text
    assert admin.post("/accounts", {"name": "NEW <b>BODY</b>", "role": "viewer"}).status_code == 409
    for form in ({"name": "", "role": "viewer"}, {"name": "x\0y", "role": "viewer"}, {"name": "x", "role": "god"}):
        assert admin.post("/accounts", form).status_code == 422, form
    accounts = site.services.catalog.accounts
    made = next(account for account in accounts.all() if account.name == "New <b>body</b>")
    assert admin.post(f"/accounts/{made.id}/role", {"role": "editor"}).status_code == 303
    assert accounts.one(made.id).role == "editor"
    assert "/welcome?token=" in admin.post(f"/accounts/{made.id}/link", {}).text
    assert admin.post(f"/accounts/{made.id}/remove", {}).status_code == 303
    with pytest.raises(NotFound):
        accounts.one(made.id)
    assert admin.post(f"/accounts/{made.id}/remove", {}).status_code == 404


def test_whoever_is_removed_is_out_at_once(site: Site) -> None:
    somebody = site.signed_in("editor")
    accounts = site.services.catalog.accounts
    site.done(accounts.remove(next(a.id for a in accounts.all() if a.name == somebody.name)))
    assert somebody.get("/").status_code == 303


def test_the_first_start_and_the_last_admin(tmp_path: Path) -> None:
    """The link is made anew until it has been used; the last admin stays one; a password can be fixed."""

    async def run() -> None:
        async with app.opened(Settings(data=str(tmp_path / "data"), duckdb_memory="512MB")) as services:
            doors, accounts = services.doors, services.catalog.accounts
            first = await doors.first()
            second = await doors.first()
            assert first and second and first != second
            assert [(a.name, a.role, a.active) for a in accounts.all()] == [("admin", "admin", False)]
            with pytest.raises(NotFound):
                await doors.use_link(first, PASSWORD)
            await doors.use_link(second, PASSWORD)
            assert await doors.first() is None
            (admin,) = accounts.all()
            await accounts.invite("another", "admin")  # cannot sign in yet
            with pytest.raises(Conflict):
                await accounts.remove(admin.id)
            with pytest.raises(Conflict):
                await accounts.set_role(admin.id, "viewer")
            session = await doors.sign_in("admin", PASSWORD)
            assert await doors.first(PASSWORD) is None
            assert services.catalog.sign_ins.who(session), "the same password changes nothing"
            assert await doors.first("a password that was fixed") is None
            assert services.catalog.sign_ins.who(session) is None
            await doors.sign_in("admin", "a password that was fixed")
            with pytest.raises(Invalid):
                await doors.first("short")

    asyncio.run(run())


def test_what_a_password_costs_outside_of_tests() -> None:
    """What RFC 9106 asks for where memory is short; a hash says what it cost."""
    assert (ROUNDS, KIB, LANES) == (3, 65_536, 4)
    assert PasswordHasher(ROUNDS, KIB, LANES).hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_form_is_bound_to_its_browser(site: Site) -> None:
    """Nobody can make a browser sign in as somebody else by a form of their own."""
    one, other = site.browser(), site.browser()
    assert token(one.get("/sign-in")) == token(one.get("/sign-in"))
    assert token(one.get("/sign-in")) != token(other.get("/sign-in"))
