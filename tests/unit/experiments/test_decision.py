"""What is made of results: a test a rule, and what must never be shipped."""

from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit.experiments.case import Case, Plan, Reason, Seen, Split
from evensplit.experiments.decision import RULES, Decision, decide
from evensplit.model.metric import Direction, Method
from evensplit.stats.estimate import Interval, NotEnough

PAGE = Path(__file__).parents[3] / "docs" / "verdict.md"

OK = Split("ok", 0.4)
BETTER = Seen(
    metric="bought",
    role="primary",
    direction="up",
    variant="b",
    difference=Interval(0.02, 0.01, 0.03),
    lift=Interval(0.2, 0.1, 0.3),
    p_value=0.001,
)
OPEN = msgspec.structs.replace(
    BETTER, difference=Interval(0.0, -0.01, 0.01), lift=Interval(0.0, -0.1, 0.1), p_value=0.9
)
WORSE = msgspec.structs.replace(
    BETTER, difference=Interval(-0.02, -0.03, -0.01), lift=Interval(-0.2, -0.3, -0.1), p_value=0.001
)
UNKNOWN = Seen(
    metric="bought", role="primary", direction="up", variant="b", unknown=NotEnough("no_variance", "all are 0")
)


def guard(seen: Seen, **change: Any) -> Seen:
    return msgspec.structs.replace(seen, metric="crashes", role="guardrail", **change)


def case(*seen: Seen, **change: Any) -> Case:
    plain = Case(variants=("b",), method="sequential", alpha=0.05, running=True, split=OK, seen=seen)
    return msgspec.structs.replace(plain, **change)


def decided(*seen: Seen, **change: Any) -> Decision:
    found = decide(case(*seen, **change))
    assert found.reasons, "a decision has its reasons"
    for reason in found.reasons:
        assert reason.code and reason.message and isinstance(reason.figures, dict)
    return found


def rule(found: Decision) -> str:
    (variant,) = found.variants
    return variant.rule


def test_a_clear_gain_under_a_sound_split_is_shipped() -> None:
    found = decided(BETTER)
    assert (found.decision, found.variant, rule(found)) == ("ship", "b", "primary_better")
    first = found.reasons[0]
    assert first.message == "b: bought is better (+20 %, interval +10 % to +30 %)"
    assert first.figures == {
        "variant": "b", "metric": "bought", "of": "lift", "estimate": 0.2, "lower": 0.1, "upper": 0.3,
        "p_value": 0.001, "alpha": 0.05,
    }  # fmt: skip
    assert [reason.code for reason in found.reasons] == ["primary_better", "split_ok"]


@pytest.mark.parametrize("running", [True, False])
def test_split_suspect(running: bool) -> None:
    found = decided(BETTER, split=Split("suspect", 1e-9), running=running)
    assert (found.decision, rule(found)) == ("cannot_say", "split_suspect")
    assert found.reasons[0].figures["p_value"] == 1e-9


def test_data_in_doubt() -> None:
    doubt = Reason("pre_exposure_bias", "they differed before", {"p_value": 1e-5})
    found = decided(BETTER, doubts=(doubt,))
    assert (found.decision, rule(found), found.reasons) == ("cannot_say", "data_in_doubt", (doubt,))


def test_no_primary() -> None:
    found = decided(msgspec.structs.replace(BETTER, role="secondary"), guard(OPEN))
    assert (found.decision, rule(found)) == ("cannot_say", "no_primary")


@pytest.mark.parametrize(("running", "outcome"), [(True, "keep_running"), (False, "cannot_say")])
def test_split_unknown(running: bool, outcome: str) -> None:
    split = Split(None, None, None, NotEnough("too_few_users", "4 users"))
    found = decided(BETTER, split=split, running=running)
    assert (found.decision, rule(found)) == (outcome, "split_unknown")
    assert "4 users" in found.reasons[0].message


def test_not_readable_yet() -> None:
    found = decided(BETTER, method="fixed")
    assert (found.decision, rule(found)) == ("keep_running", "not_readable_yet")
    found = decided(BETTER, method="fixed", plan=Plan(1_000, 999))
    assert (found.decision, rule(found)) == ("keep_running", "not_readable_yet")
    assert found.reasons[0].figures == {"planned_users": 1_000, "users": 999}
    assert decided(BETTER, method="fixed", plan=Plan(1_000, 1_000)).decision == "ship"
    assert decided(BETTER, method="fixed", running=False).decision == "ship"
    assert decided(BETTER, method="bayesian").decision == "ship"


def test_guardrail_harmed() -> None:
    found = decided(BETTER, guard(WORSE))
    assert (found.decision, rule(found)) == ("do_not_ship", "guardrail_harmed")
    assert "crashes must not suffer, and it does" in found.reasons[0].message


def test_primary_worse() -> None:
    found = decided(WORSE)
    assert (found.decision, rule(found)) == ("do_not_ship", "primary_worse")
    other = msgspec.structs.replace(BETTER, metric="revenue")
    assert rule(decided(WORSE, other)) == "primary_worse", "a gain elsewhere does not outweigh it"


