"""The pages of experiments: what viewers see, what editors and admins may change, what is shown of results."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from evensplit.model.account import Role
from evensplit.model.experiment import read_new
from tests.unit.ui.conftest import Browser, Site

As = Callable[[Role], Browser]
BUTTON = {
    "name": "button",
    "description": "Green is <b>seen</b> sooner.",
    "variants": [{"name": "control"}, {"name": "green", "payload": {"color": "#0a0"}}],
    "metrics": [
        {"name": "bought", "kind": "proportion", "event": "purchase"},
        {"name": "errors", "kind": "mean", "event": "error", "role": "guardrail", "direction": "down", "margin": 0.1},
    ],
}


@pytest.fixture(scope="module")
def button(site: Site) -> str:
    """An experiment that runs, with twenty users."""
    site.done(site.services.catalog.create(read_new(json.dumps(BUTTON).encode())))
    site.done(site.services.assigner.assign_many("button", [f"user {n}" for n in range(20)]))
    return "/experiments/button"


def made(as_role: As, **changes: Any) -> str:
    """Another experiment, made as the guided creation does."""
    body = json.dumps({**BUTTON, **changes})
    reply = as_role("editor").post("/experiments", {"experiment": body}, headers={"x-evensplit-fragment": "1"})
    assert reply.status_code == 200, reply.text
    location: str = reply.json()["location"]
    return location


def test_the_list_shows_each_experiment_as_text(as_role: As, button: str) -> None:
    page = as_role("viewer").get("/experiments").text
    assert '<a href="/experiments/button"><bdi>button</bdi></a>' in page
    assert "Green is &lt;b&gt;seen&lt;/b&gt; sooner." in page
    assert 'data-standing="/experiments/button/standing"' in page
    assert "New experiment" not in page, "viewers make none"
    assert "/new-experiment" in as_role("editor").get("/experiments").text


def test_what_it_amounts_to_in_a_word(as_role: As, button: str) -> None:
    part = as_role("viewer").get(f"{button}/standing").text
    assert '<data value="20"' in part
    assert re.search(r"keep running|cannot say", part)


def test_results_say_why_a_number_is_unknown(as_role: As, button: str) -> None:
    page = as_role("viewer").get(button).text
    assert 'id="verdict"' in page
    assert page.count('class="unknown why"') >= 1
    assert 'id="guardrail"' in page and 'id="primary"' in page
    assert 'value="0"' not in re.findall(r'data-cell="lift">.*?</td>', page, re.DOTALL)[0]


@pytest.mark.parametrize("method", ["fixed", "sequential", "bayesian"])
def test_the_address_says_how_it_is_weighed(as_role: As, button: str, method: str) -> None:
    page = as_role("viewer").get(f"{button}?method={method}&alpha=0.1&correction=holm&checks=all").text
    assert f'<option value="{method}" selected>' in page
    assert 'name="alpha" value="0.1"' in page
    assert ('<th scope="col">chance to win</th>' in page) == (method == "bayesian")
    assert ('<th scope="col">p adjusted</th>' in page) == (method != "bayesian")


def test_a_wrong_parameter_is_named(as_role: As, button: str) -> None:
    reply = as_role("viewer").get(f"{button}?alpha=2")
    assert reply.status_code == 422
    assert "alpha: must lie between 0 and 1" in reply.text


def test_every_part_of_the_page_answers(as_role: As, button: str) -> None:
    browser = as_role("viewer")
    for part in ("daily?metric=bought", "arrivals", "outlook", "people", "people?variant=green", "history", "setup"):
        reply = browser.get(f"{button}/{part}")
        assert reply.status_code == 200, (part, reply.text)
    assert browser.get(f"{button}?dimension=country").status_code == 200
    assert browser.get(f"{button}/people?variant=blue").status_code == 422
    assert browser.get("/experiments/nothing").status_code == 404


def test_the_people_of_a_variant(as_role: As, site: Site, button: str) -> None:
    stored = site.services.catalog.assignments.page(site.services.catalog.experiment("button").id, 0, 100)
    page = as_role("viewer").get(f"{button}/people?variant=green").text
    shown = set(re.findall(r"<bdi>(user \d+)</bdi>", page))
    green = site.services.catalog.experiment("button").named("green")
    assert green is not None
    assert shown == {each.user_id for _, each in stored if each.variant_id == green.id}
    assert 0 < len(shown) < len(stored)


def test_the_same_again_later(as_role: As, site: Site) -> None:
    path = made(as_role, name="again")
    site.done(site.services.assigner.assign_many("again", [f"early {n}" for n in range(9)]))
    before = as_role("viewer").get(f"{path}?method=fixed").text
    site.done(site.services.assigner.assign_many("again", [f"late {n}" for n in range(5)]))
    found = re.search(r'<dt>as of</dt><dd><a href="([^"]+)">', before)
    assert found
    again = as_role("viewer").get(found[1].replace("&amp;", "&")).text
    assert shown(as_role("viewer").get(f"{path}?method=fixed").text) != shown(before) == shown(again)
    assert '<option value="fixed" selected>' in again


def shown(page: str) -> list[str]:
    """Users by variant and every cell of every metric."""
    return re.findall(r'<tr><th scope="row">.*?</tr>|data-cell="\w+">(?:.*?)</td>', page)


def test_looks_are_logged_and_shown(as_role: As, button: str) -> None:
    as_role("viewer").get(f"{button}?alpha=0.07")
    page = as_role("viewer").get(f"{button}/history").text
    assert "0.07" in page and ">pages<" in page


# --- creating -------------------------------------------------------------------------------------


def test_viewers_change_nothing(as_role: As, button: str) -> None:
    viewer = as_role("viewer")
    assert viewer.get("/new-experiment").status_code == 403
    for path in ("/experiments", f"{button}/move", f"{button}/change", f"{button}/metrics", f"{button}/delete"):
        assert viewer.post(path, {"action": "stop"}).status_code == 403
    assert as_role("editor").post(f"{button}/delete", {"typed": "button"}).status_code == 403


def test_every_fault_comes_with_its_field(as_role: As) -> None:
    body = {
        "name": "",
        "variants": [{"name": "a"}, {"name": "a", "weight": -1}],
        "metrics": [{"name": "m", "kind": "mean"}],
    }
    reply = as_role("editor").post("/new-experiment/check", {"experiment": json.dumps(body)})
    fields = {fault["field"] for fault in reply.json()["faults"]}
    assert {"name", "variants[1].name", "variants[1].weight", "metrics[0].event"} <= fields


def test_a_name_that_is_taken(as_role: As, button: str) -> None:
    reply = as_role("editor").post("/experiments", {"experiment": json.dumps(BUTTON)})
    assert reply.status_code == 409
    assert reply.json()["faults"] == [{"field": "name", "message": "an experiment is named 'button' already"}]


def test_a_draft_is_started_and_stopped(as_role: As, site: Site) -> None:
    path = made(as_role, name="draft one", start=False)
    assert path == "/experiments/draft%20one"
    editor = as_role("editor")
    for action, status in (("start", "running"), ("stop", "stopped"), ("archive", "archived")):
        assert editor.post(f"{path}/move", {"action": action}).status_code == 303
        assert site.services.catalog.experiment("draft one").status == status
    assert editor.post(f"{path}/move", {"action": "start"}).status_code == 409
    assert editor.post(f"{path}/move", {"action": "explode"}).status_code == 422


def test_power_before_there_is_anything(as_role: As) -> None:
    intent = {"metrics": BUTTON["metrics"], "event": "view", "days": 7}
    reply = as_role("editor").post("/new-experiment/power", {"intent": json.dumps(intent)})
    assert reply.status_code == 200
    assert "Unknown" in reply.text
    wrong = as_role("editor").post("/new-experiment/power", {"intent": json.dumps({**intent, "power": 2})})
    assert [fault["field"] for fault in wrong.json()["faults"]] == ["power"]


# --- changing -------------------------------------------------------------------------------------


def rows(*variants: tuple[str, str, str, str]) -> dict[str, Any]:
    names = ("variant", "weight", "payload", "about")
    return {name: [variant[n] for variant in variants] for n, name in enumerate(names)}


def test_weights_texts_and_another_variant(as_role: As, site: Site) -> None:
    path = made(as_role, name="changing")
    form = rows(("control", "3", "", ""), ("green", "1", '{"n": 1.50}', "the green one"), ("blue", "1", "", ""))
    reply = as_role("editor").post(f"{path}/change", {**form, "description": "Another.", "control": "control"})
    assert reply.status_code == 303, reply.text
    now = site.services.catalog.experiment("changing")
    assert [(each.name, each.weight) for each in now.variants] == [("control", 3.0), ("green", 1.0), ("blue", 1.0)]
    assert bytes(now.variants[1].payload) == b'{"n": 1.50}', "digit for digit"
    assert now.description == "Another."
    assert "weights" in as_role("viewer").get(f"{path}/history").text


def test_what_was_typed_is_kept_beside_the_fault(as_role: As) -> None:
    path = made(as_role, name="mistyped")
    reply = as_role("editor").post(f"{path}/change", rows(("control", "much", "", ""), ("green", "1", "{oops", "")))
    assert reply.status_code == 422
    assert "must be a number, is &#39;much&#39;" in reply.text
    assert 'value="much"' in reply.text and 'value="{oops"' in reply.text


def test_other_metrics(as_role: As, site: Site) -> None:
    path = made(as_role, name="measured")
    metrics = [{"name": "sales", "kind": "mean", "event": "purchase", "aggregate": "sum", "property": "revenue"}]
    assert as_role("editor").post(f"{path}/metrics", {"metrics": json.dumps(metrics)}).status_code == 303
    assert [each.name for each in site.services.catalog.experiment("measured").metrics] == ["sales"]
    wrong = as_role("editor").post(f"{path}/metrics", {"metrics": "[{]"})
    assert wrong.status_code == 400 and "[{]" in wrong.text


def test_deleting_needs_the_name(as_role: As, site: Site) -> None:
    path = made(as_role, name="gone soon")
    admin = as_role("admin")
    assert admin.post(f"{path}/delete", {"typed": "gone"}).status_code == 422
    assert admin.post(f"{path}/delete", {"typed": "gone soon"}).status_code == 303
    assert admin.get(path).status_code == 404


def test_odd_names_stay_text(as_role: As) -> None:
    path = made(as_role, name="<!--<script>", variants=[{"name": "a'\"<b>"}, {"name": "b\\<script>"}])
    for part in ("", "/setup", "/people", "/history", "/arrivals"):
        page = as_role("admin").get(path + part)
        assert page.status_code == 200
        assert "<!--<script>" not in page.text and "<b>" not in page.text and "b\\<script>" not in page.text
