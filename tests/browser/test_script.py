"""The browser script on a page of another site, in a real browser, against a real server."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route

from evensplit.web import script
from tests.browser.visitor import Visitor, visiting
from tests.system.server import WRITE_KEY, Server

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}")
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })"
DNT = "Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' })"
NO_STORAGE = (
    "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
)
HIDDEN = "Object.defineProperty(Document.prototype, 'visibilityState', { get: () => window.seen || 'hidden' })"


@pytest.fixture
def visitor(served: Server, chromium: Browser) -> Iterator[Visitor]:
    with visiting(served, chromium, viewport={"width": 1280, "height": 800}) as somebody:
        yield somebody


# --- page views -----------------------------------------------------------------------------------


def test_a_page_view(visitor: Visitor) -> None:
    visitor.write("/prices")
    visitor.see("/prices?utm_source=letter&utm_campaign=May%20%26%20June&other=1#plans", "http://127.0.0.1:9/from?a=b")
    (event,) = visitor.sent(1)
    assert event.type == "page_view"
    assert UUID7.fullmatch(event.user) and UUID7.fullmatch(event.session)
    assert event.properties == {
        "$current_url": visitor.site.url("/prices?utm_source=letter&utm_campaign=May%20%26%20June&other=1"),
        "$host": f"localhost:{visitor.site.port}",
        "$pathname": "/prices",
        "$screen_width": 1280,
        "$lib": "es.js",
        "$referrer": "http://127.0.0.1:9/from?a=b",
        "$referring_domain": "127.0.0.1:9",
        "$utm_source": "letter",
        "$utm_campaign": "May & June",
        "$browser": "Chrome",
        "$os": "Linux",
        "$device_type": "Desktop",
    }


def test_one_visitor_and_one_session_over_pages(visitor: Visitor) -> None:
    for path in ("/a", "/b"):
        visitor.write(path, "<a href='/b'>on</a>")
    visitor.see("/a")
    visitor.sent(1)
    visitor.tab.click("a")
    first, second = visitor.sent(2)
    assert (first.user, first.session) == (second.user, second.session)
    assert [first.properties["$pathname"], second.properties["$pathname"]] == ["/a", "/b"]
    assert "$referrer" not in second.properties, "the site itself is nobody's referrer"


def test_pages_of_one_page(visitor: Visitor) -> None:
    visitor.write("/app")
    visitor.see("/app", "http://127.0.0.1:9/")
    visitor.sent(1)
    visitor.do("() => history.pushState({}, '', '/app/one?x=1')")
    visitor.do("() => history.pushState({}, '', '/app/one?x=2')")  # the same path
    visitor.do("() => history.replaceState({}, '', '/app/two')")
    visitor.do("() => history.pushState({ kept: 1 }, '', '/app/two#part')")
    visitor.do("() => { location.hash = 'other' }")
    assert visitor.do("() => history.length") >= 5
    visitor.do("() => history.go(-3)")  # past both parts and the second look at one: to /app/one
    visitor.tab.wait_for_url("**/app/one?x=1")
    found = visitor.sent(4)
    assert [event.properties["$pathname"] for event in found] == ["/app", "/app/one", "/app/two", "/app/one"]
    assert [event.properties.get("$referring_domain") for event in found] == ["127.0.0.1:9", None, None, None]
    assert len({event.session for event in found}) == 1


def test_pages_by_hash(visitor: Visitor) -> None:
    visitor.write("/app", options="data-hash")
    visitor.see("/app#/inbox")
    visitor.do("() => { location.hash = '/sent' }")
    found = visitor.sent(2)
    assert [event.properties["$pathname"] for event in found] == ["/app#/inbox", "/app#/sent"]
    assert found[1].properties["$current_url"].endswith("/app#/sent")


def test_a_page_that_nobody_sees_yet(visitor: Visitor) -> None:
    """So are pages that the browser renders ahead, and tabs that are opened behind."""
    visitor.tab.add_init_script(HIDDEN)
    visitor.write("/ahead")
    visitor.see("/ahead")
    visitor.tab.wait_for_timeout(800)
    assert visitor.events() == []
    visitor.do("() => { window.seen = 'visible'; document.dispatchEvent(new Event('visibilitychange')) }")
    visitor.do("() => document.dispatchEvent(new Event('visibilitychange'))")
    assert visitor.types(1) == ["page_view"]


def test_a_page_that_comes_back_as_it_was(visitor: Visitor) -> None:
    visitor.write("/one", "<script>window.born = Math.random()</script>")
    visitor.write("/two")
    visitor.see("/one")
    born = visitor.do("() => window.born")
    visitor.sent(1)
    visitor.see("/two")
    visitor.sent(2)
    visitor.tab.go_back(wait_until="commit")
    visitor.wait(lambda: len(visitor.events()) >= 3)
    kept = visitor.do("() => window.born") == born
    assert kept, "the page was loaded anew: this shows nothing"
    assert [event.properties["$pathname"] for event in visitor.sent(3)] == ["/one", "/two", "/one"]


def test_page_views_by_hand(visitor: Visitor) -> None:
    visitor.write("/manual", options="data-manual")
    visitor.see("/manual")
    visitor.do("() => history.pushState({}, '', '/manual/more')")
    visitor.do("() => evensplit.track('page_view', { $pathname: '/shown' })")
    (event,) = visitor.sent(1)
    assert event.properties["$pathname"] == "/shown"


# --- what the page says ---------------------------------------------------------------------------


def test_track_identify_reset(visitor: Visitor) -> None:
    early = "window.evensplit = window.evensplit || []; evensplit.push(['track', 'early', { n: 1 }])"
    visitor.write("/", early=early)
    visitor.see("/")
    visitor.do("() => evensplit.track('signup', { plan: 'pro', seats: 3, $pathname: '/mine' })")
    early_event, view, signup = visitor.sent(3)
    assert [early_event.type, view.type, signup.type] == ["early", "page_view", "signup"]
    assert early_event.properties["n"] == 1
    assert (signup.properties["plan"], signup.properties["seats"], signup.properties["$pathname"]) == (
        "pro",
        3,
        "/mine",
    )
    visitor.do("() => evensplit.identify('ada', { plan: 'pro' })")
    visitor.do("() => evensplit.identify('ada')")  # known: nothing to say
    visitor.do("() => evensplit.track('paid')")
    paid = visitor.sent(4)[-1]
    assert paid.user == "ada" and paid.session == view.session
    with visitor.server.client() as api:
        ada = api.get("/v1/users/ada").good()
    assert ada["traits"] == {"plan": "pro"}
    assert view.user in str(ada)
    visitor.do("() => evensplit.reset()")
    visitor.do("() => evensplit.track('after')")
    after = visitor.sent(5)[-1]
    assert UUID7.fullmatch(after.user) and after.user != view.user and after.session != view.session
    # another user on the same machine is another person, also where nobody called reset
    visitor.do("() => evensplit.identify('bob')")
    visitor.do("() => evensplit.identify('eve')")
    visitor.drain()
    with visitor.server.client() as api:
        assert after.user in str(api.get("/v1/users/bob").good())
        assert after.user not in str(api.get("/v1/users/eve").good())


def test_bad_values_harm_no_page(visitor: Visitor) -> None:
    visitor.write("/")
    visitor.see("/")
    visitor.do("() => evensplit.identify(null)")
    visitor.do("() => evensplit.identify('')")
    visitor.do("() => evensplit.track('odd', null)")
    visitor.do("() => evensplit.track('<b>\u202e\U0001f600', { 'a\"b': '</script>\u0000' })")
    names = visitor.types(3)
    assert names == ["page_view", "odd", "<b>\u202e\U0001f600"]
    assert visitor.events()[2].properties['a"b'] == "</script>\x00"


def test_variant(visitor: Visitor) -> None:
    name = "nobody's é %"
    with visitor.server.client() as api:
        api.create("button", [{"name": "blue", "weight": 0}, {"name": "red", "payload": {"hex": "#f00"}}])
        api.create("draft", [{"name": "a"}, {"name": "b"}], start=False)
    visitor.write("/")
    asked: list[str] = []
    visitor.tab.on("request", lambda request: asked.append(request.url))
    visitor.see("/")
    assert visitor.do("() => evensplit.variant('button')") == "red"
    assert visitor.do("() => evensplit.assignment('button').then((answer) => answer.payload)") == {"hex": "#f00"}
    assert visitor.do("() => evensplit.variant('draft')") is None
    assert len([url for url in asked if "/assignments" in url]) == 2
    assert all(urlsplit(url).query == f"key={WRITE_KEY}" for url in asked if "/assignments" in url)
    visitor.browser.tolerate("404")
    assert visitor.do(f"() => evensplit.variant({name!r})") is None
    (view,) = visitor.sent(1)
    visitor.do("() => evensplit.identify('ann')")
    visitor.drain()
    assert visitor.do("() => evensplit.variant('button')") == "red"
    with visitor.server.client() as api:
        assert api.get(f"/v1/experiments/button/assignments/{view.user}").good()["variant"] == "red"


def test_links_and_marked_elements(visitor: Visitor) -> None:
    visitor.write(
        "/",
        f"<a id=out href='http://127.0.0.1:{visitor.site.port}/away' target=_blank>out</a>"
        "<a id=file href='/report.PDF?x=1' target=_blank>file</a>"
        "<a id=saved href='/data' download>data</a>"
        "<a id=own href='#here'>here</a> <a id=mail href='mailto:a@example.com'>mail</a>"
        "<div data-es-event='signup' data-es-prop-plan='pro' data-es-prop-team-size='5'>"
        "<button id=button>Go</button></div>"
        "<form data-es-event='search' action='javascript:void 0'>"
        "<input id=field><button id=send>Find</button></form>",
    )
    for path in ("/away", "/report.PDF", "/data"):
        visitor.site.pages[path] = "<!doctype html><title>there</title><link rel='icon' href='data:,'>"
    visitor.see("/")
    visitor.sent(1)
    for name in ("out", "file", "saved", "own", "button", "field", "send"):
        visitor.tab.click(f"#{name}")
    visitor.tab.click("#out", button="middle")
    found = visitor.sent(7)[1:]
    away = f"http://127.0.0.1:{visitor.site.port}/away"
    assert [event.type for event in found] == [
        "outbound_click", "file_download", "file_download", "signup", "search", "outbound_click",
    ]  # fmt: skip
    links = [event.properties.get("$link_url") for event in found]
    assert links == [away, visitor.site.url("/report.PDF?x=1"), visitor.site.url("/data"), None, None, away]
    assert found[3].properties["plan"] == "pro" and found[3].properties["team-size"] == "5"


# --- nothing lost, nothing twice ------------------------------------------------------------------


def test_an_event_of_the_last_moment(visitor: Visitor) -> None:
    visitor.write("/one", f"<a href='http://127.0.0.1:{visitor.site.port}/away'>out</a>")
    visitor.write("/two")
    visitor.site.pages["/away"] = "<!doctype html><title>there</title><link rel='icon' href='data:,'>"
    visitor.see("/one")
    visitor.tab.click("a")
    visitor.tab.wait_for_url("**/away")
    visitor.wait(lambda: len(visitor.events()) == 2)
    visitor.see("/two")  # what had no answer is sent again
    assert visitor.types(3) == ["page_view", "outbound_click", "page_view"]


def test_offline_and_online_again(visitor: Visitor) -> None:
    visitor.write("/")
    visitor.see("/")
    visitor.sent(1)
    visitor.browser.context.set_offline(True)
    for number in range(60):
        visitor.do(f"() => evensplit.track('tunnel', {{ number: {number}, text: 'é'.repeat(900) }})")
    visitor.do("() => evensplit.identify('zoe')")
    visitor.tab.wait_for_timeout(1500)
    assert len(visitor.events()) == 1
    visitor.browser.context.set_offline(False)
    found = visitor.sent(61)[1:]
    assert [event.properties["number"] for event in found] == list(range(60))
    with visitor.server.client() as api:
        assert found[0].user in str(api.get("/v1/users/zoe").good())


def test_a_server_that_dies(new_server: Callable[..., Server], chromium: Browser) -> None:
    server = new_server().start()
    with visiting(server, chromium) as visitor:
        visitor.browser.tolerate("ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_FAILED")
        visitor.write("/")
        visitor.see("/")
        visitor.sent(1)
        for number in range(10):
            visitor.do(f"() => evensplit.track('tick', {{ number: {number} }})")
            visitor.tab.wait_for_timeout(100)
            if number == 4:
                server.kill()
        visitor.tab.wait_for_timeout(500)
        server.start()
        found = visitor.sent(11)[1:]
        assert sorted(event.properties["number"] for event in found) == list(range(10))


def test_a_page_that_ends_while_the_server_is_down(new_server: Callable[..., Server], chromium: Browser) -> None:
    server = new_server().start()
    with visiting(server, chromium) as visitor:
        visitor.browser.tolerate("ERR_CONNECTION_REFUSED")
        visitor.write("/")
        visitor.see("/")
        visitor.sent(1)
        server.kill()
        visitor.do("() => evensplit.track('kept')")
        visitor.tab.wait_for_timeout(600)
        visitor.tab.close()
        server.start()
        visitor.tab = visitor.browser.page()
        visitor.see("/")
        assert sorted(visitor.types(3)) == ["kept", "page_view", "page_view"]


def test_an_answer_that_is_lost(visitor: Visitor) -> None:
    """The events are stored, the page never hears of it, and they are counted once all the same."""
    visitor.browser.tolerate("ERR_FAILED|ERR_ABORTED")
    visitor.write("/")
    lost: list[str] = []

    def lose(route: Route) -> None:
        assert route.fetch().status == 200
        lost.append(route.request.url)
        route.abort()

    visitor.tab.route("**/v1/events*", lose, times=2)
    visitor.see("/")
    assert visitor.types(1) == ["page_view"]
    assert len(lost) == 2


def test_the_queue_is_bounded(visitor: Visitor) -> None:
    visitor.write("/")
    visitor.see("/")
    visitor.sent(1)
    visitor.browser.context.set_offline(True)
    visitor.do("() => { for (let number = 0; number < 520; number++) evensplit.track('many', { number }) }")
    week = 7 * 24 * 3600 * 1000
    visitor.do(
        f"""() => {{
            const id = (Date.now() - {week + 60_000}).toString(16).padStart(12, '0');
            localStorage['es.event.' + id.slice(0, 8) + '-' + id.slice(8) + '-7aaa-aaaa-aaaaaaaaaaaa'] = '{{}}';
        }}"""
    )
    assert visitor.do("() => Object.keys(localStorage).filter((key) => key.startsWith('es.event.')).length") == 501
    visitor.browser.context.set_offline(False)
    visitor.see("/")
    found = [event for event in visitor.sent(502) if event.type == "many"]
    assert sorted(event.properties["number"] for event in found) == list(range(20, 520))


# --- privacy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [GPC, DNT], ids=["global privacy control", "do not track"])
def test_who_does_not_want_it_is_left_alone(wish: str, visitor: Visitor) -> None:
    visitor.tab.add_init_script(wish)
    visitor.write("/", "<a href='#x' data-es-event='x'>x</a>", early="window.evensplit = [['track', 'early']]")
    asked: list[str] = []
    visitor.tab.on("request", lambda request: asked.append(urlsplit(request.url).path))
    visitor.see("/")
    visitor.do("() => evensplit.track('x')")
    visitor.do("() => evensplit.identify('somebody')")
    visitor.do("() => history.pushState({}, '', '/other')")
    visitor.tab.click("a")
    assert visitor.do("() => evensplit.variant('button')") is None
    visitor.do("() => evensplit.reset()")
    visitor.tab.wait_for_timeout(800)
    visitor.see("/")
    assert visitor.events() == []
    assert visitor.do("() => [Object.keys(localStorage), document.cookie]") == [[], ""]
    assert set(asked) == {"/", "/es.js"}


def test_without_a_trace(visitor: Visitor) -> None:
    visitor.write("/", options="data-cookieless")
    visitor.see("/")
    visitor.do("() => evensplit.track('more')")
    visitor.wait(lambda: len(visitor.events()) == 2)
    assert visitor.do("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    visitor.see("/")
    visitor.wait(lambda: len(visitor.events()) == 3)
    first, more, again = visitor.events()
    assert (first.user, first.session) == (more.user, more.session)
    assert again.user != first.user


def test_without_storage(visitor: Visitor) -> None:
    visitor.tab.add_init_script(NO_STORAGE)
    visitor.write("/")
    visitor.see("/")
    visitor.do("() => evensplit.track('more')")
    visitor.wait(lambda: len(visitor.events()) == 2)
    assert len({event.user for event in visitor.events()}) == 1


def test_a_full_storage(visitor: Visitor) -> None:
    visitor.write("/")
    visitor.see("/")
    visitor.sent(1)
    visitor.do(
        """() => {
            let text = 'x'.repeat(2 ** 20);
            for (let n = 0; text; n++)
                try { localStorage['full' + n] = text } catch { text = text.slice(text.length / 2 + 1) }
        }"""
    )
    visitor.do("() => { evensplit.track('more', { text: 'y'.repeat(9000) }); evensplit.track('last') }")
    visitor.wait(lambda: len(visitor.events()) == 3)
    assert len({(event.user, event.session) for event in visitor.events()}) == 1


# --- sessions -------------------------------------------------------------------------------------


def test_a_session_ends_after_half_an_hour(visitor: Visitor) -> None:
    visitor.tab.clock.install()
    visitor.write("/")
    visitor.see("/")
    visitor.tab.clock.run_for(1000)
    visitor.sent(1)
    visitor.tab.clock.fast_forward("29:50")
    visitor.do("() => evensplit.track('soon')")
    visitor.tab.clock.run_for(1000)
    visitor.sent(2)
    visitor.tab.clock.fast_forward("30:01")
    visitor.do("() => evensplit.track('late')")
    visitor.tab.clock.run_for(1000)
    view, soon, late = visitor.sent(3)
    assert view.session == soon.session != late.session
    assert view.user == late.user


def test_the_report_on_sessions_fills_itself(served: Server, chromium: Browser) -> None:
    agent = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.5 Mobile/15E148 Safari/604.1"
    )
    with visiting(served, chromium, user_agent=agent) as visitor:
        for path in ("/", "/prices"):
            visitor.write(path, "<a href='/prices'>prices</a>")
        visitor.see("/?utm_source=letter&utm_medium=mail", "http://127.0.0.1:9/post")
        visitor.sent(1)
        visitor.tab.click("a")
        visitor.sent(2)
        here = {"property": "$host", "op": "eq", "value": f"localhost:{visitor.site.port}"}
        with served.client() as api:
            report = api.post("/v1/reports/sessions", {"since": "-1d", "filters": [here]}).good()
    totals = report["totals"]
    assert (totals["visitors"], totals["sessions"], totals["page_views"], totals["bounce_rate"]) == (1, 1, 2, 0)
    tops = {name: [value["value"] for value in values] for name, values in report["tops"].items()}
    assert tops["pages"] == ["/", "/prices"]
    assert (tops["entry_pages"], tops["exit_pages"]) == (["/"], ["/prices"])
    assert tops["referrers"] == ["127.0.0.1:9"]
    assert (tops["utm_sources"], tops["utm_mediums"]) == (["letter"], ["mail"])
    assert (tops["devices"], tops["browsers"], tops["systems"]) == (["Mobile"], ["Mobile Safari"], ["iOS"])


def test_a_tablet_that_says_it_is_a_mac(visitor: Visitor) -> None:
    visitor.tab.add_init_script(
        "Object.defineProperties(Navigator.prototype, {"
        " platform: { get: () => 'MacIntel' }, maxTouchPoints: { get: () => 5 } })"
    )
    visitor.write("/")
    visitor.see("/")
    (event,) = visitor.sent(1)
    assert (event.properties["$os"], event.properties["$device_type"]) == ("iOS", "Tablet")


# --- how it is loaded -----------------------------------------------------------------------------


def test_pinned_twice_and_under_a_strict_policy(visitor: Visitor) -> None:
    origin = f"http://127.0.0.1:{visitor.server.port}"
    tag = script.tag(origin, WRITE_KEY, pinned=True)
    assert "integrity=" in tag
    policy = f"default-src 'none'; img-src data:; script-src {origin}; connect-src {origin}"
    visitor.site.pages["/"] = (
        f"<!doctype html><title>x</title><meta http-equiv='Content-Security-Policy' content=\"{policy}\">"
        f"<link rel='icon' href='data:,'>{tag}{tag}"
    )
    visitor.see("/")
    assert visitor.types(1) == ["page_view"]


def test_through_a_path_of_the_site_itself(visitor: Visitor) -> None:
    """A proxy on the site's own domain: here Playwright plays it."""
    visitor.write("/", options=f"data-host='{visitor.site.url('')}/' data-path='/stats'")
    server = f"http://127.0.0.1:{visitor.server.port}/v1/"

    def pass_on(route: Route) -> None:
        route.fulfill(response=route.fetch(url=server + route.request.url.partition("/stats/")[2]))

    visitor.tab.route("**/stats/*", pass_on)
    visitor.see("/")
    assert visitor.types(1) == ["page_view"]
