"""What an experiment's results amount to: ship, do not ship, keep running, or nothing can be said; and why.

`RULES` is the whole of it: for each variant the first rule that holds decides, and `docs/verdict.md` names them in the
same order. No rule looks at a p value alone. Not here: the numbers, or one metric's verdict (`verdict`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments.case import Case, Reason, Seen

Outcome: TypeAlias = Literal["ship", "do_not_ship", "keep_running", "cannot_say"]

# Where variants come out differently, the experiment is what comes first here.
STRONGEST: tuple[Outcome, ...] = ("ship", "keep_running", "cannot_say", "do_not_ship")


class VariantDecision(msgspec.Struct, frozen=True):
    """What follows for one variant, and which rule says so."""

    variant: str
    decision: Outcome
    rule: str
    reasons: tuple[Reason, ...]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """`variant`: which one to ship. `reasons` are those of the variants that decided, then what else one should know;
    each with the figures behind it."""

    decision: Outcome
    variant: str | None
    reasons: tuple[Reason, ...]
    variants: tuple[VariantDecision, ...]


class Rule(msgspec.Struct, frozen=True):
    """`reasons` says why the rule holds for a variant; empty where it does not. What follows depends on whether the
    experiment is still running."""

    name: str
    reasons: Callable[[Case, str], Sequence[Reason]]
    running: Outcome
    ended: Outcome


def decide(case: Case) -> Decision:
    """At least one variant beside the control."""
    variants = tuple(_of(case, variant) for variant in case.variants)
    outcomes = {each.decision for each in variants}
    outcome: Outcome = next((each for each in STRONGEST if each in outcomes), "cannot_say")
    speaking = [each for each in variants if each.decision == outcome]
    chosen = None
    if outcome == "ship":
        chosen = max(speaking, key=lambda each: _gain(case, each.variant)).variant
        speaking.sort(key=lambda each: each.variant != chosen)
    told = {(reason.code, reason.message): reason for each in speaking for reason in each.reasons}  # each once
    return Decision(
        decision=outcome,
        variant=chosen,
        reasons=(*told.values(), *case.notes),
        variants=variants,
    )


def _of(case: Case, variant: str) -> VariantDecision:
    for rule in RULES:
        reasons = tuple(rule.reasons(case, variant))
        if reasons:
            return VariantDecision(variant, rule.running if case.running else rule.ended, rule.name, reasons)
    raise AssertionError("the last rule always holds")


def _gain(case: Case, variant: str) -> float:
    """Of the first primary metric that is better: how much, in the direction that is good."""
    for seen in case.primaries(variant):
        if case.state(seen) == "better" and seen.difference is not None:
            effect = seen.difference if seen.lift is None else seen.lift
            return effect.estimate if seen.direction == "up" else -effect.estimate
    return 0.0


# --- rules that no variant escapes ----------------------------------------------------------------


def _split_suspect(case: Case, variant: str) -> list[Reason]:
    if case.split.verdict != "suspect":
        return []
    message = "the users are not split as the weights ask, so no difference between the variants can be trusted"
    return [Reason("split_suspect", message, case.split.figures)]


def _in_doubt(case: Case, variant: str) -> Sequence[Reason]:
    return case.doubts


def _no_primary(case: Case, variant: str) -> list[Reason]:
    if case.primaries(variant):
        return []
    return [Reason("no_primary", "no metric is primary: nothing was said beforehand that would decide", {})]


def _split_unknown(case: Case, variant: str) -> list[Reason]:
    if case.split.verdict is not None:
        return []
    why = "" if case.split.unknown is None else f": {case.split.unknown.message}"
    message = f"whether the users are split as the weights ask cannot be checked{why}"
    return [Reason("split_unknown", message, case.split.figures)]


def _too_early(case: Case, variant: str) -> list[Reason]:
    plan = case.plan
    if case.method != "fixed" or not case.running or (plan is not None and plan.reached):
        return []
    if plan is None:
        message = "a fixed test is read once, at its end, and the experiment is running: stop it, or ask sequentially"
        return [Reason("not_readable_yet", message, {})]
    message = f"a fixed test is read once, with all of the {plan.users:,} planned users; {plan.so_far:,} have come"
    return [Reason("not_readable_yet", message, plan.figures)]


# --- rules about one variant ----------------------------------------------------------------------


def _harmed(case: Case, variant: str) -> list[Reason]:
    return [
        _reason("guardrail_harmed", case, seen, f"{seen.metric} must not suffer, and it does")
        for seen in case.guardrails(variant)
        if case.guarded(seen) == "harmed"
    ]


def _worse(case: Case, variant: str) -> list[Reason]:
    return [
        _reason("primary_worse", case, seen, f"{seen.metric} is worse")
        for seen in case.primaries(variant)
        if case.state(seen) == "worse"
    ]


def _hopeless(case: Case, variant: str) -> list[Reason]:
    return [_unknown("primary_unknown", seen) for seen in case.primaries(variant) if seen.is_hopeless]


def _unknown_yet(case: Case, variant: str) -> list[Reason]:
    unknown = [seen for seen in case.primaries(variant) if case.state(seen) == "unknown"]
    return [_unknown("primary_unknown", seen) for seen in unknown]


def _unguarded(case: Case, variant: str) -> list[Reason]:
    """Only where the guardrails are all that is missing: else the primary metrics are still to be waited for."""
    if not _better(case, variant):
        return []
    found = []
    for seen in case.guardrails(variant):
        if case.guarded(seen) == "unknown":
            found.append(_unknown("guardrail_unknown", seen))
        elif case.guarded(seen) == "open":
            found.append(_reason("guardrail_open", case, seen, f"{seen.metric} may still suffer beyond its margin"))
    return found


def _won(case: Case, variant: str) -> list[Reason]:
    better = _better(case, variant)
    if not better:
        return []
    undecided = {seen.metric for seen in case.primaries(variant) if case.state(seen) == "open"}
    found = [_reason("primary_better", case, seen, f"{seen.metric} is better") for seen in better]
    found += [each for each in _open(case, variant) if each.figures["metric"] in undecided]
    for seen in case.guardrails(variant):
        if case.guarded(seen) == "safe":
            found.append(_reason("guardrail_safe", case, seen, f"{seen.metric} has not suffered beyond its margin"))
        else:
            text = f"{seen.metric} shows no harm; without a margin nothing more can be said"
            found.append(_reason("guardrail_unharmed", case, seen, text))
    found.append(Reason("split_ok", "the users are split as the weights ask", case.split.figures))
    return found


def _too_small(case: Case, variant: str) -> list[Reason]:
    """Of every primary metric: an effect that would be worth it is ruled out."""
    primaries = case.primaries(variant)
    if not all(case.is_too_small(seen) for seen in primaries):
        return []
    return [
        _reason(
            "effect_too_small",
            case,
            seen,
            f"{seen.metric}: an improvement of {seen.minimum_effect:.3g} or more, the least that would matter, "
            "is ruled out",
        )
        for seen in primaries
    ]


def _nothing_found(case: Case, variant: str) -> list[Reason]:
    plan = case.plan
    if plan is None or not plan.reached:
        return []
    message = f"all of the {plan.users:,} planned users have come, and no primary metric is better"
    return [
        Reason("nothing_found", message, {"variant": variant, **plan.figures}),
        *(_reason("primary_open", case, seen, seen.metric) for seen in case.primaries(variant)),
    ]


def _open(case: Case, variant: str) -> list[Reason]:
    return [
        _reason("primary_open", case, seen, f"{seen.metric} shows no difference so far")
        for seen in case.primaries(variant)
    ]


RULES: tuple[Rule, ...] = (
    Rule("split_suspect", _split_suspect, "cannot_say", "cannot_say"),
    Rule("data_in_doubt", _in_doubt, "cannot_say", "cannot_say"),
    Rule("no_primary", _no_primary, "cannot_say", "cannot_say"),
    Rule("split_unknown", _split_unknown, "keep_running", "cannot_say"),
    Rule("not_readable_yet", _too_early, "keep_running", "cannot_say"),
    Rule("guardrail_harmed", _harmed, "do_not_ship", "do_not_ship"),
    Rule("primary_worse", _worse, "do_not_ship", "do_not_ship"),
    Rule("primary_hopeless", _hopeless, "cannot_say", "cannot_say"),
    Rule("primary_unknown", _unknown_yet, "keep_running", "cannot_say"),
    Rule("guardrail_open", _unguarded, "keep_running", "cannot_say"),
    Rule("primary_better", _won, "ship", "ship"),
    Rule("effect_too_small", _too_small, "do_not_ship", "do_not_ship"),
    Rule("nothing_found", _nothing_found, "do_not_ship", "do_not_ship"),
    Rule("undecided", _open, "keep_running", "cannot_say"),
)


# --- in words -------------------------------------------------------------------------------------


def _better(case: Case, variant: str) -> list[Seen]:
    return [seen for seen in case.primaries(variant) if case.state(seen) == "better"]


def _unknown(code: str, seen: Seen) -> Reason:
    why = f": {seen.unknown.message}" if seen.unknown else ""
    figures = {"variant": seen.variant, "metric": seen.metric, "reason": seen.unknown.reason if seen.unknown else None}
    return Reason(code, f"{seen.metric} of {seen.variant} is not known{why}", figures)


def _reason(code: str, case: Case, seen: Seen, text: str) -> Reason:
    return Reason(code, f"{seen.variant}: {text} ({_effect(case, seen)})", _figures(case, seen))


def _effect(case: Case, seen: Seen) -> str:
    """`+4.2 %, interval +1.1 % to +7.3 %`; the difference where there is no lift."""
    effect, unit = (seen.lift, "%") if seen.lift is not None else (seen.difference, "")
    if effect is None:
        return "no effect is known"
    scale, unit = (100, " %") if unit else (1, "")
    ends = [
        "open" if end is None else f"{scale * end:+.3g}{unit}" for end in (effect.lower, effect.upper)
    ]  # one-sided questions leave an end open
    return f"{scale * effect.estimate:+.3g}{unit}, interval {ends[0]} to {ends[1]}"


def _figures(case: Case, seen: Seen) -> Mapping[str, float | str | None]:
    effect = seen.lift or seen.difference
    figures: dict[str, float | str | None] = {
        "variant": seen.variant,
        "metric": seen.metric,
        "of": None if effect is None else "lift" if seen.lift is not None else "difference",
        "estimate": None if effect is None else effect.estimate,
        "lower": None if effect is None else effect.lower,
        "upper": None if effect is None else effect.upper,
        "alpha": case.alpha,
    }
    if seen.p_value is not None:
        figures["p_value"] = seen.p_value
    if seen.chance_to_win is not None:
        figures["chance_to_win"] = seen.chance_to_win
    if seen.margin is not None:
        figures["margin"] = seen.margin
    if seen.minimum_effect is not None:
        figures["minimum_effect"] = seen.minimum_effect
    return figures
