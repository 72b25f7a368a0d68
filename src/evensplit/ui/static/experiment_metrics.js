// A metric of an experiment as controls: what its kind has, the rest folded away. What is wrong with it says the server.
import { add, drop, el, input, select } from "./elements.js";

const KINDS = [
  ["proportion", "share of users with an event"], ["mean", "number a user"], ["ratio", "one number over another"],
  ["retention", "share of users who come back"], ["funnel", "share of users who do all steps"],
  ["quantile", "quantile of a property"], ["recorded", "values sent by a program"],
];
const ROLES = [["primary", "decides"], ["guardrail", "must not suffer"], ["secondary", "is looked at"]];
const DIRECTIONS = [["up", "higher is better"], ["down", "lower is better"]];
const AGGREGATES = [["count", "how many"], ["sum", "sum of"], ["avg", "average of"], ["max", "greatest"], ["min", "least"], ["distinct", "different values of"]];
const SPANLESS = new Set(["retention"]);
const COVARIES = new Set(["proportion", "mean", "ratio"]);

export const fresh = () => ({ name: "", kind: "proportion", role: "primary", direction: "up", event: "" });

// A number where the text is one; else the text itself, for the server to say what is wrong with it.
export function numberOf(text) {
  const trimmed = String(text ?? "").trim();
  if (!trimmed) return undefined;
  return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

// A labelled control whose faults are shown beside it. `path`: what the server calls it.
export function field(title, path, control, hint) {
  return el("label", { class: "field", "data-path": path }, el("span", { class: "field-title" }, title), control, hint ? el("span", { class: "hint" }, hint) : null);
}

function text(object, name, changed, props = {}) {
  return input(null, object[name] ?? "", (value) => { object[name] = value; changed(); }, { oninput: (event) => { object[name] = event.target.value; changed(); }, ...props });
}

function choice(object, name, options, changed, rebuild) {
  return select(null, options, object[name] ?? options[0][0], (word) => { object[name] = word; changed(); if (rebuild) rebuild(); });
}

export function metricPart(state, n, changed, rebuild) {
  const metric = state.metrics[n], at = `metrics[${n}]`;
  const head = el("div", { class: "part-head" }, el("span", { class: "letter" }, String(n + 1)), el("strong", {}, metric.name || "a metric"), el("span", { class: "grow" }),
    drop(`Remove metric ${n + 1}`, () => { state.metrics.splice(n, 1); changed(); rebuild(); }));
  return el("fieldset", { class: "part", "data-path": at }, head,
    el("div", { class: "columns" },
      field("Name", `${at}.name`, text(metric, "name", changed, { maxLength: 200 })),
      field("What it is", `${at}.kind`, choice(metric, "kind", KINDS, changed, rebuild)),
      field("Its part", `${at}.role`, choice(metric, "role", ROLES, changed, rebuild)),
      field("Direction", `${at}.direction`, choice(metric, "direction", DIRECTIONS, changed))),
    el("div", { class: "columns" }, ...ofKind(metric, at, changed, rebuild)),
    more(metric, at, changed));
}

function ofKind(metric, at, changed, rebuild) {
  const event = () => field("Event", `${at}.event`, text(metric, "event", changed, { list: "event-names" }));
  const property = (hint) => field("Property", `${at}.property`, text(metric, "property", changed, { list: "property-names" }), hint);
  switch (metric.kind) {
    case "recorded": return [field("Read as", `${at}.as`, choice(metric, "as", [["", "by its values"], ["mean", "a number"], ["proportion", "a share"]], changed)),
      el("p", { class: "hint" }, "Values are sent to /v1/metrics under this name.")];
    case "mean": return side(metric, at, "", changed, rebuild);
    case "ratio":
      metric.numerator ??= {};
      metric.denominator ??= {};
      return [...side(metric.numerator, `${at}.numerator`, "Above: ", changed, rebuild), ...side(metric.denominator, `${at}.denominator`, "Below: ", changed, rebuild)];
    case "quantile": return [event(), property(), field("Quantile", `${at}.q`, text(metric, "q", changed, { inputMode: "decimal", placeholder: "0.9" }), "between 0 and 1")];
    case "retention": return [event(), field("From day", `${at}.from_days`, text(metric, "from_days", changed, { inputMode: "decimal", placeholder: "1" })),
      field("To day", `${at}.to_days`, text(metric, "to_days", changed, { inputMode: "decimal", placeholder: "8" }), "after the assignment; the last one excluded")];
    case "funnel": return steps(metric, at, changed, rebuild);
    default: return [event()];
  }
}

function side(object, at, before, changed, rebuild) {
  const found = [field(`${before}Event`, `${at}.event`, text(object, "event", changed, { list: "event-names" })),
    field(`${before}What of it`, `${at}.aggregate`, choice(object, "aggregate", AGGREGATES, changed, rebuild))];
  if ((object.aggregate ?? "count") !== "count") {
    found.push(field(`${before}Property`, `${at}.property`, text(object, "property", changed, { list: "property-names" })));
  }
  return found;
}

function steps(metric, at, changed, rebuild) {
  metric.steps ??= ["", ""];
  const rows = metric.steps.map((step, n) => field(`Step ${n + 1}`, `${at}.steps[${n}]`,
    input(null, step, (value) => { metric.steps[n] = value; changed(); }, { list: "event-names", oninput: (event) => { metric.steps[n] = event.target.value; changed(); } })));
  return [...rows, add("step", () => { metric.steps.push(""); changed(); rebuild(); })];
}

function more(metric, at, changed) {
  const number = (title, name, placeholder, hint) => field(title, `${at}.${name}`, text(metric, name, changed, { inputMode: "decimal", placeholder }), hint);
  const fields = [number("Least effect worth having", "minimum_effect", "0.05", "a lift; 0.05 is five in a hundred"),
    number("Margin", "margin", "0.02", "how much worse is still good enough; for guardrails")];
  if (!SPANLESS.has(metric.kind)) {
    fields.push(number("Window, hours", "window_hours", "no end", "how long after the assignment events count"), number("Delay, hours", "delay_hours", "0", "what happens earlier does not count"));
  }
  if (COVARIES.has(metric.kind)) fields.push(number("Covariate, days before", "covariate_days", "none", "what users did before takes noise out (CUPED)"));
  if (metric.kind === "mean" || metric.kind === "recorded") {
    fields.push(number("Cap at a quantile", "cap_quantile", "0.99", "what is above counts as if it were there"));
  }
  const used = ["minimum_effect", "margin", "window_hours", "delay_hours", "covariate_days", "cap_quantile"].some((name) => metric[name]);
  return el("details", { open: used }, el("summary", {}, "More: windows, caps, covariate, margin"), el("div", { class: "columns" }, ...fields));
}

// --- as the server reads it -----------------------------------------------

const named = (value) => (value ?? "").trim() || undefined;

function sideOf(object) {
  const aggregate = object.aggregate || "count";
  return { event: named(object.event), aggregate, property: aggregate === "count" ? undefined : named(object.property) };
}

export function metricOf(metric) {
  const kind = metric.kind;
  const found = { name: metric.name.trim(), kind, role: metric.role, direction: metric.direction, margin: numberOf(metric.margin), minimum_effect: numberOf(metric.minimum_effect) };
  if (!SPANLESS.has(kind)) Object.assign(found, { window_hours: numberOf(metric.window_hours), delay_hours: numberOf(metric.delay_hours) });
  if (COVARIES.has(kind)) found.covariate_days = numberOf(metric.covariate_days);
  if ((kind === "mean" || kind === "recorded") && named(metric.cap_quantile)) found.cap = { upper_quantile: numberOf(metric.cap_quantile) };
  if (kind === "proportion") found.event = named(metric.event);
  else if (kind === "mean") Object.assign(found, sideOf(metric));
  else if (kind === "ratio") Object.assign(found, { numerator: sideOf(metric.numerator ?? {}), denominator: sideOf(metric.denominator ?? {}) });
  else if (kind === "quantile") Object.assign(found, { event: named(metric.event), property: named(metric.property), q: numberOf(metric.q) });
  else if (kind === "retention") Object.assign(found, { event: named(metric.event), from_days: numberOf(metric.from_days), to_days: numberOf(metric.to_days) });
  else if (kind === "funnel") found.steps = (metric.steps ?? []).map((step) => step.trim());
  else if (kind === "recorded" && metric.as) found.as = metric.as;
  return found;
}