def test_primary_hopeless() -> None:
    unknown = msgspec.structs.replace(UNKNOWN, unknown=NotEnough("not_binary", "it holds a 2"))
    found = decided(unknown)
    assert (found.decision, rule(found)) == ("cannot_say", "primary_hopeless")
    assert "it holds a 2" in found.reasons[0].message


@pytest.mark.parametrize(("running", "outcome"), [(True, "keep_running"), (False, "cannot_say")])
def test_primary_unknown(running: bool, outcome: str) -> None:
    found = decided(UNKNOWN, running=running)
    assert (found.decision, rule(found)) == (outcome, "primary_unknown")
    assert found.reasons[0].figures["reason"] == "no_variance"


@pytest.mark.parametrize(("running", "outcome"), [(True, "keep_running"), (False, "cannot_say")])
def test_guardrail_open(running: bool, outcome: str) -> None:
    found = decided(BETTER, guard(OPEN, margin=0.05, non_inferior=False), running=running)
    assert (found.decision, rule(found)) == (outcome, "guardrail_open")
    found = decided(BETTER, guard(UNKNOWN), running=running)
    assert (found.decision, rule(found)) == (outcome, "guardrail_open")
    found = decided(OPEN, guard(OPEN, margin=0.05, non_inferior=False), running=running)
    assert rule(found) == "undecided", "the primary metric is what is waited for"


def test_a_guardrail_within_its_margin_is_safe_even_where_it_is_worse() -> None:
    found = decided(BETTER, guard(WORSE, margin=0.5, non_inferior=True))
    assert found.decision == "ship"
    assert [reason.code for reason in found.reasons] == ["primary_better", "guardrail_safe", "split_ok"]
    found = decided(BETTER, guard(OPEN))
    assert (found.decision, found.reasons[1].code) == ("ship", "guardrail_unharmed")


def test_effect_too_small() -> None:
    found = decided(msgspec.structs.replace(OPEN, minimum_effect=0.11))
    assert (found.decision, rule(found)) == ("do_not_ship", "effect_too_small")
    assert found.reasons[0].figures["minimum_effect"] == 0.11
    assert rule(decided(msgspec.structs.replace(OPEN, minimum_effect=0.09))) == "undecided"
    down = msgspec.structs.replace(OPEN, direction="down", lift=Interval(0.0, -0.1, 0.3))
    assert rule(decided(msgspec.structs.replace(down, minimum_effect=0.11))) == "effect_too_small"
    other = msgspec.structs.replace(OPEN, metric="revenue")
    assert rule(decided(msgspec.structs.replace(OPEN, minimum_effect=0.11), other)) == "undecided"


def test_nothing_found() -> None:
    found = decided(OPEN, plan=Plan(1_000, 1_200))
    assert (found.decision, rule(found)) == ("do_not_ship", "nothing_found")
    assert found.reasons[0].figures == {"variant": "b", "planned_users": 1_000, "users": 1_200}


@pytest.mark.parametrize(("running", "outcome"), [(True, "keep_running"), (False, "cannot_say")])
def test_undecided(running: bool, outcome: str) -> None:
    found = decided(OPEN, running=running, plan=Plan(1_000, 500))
    assert (found.decision, rule(found)) == (outcome, "undecided")


def test_a_small_p_value_alone_decides_nothing() -> None:
    across = msgspec.structs.replace(BETTER, difference=Interval(0.02, -0.001, 0.03))
    assert rule(decided(across)) == "undecided"
    assert rule(decided(msgspec.structs.replace(BETTER, p_value=0.06))) == "undecided"


def test_lower_is_better_where_the_metric_says_so() -> None:
    assert decided(msgspec.structs.replace(WORSE, direction="down")).decision == "ship"
    assert decided(msgspec.structs.replace(BETTER, direction="down")).decision == "do_not_ship"


def test_one_sided_intervals_are_open_on_one_side() -> None:
    one_sided = msgspec.structs.replace(BETTER, difference=Interval(0.02, 0.01, None), lift=Interval(0.2, 0.1, None))
    found = decided(one_sided)
    assert found.decision == "ship"
    assert found.reasons[0].message == "b: bought is better (+20 %, interval +10 % to open)"
    other = msgspec.structs.replace(one_sided, difference=Interval(0.02, None, 0.04), lift=Interval(0.2, None, 0.4))
    assert rule(decided(other)) == "undecided"


@pytest.mark.parametrize(("chance", "expected"), [(0.98, "ship"), (0.97, "keep_running"), (0.5, "keep_running")])
def test_beliefs_count_as_chances(chance: float, expected: str) -> None:
    believed = msgspec.structs.replace(BETTER, p_value=None, chance_to_win=chance)
    assert decided(believed, method="bayesian").decision == expected


