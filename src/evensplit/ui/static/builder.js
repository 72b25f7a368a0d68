// The builder of a report: controls for the fields of its JSON. What fields there are says `ui/builders.py`.
import { valuesOf } from "./catalogue.js";
import { combobox } from "./combobox.js";
import { add, drop, el, input, keepFocus, select } from "./elements.js";
import { eventControls, eventOf, eventValue } from "./event_choice.js";
import { filters, isComplete, property } from "./filters.js";
import { range } from "./ranges.js";

const NEEDS_PROPERTY = new Set(["sum", "avg", "min", "max", "median", "p90", "p95", "p99", "distinct"]);
const COMPARISONS = [["", "nothing"], ["previous", "the period before"], ["-7d", "a week earlier"], ["-28d", "four weeks earlier"], ["-1y", "a year earlier"]];
const MOST_LETTERS = 26;

// `words`: measures, operators, zones. `changed` is called with nothing after every change of `report`.
export function build(form, builder, report, words, changed) {
  keepFocus(form, () => fill(form, builder, report, words, changed));
}

function fill(form, builder, report, words, changed) {
  const more = el("div", { class: "more-fields" });
  const open = form.querySelector("details")?.open ?? false;
  form.replaceChildren();
  let used = false;
  for (const field of builder.fields) {
    if (field.only && (report[field.only[0]] ?? defaultOf(builder, field.only[0])) !== field.only[1]) continue;
    const box = fieldBox(field, report, words, changed, () => build(form, builder, report, words, changed));
    if (field.more) {
      more.append(box);
      used ||= report[field.name] !== undefined;
    } else form.append(box);
  }
  if (more.childElementCount) {
    form.append(el("details", { open: open || used }, el("summary", {}, "More"), more));
  }
}

function defaultOf(builder, name) {
  return builder.fields.find((field) => field.name === name)?.default;
}

function fieldBox(field, report, words, changed, rebuild) {
  const set = (value) => {
    if (value === undefined || value === null || value === "" || value === (field.default ?? undefined)) delete report[field.name];
    else report[field.name] = value;
    changed();
  };
  const context = { field, report, words, set, changed, rebuild };
  const body = CONTROLS[field.type](context);
  if (field.type === "switch") return el("label", { class: "check" }, body, field.title);
  return el("div", { class: "field", role: "group", "aria-label": field.title },
    el("span", { class: "field-title" }, field.title), body,
    field.hint && !["text", "texts", "value"].includes(field.type) ? el("span", { class: "hint" }, field.hint) : null);
}

// --- events ---------------------------------------------------------------

function eventPart(head, tail) {
  return el("div", { class: "part" }, el("div", { class: "part-head" }, ...head), tail);
}

function seriesPart(series, n, { words, report, field, changed, rebuild }) {
  const list = report[field.name];
  const restart = () => { changed(); rebuild(); };
  const { name, tail } = eventControls(series.event, words, (event) => { series.event = event; changed(); }, rebuild,
    { label: `Event of line ${letter(n)}` });
  const measure = select(`Measure of line ${letter(n)}`, words.measures, series.measure ?? "count", (word) => {
    series.measure = word;
    if (!NEEDS_PROPERTY.has(word)) delete series.property;
    restart();
  });
  const of = NEEDS_PROPERTY.has(series.measure)
    ? property(`Property of line ${letter(n)}`, series.property, (path) => { series.property = path; changed(); }) : null;
  const gone = list.length > 1 ? drop(`Remove line ${letter(n)}`, () => { list.splice(n, 1); restart(); }) : null;
  const part = eventPart([el("span", { class: "letter", "aria-hidden": "true" }, letter(n)), name, gone].filter(Boolean), tail);
  part.insertBefore(of ? el("div", { class: "pair" }, measure, of) : measure, tail);
  return part;
}

function letter(n) {
  return n < MOST_LETTERS ? String.fromCharCode(65 + n) : String(n + 1);
}

function stepPart(step, n, { words, report, field, changed, rebuild }) {
  const list = report[field.name];
  const restart = () => { changed(); rebuild(); };
  const { name, tail } = eventControls(step, words, (event) => { list[n] = event; changed(); }, rebuild, { label: `Step ${n + 1}` });
  const up = n ? el("button", { type: "button", class: "drop", "aria-label": `Step ${n + 1} one up`, title: "One up",
    onclick: () => { list.splice(n - 1, 0, list.splice(n, 1)[0]); restart(); } }, "↑") : null;
  return eventPart([el("span", { class: "letter", "aria-hidden": "true" }, String(n + 1)), name, up,
    drop(`Remove step ${n + 1}`, () => { list.splice(n, 1); restart(); })].filter(Boolean), tail);
}

function exclusionPart(exclusion, n, { words, report, field, changed, rebuild }) {
  const list = report[field.name];
  const restart = () => { changed(); rebuild(); };
  const { name, tail } = eventControls(exclusion.event, words, (event) => { exclusion.event = event; changed(); }, rebuild,
    { label: `Excluded event ${n + 1}` });
  const steps = (report.steps ?? []).map((_, at) => [String(at), `step ${at + 1}`]);
  const whole = (key) => (text) => { exclusion[key] = Number(text); changed(); };
  const part = eventPart([name, drop("Remove it", () => { list.splice(n, 1); if (!list.length) delete report[field.name]; restart(); })], tail);
  part.append(el("div", { class: "pair" },
    select("After", steps, String(exclusion.from ?? 0), whole("from")), select("Before", steps, String(exclusion.to ?? 1), whole("to"))));
  part.append(select("Effect", [["drop", "leaves them out"], ["stop", "ends the attempt"]], exclusion.effect ?? "drop",
    (word) => { exclusion.effect = word; changed(); }));
  return part;
}

