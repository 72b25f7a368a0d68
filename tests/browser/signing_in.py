"""Coming in by the door: where a server's pages are, and the sign-in page filled in."""

from playwright.sync_api import Page, expect

from tests.system.server import Server

PASSWORD = "correct horse battery"
expect.set_options(timeout=15_000)


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def sign_in(page: Page, at: str, name: str = "admin", password: str = PASSWORD) -> None:
    page.goto(f"{at}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{at}/")
