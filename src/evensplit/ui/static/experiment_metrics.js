// A metric of an experiment as controls: what its kind has, the rest folded away. What is wrong with it says the server.
import { sentProperties } from "./catalogue.js";
import { combobox } from "./combobox.js";
import { add, drop, el, input, select } from "./elements.js";
import { eventInput } from "./event_choice.js";
import { filters, isComplete } from "./filters.js";

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

// `form`: operators, and what is called after a change (`changed`), or where other controls are needed (`rebuild`).
export function metricPart(state, n, form) {
  const metric = state.metrics[n], at = `metrics[${n}]`, { changed, rebuild } = form;
  const head = el("div", { class: "part-head" }, el("span", { class: "letter" }, String(n + 1)), el("strong", {}, metric.name || "a metric"), el("span", { class: "grow" }),
    drop(`Remove metric ${n + 1}`, () => { state.metrics.splice(n, 1); changed(); rebuild(); }));
  return el("fieldset", { class: "part", "data-path": at }, head,
    el("div", { class: "columns" },
      field("Name", `${at}.name`, text(metric, "name", changed, { maxLength: 200 })),
      field("What it is", `${at}.kind`, choice(metric, "kind", KINDS, changed, rebuild)),
      field("Its part", `${at}.role`, choice(metric, "role", ROLES, changed, rebuild)),
      field("Direction", `${at}.direction`, choice(metric, "direction", DIRECTIONS, changed))),
    ...ofKind(metric, at, form),
    more(metric, at, changed));
}

function ofKind(metric, at, form) {
  const { changed } = form, number = (name, placeholder) => text(metric, name, changed, { inputMode: "decimal", placeholder });
  switch (metric.kind) {
    case "recorded": return [columns(field("Read as", `${at}.as`, choice(metric, "as", [["", "by its values"], ["mean", "a number"], ["proportion", "a share"]], changed)),
      el("p", { class: "hint" }, "Values are sent to /v1/metrics under this name."))];
    case "mean": return side(metric, at, "", form);
    case "ratio":
      metric.numerator ??= {};
      metric.denominator ??= {};
      return [...side(metric.numerator, `${at}.numerator`, "Above: ", form), ...side(metric.denominator, `${at}.denominator`, "Below: ", form)];
    case "quantile": return happening(metric, at, "", form, propertyField(metric, at, "", changed),
      field("Quantile", `${at}.q`, number("q", "0.9"), "between 0 and 1"));
    case "retention": return happening(metric, at, "", form, field("From day", `${at}.from_days`, number("from_days", "1")),
      field("To day", `${at}.to_days`, number("to_days", "8"), "after the assignment; the last one excluded"));
    case "funnel": return steps(metric, at, form);
    default: return happening(metric, at, "", form);
  }
}

function columns(...fields) {
  return el("div", { class: "columns" }, ...fields);
}

function propertyField(object, at, before, changed) {
  return field(`${before}Property`, `${at}.property`, combobox(text(object, "property", changed), sentProperties));
}

// An event with what else is asked of it, and conditions on its properties below.
function happening(object, at, before, form, ...others) {
  return [columns(field(`${before}Event`, `${at}.event`, eventText(object, form.changed)), ...others), conditions(object, `${at}.event`, form)];
}

function eventText(object, changed) {
  return eventInput(null, object.event, (value) => { object.event = value; changed(); }, { oninput: (event) => { object.event = event.target.value; changed(); } });
}

function conditions(object, at, { operators, changed, rebuild }) {
  object.filters ??= [];
  const box = filters(object.filters, operators, changed, () => { changed(); rebuild(); }, "where");
  box.dataset.path = `${at}.filters`;
  return box;
}

function side(object, at, before, form) {
  const others = [field(`${before}What of it`, `${at}.aggregate`, choice(object, "aggregate", AGGREGATES, form.changed, form.rebuild))];
  if ((object.aggregate ?? "count") !== "count") others.push(propertyField(object, at, before, form.changed));
  return happening(object, at, before, form, ...others);
}

