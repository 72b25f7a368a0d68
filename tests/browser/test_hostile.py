"""Hostile texts wherever others' data is shown: they are seen as text, nothing of them runs, no page falls over."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.chromium import Watched
from tests.browser.signing_in import PASSWORD, url
from tests.browser.test_every_page import settled
from tests.browser.test_explore import moment
from tests.system.server import Server

RUNS = "window.__pwned=1;alert(1)"
TEXTS = {
    "script": f"</script><script>{RUNS}</script>",
    "image": f'"><img src=x onerror="{RUNS}">',
    "svg": f"<svg onload={RUNS}>",
    "link": f"javascript:{RUNS}",
    "braces": "{{7*7}}${7*7}<%= 7*7 %>{% raise %}",
    "quotes": "'\"`--; DROP TABLE events;",
    "right to left": "\u202etxet \u05e9\u05dc\u05d5\u05dd \u2066\u0645\u0631\u062d\u0628\u0627",
    "emoji": "👩‍👩‍👧‍👦🇩🇪 🦄",
    "nul": "before\0after",
    "long": "x" * 10_000,
    "markup": "<b>bold</b><!-- &lt;i&gt; ]]>",
}
SHORT = {name: text[:190].replace("/", "\u2215").replace("\0", "") for name, text in TEXTS.items()}  # as names may be


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("hostile") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with found.client() as api:
        assert api.capture([event for n, name in enumerate(TEXTS) for event in events(n, name)])["accepted"]
        for text in SHORT.values():
            traits = {text: text, "plan": text}
            api.post("/v1/identify", {"user_id": text, "traits": traits}).good()
            variants = [{"name": f"{text} 1", "payload": {text: text}}, {"name": f"{text} 2", "description": text}]
            metrics = [{"name": f"{text} m", "kind": "proportion", "event": {"event_type": text}}]
            body = {"name": text, "description": text, "variants": variants, "metrics": metrics}
            api.post("/v1/experiments", body).good(201)
            api.assign(text, text)
            report = {"series": [{"event": text, "label": text}], "breakdown": [{"property": text[:100], "limit": 3}]}
            saved = {"name": text, "kind": "trend", "report": report, "description": text}
            api.post("/v1/saved", saved).good(201)
            api.post("/v1/annotations", {"at": moment(1, 0)[:10], "text": text}).good(201)
            api.post("/v1/cohorts", {"name": text, "definition": {"event": text}}).good(201)
        tiles = [{"saved": text, "x": 0, "y": n * 4, "w": 6, "h": 4} for n, text in enumerate(SHORT.values())]
        for text in SHORT.values():
            api.post("/v1/dashboards", {"name": text, "description": text, "layout": tiles}).good(201)
        api.post("/v1/events", {"event_type": TEXTS["long"], "user_id": TEXTS["script"]}).error(422)
    yield found
    found.close()


def events(n: int, which: str) -> list[dict[str, Any]]:
    """One event whose every part is that text, and one of a page."""
    text, name = TEXTS[which], SHORT[which]
    page = {"$pathname": text, "$referrer": text, "$utm_source": text, "$browser": text, "$title": text}
    return [
        {"event_type": event_type, "user_id": name, "session_id": f"{name}{n}", "timestamp": moment(1, n + more),
         "properties": {text[:100]: text, "other": text, **page}}
        for more, event_type in enumerate((name, "page_view"))
    ]  # fmt: skip


class Guarded:
    """A signed-in page in which nothing may run."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.opened: list[str] = []
        page.on("dialog", self._dialog)

    def _dialog(self, dialog: Dialog) -> None:
        self.opened.append(dialog.message)
        dialog.dismiss()

    def visit(self, address: str) -> str:
        """The text of the page, once everything has come and nothing has run."""
        reply = self.page.goto(address)
        assert reply is not None and reply.status == 200, f"{address}: {reply and reply.status}"
        settled(self.page)
        self.check(address)
        return self.page.locator("body").inner_text()

    def check(self, address: str) -> None:
        assert not self.opened, f"{address} opened {self.opened}"
        assert self.page.evaluate("window.__pwned") is None, address
        bad = self.page.locator("img[src='x'], svg[onload], a[href^='javascript:' i], script:not([src]):not([type])")
        assert bad.count() == 0, f"{address} holds {bad.first.evaluate('element => element.outerHTML')[:300]}"
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{address} is {wide} px too wide"