function listOf(partOf, label, fresh) {
  return (context) => {
    const { report, field, changed, rebuild } = context;
    const list = report[field.name] ?? [];
    const box = el("div", { class: "field" }, ...list.map((each, n) => partOf(each, n, context)));
    box.append(add(label, () => {
      report[field.name] = [...list, fresh(report)];
      changed();
      rebuild();
    }));
    return box;
  };
}

// --- the other controls ------------------------------------------------------

function breakdown({ report, field, changed, rebuild }) {
  const list = report[field.name] ?? [];
  const restart = () => { if (!list.length) delete report[field.name]; changed(); rebuild(); };
  const rows = list.map((split, n) => el("div", { class: "part-head" },
    property("Split by", split.property, (path) => { split.property = path ?? ""; changed(); }),
    input("Values shown", split.limit ?? 10, (text) => { split.limit = Number(text) || 10; changed(); },
      { type: "number", min: 1, max: 100, style: "max-width: 5rem", title: "How many values are shown; the rest comes together" }),
    drop("Remove it", () => { list.splice(n, 1); restart(); })));
  if (list.length < 3) {
    rows.push(add("property", () => { report[field.name] = [...list, { property: "", limit: 10 }]; changed(); rebuild(); }));
  }
  return el("div", { class: "field" }, ...rows);
}

function compare({ report, set }) {
  const value = report.compare;
  const word = value === undefined || value === null ? "" : value === "previous" ? value : value.shift;
  return select("Compare with", COMPARISONS, word, (chosen) => set(chosen === "" || chosen === "previous" ? chosen : { shift: chosen }));
}

function single({ field, report, words, set, rebuild }) {
  const placeholder = field.name === "return" ? "the same" : field.name === "page_view" ? "page_view, $pageview, …" : "any event";
  const value = report[field.name];
  const { name, tail } = eventControls(value, words, (event) => set(event === "@any" && field.default !== "@any" ? null : event), rebuild,
    { label: field.title, placeholder });
  return eventPart([name], tail);
}

function texts({ field, report, set }) {
  return input(field.title, (report[field.name] ?? []).join(", "), (text) => {
    const list = text.split(",").map((each) => each.trim()).filter(Boolean);
    set(list.length ? list : null);
  }, { placeholder: field.hint });
}

const CONTROLS = {
  series: listOf(seriesPart, "line", () => ({ event: "@any", measure: "count" })),
  events: listOf(stepPart, "step", () => "@any"),
  exclusions: listOf(exclusionPart, "event", () => ({ event: "@any", from: 0, to: 1 })),
  event: single,
  breakdown,
  compare,
  texts,
  range: (context) => range(context.report, context.changed, context.rebuild),
  filters: ({ field, report, words, changed, rebuild }) => {
    const list = report[field.name] ?? (report[field.name] = []);
    return filters(list, words.operators, changed, () => { changed(); rebuild(); }, "filter");
  },
  choice: ({ field, report, set, rebuild }) => select(field.title, field.options, report[field.name] ?? field.default, (word) => { set(word); rebuild(); }),
  whole: ({ field, report, set }) => input(field.title, report[field.name] ?? field.default ?? "", (text) => set(text === "" ? null : Number(text)), { type: "number", min: 1 }),
  text: ({ field, report, set }) => input(field.title, report[field.name] ?? field.default ?? "", set, { placeholder: field.hint ?? "" }),
  value: ({ field, report, set }) => combobox(input(field.title, report[field.name] ?? "", set, { placeholder: field.hint ?? "" }), () => valuesOf(report.by ?? "@event_type")),
  switch: ({ field, report, set }) => el("input", { type: "checkbox", checked: report[field.name] ?? field.default ?? false, onchange: (event) => set(event.target.checked) }),
  property: ({ field, report, set }) => property(field.title, report[field.name] ?? field.default, set),
  zone: ({ field, report, words, set }) => combobox(input(field.title, report[field.name] ?? "UTC", set), () => words.zones),
};

// The report without what is not finished yet, and why it cannot be asked, if so.
export function finished(report, kind) {
  const made = structuredClone(report);
  const fit = (list) => (list ?? []).filter(isComplete);
  const prune = (event) => (event && typeof event === "object" && event.event_type ? eventValue({ ...eventOf(event), filters: fit(event.filters) }) : event);
  made.filters = fit(made.filters);
  if (!made.filters.length) delete made.filters;
  made.breakdown = (made.breakdown ?? []).filter((split) => split.property && split.property.length);
  if (!made.breakdown.length) delete made.breakdown;
  for (const name of ["event", "start", "return", "page_view"]) if (kind !== "paths" && made[name]) made[name] = prune(made[name]);
  if (kind === "funnel") made.steps = (made.steps ?? []).map(prune);
  for (const each of [...(made.series ?? []), ...(made.exclude ?? [])]) each.event = prune(each.event);
  const unknown = (made.series ?? []).findIndex((series) => NEEDS_PROPERTY.has(series.measure) && !series.property);
  let missing = "";
  if (unknown >= 0) missing = `Line ${letter(unknown)} needs a property to look at.`;
  if (kind === "funnel" && made.steps.length < 2) missing = "A funnel needs two steps at least: what people do first, and what they are meant to do then.";
  return { report: made, missing };
}