def test_the_variant_that_gains_most_is_shipped_and_the_other_told() -> None:
    more = msgspec.structs.replace(BETTER, variant="c", lift=Interval(0.4, 0.2, 0.6))
    found = decided(BETTER, more, variants=("b", "c"))
    assert (found.decision, found.variant) == ("ship", "c")
    assert found.reasons[0].figures["variant"] == "c"
    assert [each.decision for each in found.variants] == ["ship", "ship"]


@pytest.mark.parametrize(
    ("b", "c", "expected"),
    [(OPEN, WORSE, "keep_running"), (WORSE, WORSE, "do_not_ship"), (UNKNOWN, BETTER, "ship")],
)
def test_variants_that_come_out_differently(b: Seen, c: Seen, expected: str) -> None:
    found = decided(b, msgspec.structs.replace(c, variant="c"), variants=("b", "c"))
    assert found.decision == expected


def test_notes_are_told_and_decide_nothing() -> None:
    note = Reason("novelty", "it fades", {"slope": -0.1})
    found = decided(BETTER, notes=(note,))
    assert (found.decision, found.reasons[-1]) == ("ship", note)


def test_every_rule_is_documented_in_its_order() -> None:
    page = PAGE.read_text()
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert rows == [rule.name for rule in RULES]
    for each in RULES:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{each.name}`"))
        assert each.running in row and each.ended in row


# --- what must never happen -----------------------------------------------------------------------

ENDS = st.floats(-1, 1)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low, middle, high = sorted(draw(st.tuples(ENDS, ENDS, ENDS)))
    return Interval(middle, draw(st.sampled_from([low, None])), draw(st.sampled_from([high, None])))


@st.composite
def comparisons(draw: st.DrawFn) -> Seen:
    known = draw(st.booleans())
    directions: list[Direction] = ["up", "down"]
    margin = draw(st.none() | st.floats(0.01, 0.5))
    return Seen(
        metric=draw(st.sampled_from("mn")),
        role=draw(st.sampled_from(["primary", "secondary", "guardrail"])),
        direction=draw(st.sampled_from(directions)),
        variant=draw(st.sampled_from("bc")),
        difference=draw(intervals()) if known else None,
        lift=draw(st.none() | intervals()) if known else None,
        p_value=draw(st.none() | st.floats(0, 1)),
        chance_to_win=draw(st.none() | st.floats(0, 1)),
        margin=margin,
        non_inferior=None if margin is None else draw(st.none() | st.booleans()),
        minimum_effect=draw(st.none() | st.floats(0.01, 0.5)),
        unknown=None if known else NotEnough(draw(st.sampled_from(["overflow", "no_variance"])), "why"),
    )


METHODS: list[Method] = ["fixed", "sequential", "bayesian"]
SPLITS: list[Literal["ok", "suspect"] | None] = ["ok", "suspect", None]
CASES = st.builds(
    Case,
    variants=st.just(("b", "c")),
    method=st.sampled_from(METHODS),
    alpha=st.sampled_from([0.01, 0.05, 0.5]),
    running=st.booleans(),
    split=st.builds(Split, st.sampled_from(SPLITS), st.none() | st.floats(0, 1)),
    seen=st.lists(comparisons(), max_size=6).map(tuple),
    plan=st.none() | st.builds(Plan, st.integers(1, 100), st.integers(0, 100)),
    doubts=st.lists(st.just(Reason("d", "d", {})), max_size=1).map(tuple),
)


@given(CASES)
def test_nothing_is_shipped_that_should_not_be(case: Case) -> None:
    found = decide(case)
    assert found.reasons and all(each.reasons for each in found.variants)
    assert (found.variant is not None) == (found.decision == "ship")
    for each in found.variants:
        if each.decision != "ship":
            continue
        assert case.split.verdict == "ok" and not case.doubts
        primaries, guardrails = case.primaries(each.variant), case.guardrails(each.variant)
        assert all(seen.difference is not None for seen in (*primaries, *guardrails))
        for seen in guardrails:
            assert seen.non_inferior or not _leaves_zero_out(seen, case.alpha, worse=True)
        assert any(_leaves_zero_out(seen, case.alpha, worse=False) for seen in primaries)
        assert not any(_leaves_zero_out(seen, case.alpha, worse=True) for seen in primaries)
        if case.method == "fixed" and case.running:
            assert case.plan is not None and case.plan.users <= case.plan.so_far


def _leaves_zero_out(seen: Seen, alpha: float, worse: bool) -> bool:
    """By interval and p value (or chance) together."""
    assert seen.difference is not None
    sure = seen.chance_to_win is not None and not alpha / 2 < seen.chance_to_win < 1 - alpha / 2
    small = seen.chance_to_win is None and seen.p_value is not None and seen.p_value < alpha
    up = (seen.direction == "up") != worse
    low, high = seen.difference.lower, seen.difference.upper
    return (small or sure) and ((low is not None and low > 0) if up else (high is not None and high < 0))