@pytest.fixture
def guarded(page: Page) -> Guarded:
    return Guarded(page)


def test_lists(server: Server, guarded: Guarded) -> None:
    at = url(server)
    for path in (
        "/",
        "/explore",
        "/dashboards",
        "/annotations",
        "/experiments",
        "/events",
        "/users",
        "/events/rejects",
    ):
        guarded.visit(at + path)
    for path in ("/dashboards", "/annotations", "/experiments", "/explore"):
        guarded.page.goto(at + path)
        settled(guarded.page)
        for name in ("script", "image", "braces", "emoji"):
            expect(guarded.page.get_by_text(SHORT[name]).first).to_be_attached()


@pytest.mark.parametrize("name", TEXTS)
def test_one_of_each(server: Server, guarded: Guarded, name: str) -> None:
    at, part = url(server), quote(SHORT[name], safe="")
    for path in (f"/experiments/{part}", f"/experiments/{part}/setup", f"/experiments/{part}/people", f"/users/{part}"):
        shown = guarded.visit(at + path)
        assert name in ("right to left", "long") or SHORT[name][:20].strip() in shown, f"{path} shows it as text"
    assert "49" not in guarded.page.title()


def test_a_dashboard_of_them(server: Server, guarded: Guarded) -> None:
    guarded.visit(f"{url(server)}/dashboards/{quote(SHORT['script'], safe='')}")
    expect(guarded.page.locator(".tile-card")).to_have_count(len(SHORT))
    for name in ("image", "svg", "braces", "markup"):
        expect(guarded.page.get_by_role("heading", name=SHORT[name], exact=True)).to_be_visible()
    guarded.page.locator(".tile-foot summary").first.click()
    expect(guarded.page.locator(".menu-list li bdi").first).to_have_text(SHORT["script"])
    guarded.visit(f"{url(server)}/dashboards/{quote(SHORT['script'], safe='')}?edit=1")
    with server.client() as api:
        assert len(api.get(f"/v1/dashboards/{quote(SHORT['script'], safe='')}").good()["layout"]) == len(SHORT)


QUESTIONS: dict[str, dict[str, Any]] = {
    "trend": {
        "series": [{"event": "@any", "label": SHORT["image"]}],
        "breakdown": [{"property": "other", "limit": 20}],
    },
    "funnel": {"steps": [SHORT["script"], {"event_type": "page_view"}], "breakdown": [{"property": "other"}]},
    "paths": {"by": "@event_type"},
    "sessions": {},
    "retention": {"start": SHORT["svg"], "breakdown": [{"property": "other"}]},
}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_charts_and_tables(server: Server, guarded: Guarded, kind: str) -> None:
    asked = {**QUESTIONS[kind], "since": "-7d"}
    guarded.visit(f"{url(server)}/explore/{kind}?q={quote(json.dumps(asked))}")
    expect(guarded.page.locator(".chart .main-svg").first).to_be_visible()
    if kind in ("trend", "sessions"):
        expect(guarded.page.locator("#answer")).to_contain_text(SHORT["image"][:30].replace("\u2215", "/"))
    assert guarded.page.locator(".chart a, .chart b").count() == 0, "names are no markup on charts either"
    guarded.page.locator(".chart .nsewdrag, .chart .sankey-node").first.hover()
    guarded.check(kind)


def test_results_of_sql(server: Server, guarded: Guarded) -> None:
    guarded.visit(f"{url(server)}/sql")
    page = guarded.page
    page.locator("main textarea").first.fill("SELECT event_type, user_id, properties FROM events ORDER BY id")
    page.get_by_role("button", name="Run").first.click()
    expect(page.locator("main table").first).to_contain_text(SHORT["image"][:20])
    guarded.check("/sql")


def test_what_one_types(server: Server, visitor: Watched, guarded: Guarded) -> None:
    page = guarded.page
    visitor.tolerate("40[04]|422")
    for path in ("/explore/trend?q=", "/users?q=", "/events?event_type=", "/events?user_id="):
        for name in ("script", "image", "braces", "quotes"):
            page.goto(url(server) + path + quote(TEXTS[name], safe=""))
            guarded.check(path)