function steps(metric, at, form) {
  metric.steps ??= [{}, {}];
  const rows = metric.steps.map((step, n) => el("div", { class: "step" },
    field(`Step ${n + 1}`, `${at}.steps[${n}]`, eventText(step, form.changed)), conditions(step, `${at}.steps[${n}]`, form),
    metric.steps.length > 2 ? drop(`Remove step ${n + 1}`, () => { metric.steps.splice(n, 1); form.changed(); form.rebuild(); }) : null));
  return [el("div", { class: "columns" }, ...rows), add("step", () => { metric.steps.push({}); form.changed(); form.rebuild(); })];
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

// A bare name, or a name with conditions.
function eventOf(object) {
  const name = named(object.event);
  return object.filters?.length ? { event_type: name ?? "@any", filters: object.filters } : name;
}

function sideOf(object) {
  const aggregate = object.aggregate || "count";
  return { event: eventOf(object), aggregate, property: aggregate === "count" ? undefined : named(object.property) };
}

export function metricOf(metric) {
  const kind = metric.kind;
  const found = { name: metric.name.trim(), kind, role: metric.role, direction: metric.direction, margin: numberOf(metric.margin), minimum_effect: numberOf(metric.minimum_effect) };
  if (!SPANLESS.has(kind)) Object.assign(found, { window_hours: numberOf(metric.window_hours), delay_hours: numberOf(metric.delay_hours) });
  if (COVARIES.has(kind)) found.covariate_days = numberOf(metric.covariate_days);
  if ((kind === "mean" || kind === "recorded") && named(metric.cap_quantile)) found.cap = { upper_quantile: numberOf(metric.cap_quantile) };
  if (kind === "proportion") found.event = eventOf(metric);
  else if (kind === "mean") Object.assign(found, sideOf(metric));
  else if (kind === "ratio") Object.assign(found, { numerator: sideOf(metric.numerator ?? {}), denominator: sideOf(metric.denominator ?? {}) });
  else if (kind === "quantile") Object.assign(found, { event: eventOf(metric), property: named(metric.property), q: numberOf(metric.q) });
  else if (kind === "retention") Object.assign(found, { event: eventOf(metric), from_days: numberOf(metric.from_days), to_days: numberOf(metric.to_days) });
  else if (kind === "funnel") found.steps = (metric.steps ?? []).map((step) => eventOf(step) ?? "");
  else if (kind === "recorded" && metric.as) found.as = metric.as;
  return found;
}

// Conditions that are not filled in would mean something else than was meant; they are faults here.
export function conditionFaults(metrics) {
  const found = [];
  const look = (object, at) => {
    if (object?.filters && !object.filters.every(isComplete)) found.push({ field: `${at}.filters`, message: "each needs a property and a value; take away what is not meant" });
  };
  metrics.forEach((metric, n) => {
    const at = `metrics[${n}]`;
    if (metric.kind === "ratio") for (const name of ["numerator", "denominator"]) look(metric[name], `${at}.${name}.event`);
    else if (metric.kind === "funnel") metric.steps?.forEach((step, place) => look(step, `${at}.steps[${place}]`));
    else if (metric.kind !== "recorded") look(metric, `${at}.event`);
  });
  return found;
}

// What a metric counts, shortly.
export function eventsOf(metric) {
  const one = (object) => [named(object?.event) ?? "?", ...(object?.filters?.length ? [`with ${object.filters.length} condition${object.filters.length === 1 ? "" : "s"}`] : [])].join(" ");
  if (metric.kind === "recorded") return "";
  if (metric.kind === "ratio") return `: ${one(metric.numerator)} / ${one(metric.denominator)}`;
  return `: ${metric.kind === "funnel" ? (metric.steps ?? []).map(one).join(", ") : one(metric)}`;
}
