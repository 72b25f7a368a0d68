"""Set-up in a real Chromium: from no event to the first one, with a key made on the page; old events deleted."""

import subprocess
import sys
from collections.abc import Callable

from playwright.sync_api import Browser, expect

from tests.browser.chromium import watched
from tests.browser.signing_in import PASSWORD, sign_in, url
from tests.browser.site import standing
from tests.system.server import Server

OLD = {"event_type": "ancient", "timestamp": "2001-01-01T10:00:00Z"}


def test_the_first_event_by_what_is_pasted(new_server: Callable[..., Server], chromium: Browser) -> None:
    server = new_server(settings={"EVENSPLIT_ADMIN_PASSWORD": PASSWORD, "EVENSPLIT_WRITE_KEY": ""}).start()
    with watched(chromium, viewport={"width": 1280, "height": 900}) as visitor, standing() as site:
        page = visitor.page()
        sign_in(page, url(server))
        page.get_by_role("link", name="Set it up").click()
        expect(page.locator("#waiting")).to_contain_text("Waiting for your first event")
        page.get_by_role("button", name="Make a write key").click()
        expect(page.locator("#waiting-said")).to_contain_text("Waiting")
        tag = page.locator("pre").nth(0).inner_text()
        site.pages["/"] = f"<!doctype html><title>Shop</title><link rel='icon' href='data:,'><body>{tag}"
        shop = visitor.page()
        shop.goto(site.url("/"))
        expect(page.locator("#waiting.came")).to_contain_text("page_view")

        program = page.locator("pre").last.inner_text()
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and '"accepted":1' in done.stdout.replace(" ", ""), done.stderr
        expect(page.locator("#waiting")).to_contain_text("sign_up")

        page.get_by_role("link", name="Keys").click()
        row = page.locator("tbody tr", has_text="set-up page")
        page.on("dialog", lambda dialog: dialog.accept())
        row.get_by_role("button", name="Revoke").click()
        expect(row).to_contain_text("revoked")
        again = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert "401" in again.stderr

        with server.client() as api:
            api.capture([OLD])
        page.get_by_role("link", name="Data", exact=True).click()
        expect(page.locator(".facts data").first).to_have_attribute("value", "3")
        page.get_by_label("Older than days").fill("5000")
        page.get_by_label("Type delete").fill("delete")
        page.get_by_role("button", name="Delete them").click()
        expect(page.locator("#cleaning.good")).to_contain_text("1 events from before")
        with page.expect_download() as download:
            page.get_by_role("link", name="All events as NDJSON").click()
        assert len(download.value.path().read_text().splitlines()) == 2
        page.get_by_role("link", name="About").click()
        expect(page.get_by_role("heading", name="How it is doing")).to_be_visible()
