// A new experiment, step by step. What was typed is kept for as long as the tab is open; what is wrong says the server.
import { load } from "./catalogue.js";
import { drawAll } from "./chart.js";
import { add, drop, el, input, keepFocus, select } from "./elements.js";
import { eventInput } from "./event_choice.js";
import { conditionFaults, eventsOf, field, fresh, metricOf, metricPart, numberOf } from "./experiment_metrics.js";
import { formToken, fragment, say } from "./shell.js";

const KEPT = "evensplit-new-experiment-2"; // its number changes with the shape of what is kept
const STEPS = [
  { id: "hypothesis", title: "Hypothesis", owns: /^(name|description)\b/, draw: hypothesis },
  { id: "variants", title: "Variants", owns: /^(variants|control)\b/, draw: variants },
  { id: "metrics", title: "Metrics", owns: /^metrics\b/, draw: metrics },
  { id: "power", title: "How long", owns: /^(event|filters|days|minimum_effect|power|alpha|max_days)\b/, draw: power },
  { id: "review", title: "Review", owns: /^/, draw: review },
];
const METHODS = [["sequential", "sequential: may be looked at any time"], ["fixed", "fixed: read once, at the end"], ["bayesian", "bayesian: chances instead of p values"]];

const operators = JSON.parse(document.getElementById("operators").textContent);
const guide = document.getElementById("guide"), tabs = document.getElementById("steps");
let state = kept() ?? blank();
let faults = [];

function blank() {
  return {
    name: "", description: "", control: 0, method: "sequential",
    variants: [{ name: "control", weight: "1", payload: "", description: "" }, { name: "treatment", weight: "1", payload: "", description: "" }],
    metrics: [fresh()],
    power: { event: "", days: "28", minimum_effect: "0.05", power: "0.8", max_days: "90" },
  };
}

function kept() {
  try { return JSON.parse(sessionStorage.getItem(KEPT)); } catch { return null; }
}

function changed() {
  try { sessionStorage.setItem(KEPT, JSON.stringify(state)); } catch { /* it then lasts for this page */ }
}

// --- steps ----------------------------------------------------------------

function here() {
  return STEPS.find((step) => `#${step.id}` === location.hash) ?? STEPS[0];
}

function show() {
  const step = here(), n = STEPS.indexOf(step);
  tabs.replaceChildren(...STEPS.map((each, place) => el("a", { href: `#${each.id}`, "aria-current": each === step ? "step" : null }, `${place + 1}. ${each.title}`)));
  guide.replaceChildren(el("div", { id: "step-fault", "data-path": "" }), ...step.draw(), el("p", { class: "row end" },
    n ? el("a", { class: "button", href: `#${STEPS[n - 1].id}` }, "Back") : null,
    n < STEPS.length - 1 ? el("button", { type: "submit", class: "primary" }, "Next") : null));
  mark(step);
}

// Each fault beside what it is about; what belongs nowhere stands on top of the step.
function mark(step) {
  for (const fault of faults.filter((each) => step.owns.test(each.field) || !each.field)) {
    const box = nearest(fault.field) ?? guide.querySelector("#step-fault");
    const note = el("span", { class: "field-fault", role: "alert" }, box.id === "step-fault" && fault.field ? `${fault.field}: ${fault.message}` : fault.message);
    const control = box.matches("label") ? box.querySelector("input, select, textarea") : null;
    if (control) control.setAttribute("aria-invalid", "true");
    box.append(note);
  }
}

function nearest(path) {
  for (let at = path; at; at = at.replace(/(\.[^.[]*|\[[^\]]*\])$|^[^.[]*$/, "")) {
    const box = guide.querySelector(`[data-path="${CSS.escape(at)}"]`);
    if (box) return box;
  }
  return null;
}

guide.addEventListener("submit", async (event) => {
  event.preventDefault();
  const step = here();
  if (step.id === "review") return;
  faults = (await asked("/new-experiment/check", "experiment", body(false))).faults ?? [];
  localFaults();
  if (faults.some((fault) => step.owns.test(fault.field))) show();
  else location.hash = `#${STEPS[STEPS.indexOf(step) + 1].id}`;
});

// --- what the steps hold ----------------------------------------------------

function text(object, name, props = {}) {
  return input(null, object[name] ?? "", () => {}, { oninput: (event) => { object[name] = event.target.value; changed(); }, ...props });
}

function hypothesis() {
  const about = el("textarea", { rows: 4, class: "prose", value: state.description, placeholder: "A green button is seen sooner, so that more of those who look also buy.",
    oninput: (event) => { state.description = event.target.value; changed(); } });
  return [el("h2", {}, "What do you believe?"),
    field("Name", "name", text(state, "name", { maxLength: 200, placeholder: "green-button" }), "Programs ask for it by this name."),
    field("Hypothesis", "description", about, "What is changed, for whom, what will move and why.")];
}

function variants() {
  const rows = state.variants.map((variant, n) => el("fieldset", { class: "part", "data-path": `variants[${n}]` },
    el("div", { class: "part-head" }, el("span", { class: "letter" }, String(n + 1)), el("label", { class: "check" },
      el("input", { type: "radio", name: "control", checked: state.control === n, onchange: () => { state.control = n; changed(); } }), "control"), el("span", { class: "grow" }),
      state.variants.length > 2 ? drop(`Remove variant ${n + 1}`, () => { state.variants.splice(n, 1); state.control = Math.min(state.control, state.variants.length - 1); changed(); show(); }) : null),
    el("div", { class: "columns" },
      field("Name", `variants[${n}].name`, text(variant, "name", { maxLength: 200 })),
      field("Weight", `variants[${n}].weight`, text(variant, "weight", { inputMode: "decimal" })),
      field("Payload", `variants[${n}].payload`, text(variant, "payload", { placeholder: '{"color": "green"}', class: "code" }), "JSON that the program is given"),
      field("Description", `variants[${n}].description`, text(variant, "description")))));
  return [el("h2", {}, "What do users see?"), el("div", { class: "stack", "data-path": "variants" }, ...rows),
    add("variant", () => { state.variants.push({ name: "", weight: "1", payload: "", description: "" }); changed(); show(); }),
    el("p", { class: "hint" }, "Weights are shares of any sum: 1 and 1 are halves, 9 and 1 a tenth. The others are compared with the control.")];
}

function metrics() {
  return [el("h2", {}, "What decides?"), el("div", { class: "stack", "data-path": "metrics" }, ...state.metrics.map((_, n) => metricPart(state, n, { operators, changed, rebuild: () => keepFocus(guide, show) }))),
    add("metric", () => { state.metrics.push(fresh()); changed(); show(); }),
    el("p", { class: "hint" }, "One metric that decides is best: each further one makes all of them wait longer.")];
}

function power() {
  const aim = state.power;
  const out = el("div", { id: "power-answer", "aria-live": "polite" });
  const ask = el("button", { type: "button", id: "ask-power", onclick: () => measure(out, ask) }, "Work it out");
  return [el("h2", {}, "How long will it take?"), el("p", { class: "hint" }, "Worked out from what your users did before, as if the experiment had run then."),
    el("div", { class: "columns" },
      field("Users come in by", "event", eventInput(null, aim.event, (name) => { aim.event = name; changed(); }, { placeholder: "any event" }), "the event at which a program asks for the variant"),
      field("Lift to be found", "minimum_effect", text(aim, "minimum_effect", { inputMode: "decimal" }), "0.05 is five in a hundred"),
      field("Chance to find it", "power", text(aim, "power", { inputMode: "decimal" })),
      field("Days of the past", "days", text(aim, "days", { inputMode: "numeric" })),
      field("Days at most", "max_days", text(aim, "max_days", { inputMode: "numeric" }))),
    el("p", { class: "row" }, ask), out];
}

async function measure(out, button) {
  const aim = state.power;
  const intent = {
    metrics: state.metrics.filter((metric) => metric.kind !== "recorded").map(metricOf), variants: weights(), event: aim.event.trim() || undefined,
    minimum_effect: numberOf(aim.minimum_effect), power: numberOf(aim.power), days: numberOf(aim.days), max_days: numberOf(aim.max_days),
  };
  button.disabled = true;
  out.textContent = "Asking …";
  const found = await asked("/new-experiment/power", "intent", JSON.stringify(intent));
  button.disabled = false;
  if (found.html === undefined) {
    faults = found.faults;
    show();
    return;
  }
  out.innerHTML = found.html;
  for (const box of guide.querySelectorAll(".field-fault")) box.remove();
  await drawAll(out);
}

// The control's share first.
function weights() {
  const all = state.variants.map((variant) => numberOf(variant.weight) ?? 1);
  return [all[state.control], ...all.filter((_, n) => n !== state.control)];
}

function review() {
  const total = state.variants.reduce((sum, variant) => sum + (Number(variant.weight) || 0), 0);
  const facts = [["Name", state.name || "–"], ["Hypothesis", state.description || "–"],
    ["Variants", state.variants.map((variant, n) => `${variant.name} ${total ? Math.round((1000 * (Number(variant.weight) || 0)) / total) / 10 : 0}%${n === state.control ? " (control)" : ""}`).join(", ")],
    ["Metrics", state.metrics.map((metric) => `${metric.name || "?"} (${metric.role} ${metric.kind}${eventsOf(metric)})`).join(", ") || "none"]];
  const create = (start, title, look) => el("button", { type: "button", class: look, onclick: (event) => make(start, event.target) }, title);
  return [el("h2", {}, "Is this what you mean?"), el("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    field("Read as", "method", select(null, METHODS, state.method, (word) => { state.method = word; changed(); })),
    el("details", { class: "fold" }, el("summary", {}, "As JSON"), el("pre", { tabIndex: 0 }, pretty())),
    el("p", { class: "row" }, create(true, "Create and start", "primary"), create(false, "Create as draft", ""))];
}

async function make(start, button) {
  if (localFaults()) { location.hash = `#${STEPS.find((step) => step.owns.test(faults.at(-1).field)).id}`; return; }
  button.disabled = true;
  const found = await asked("/experiments", "experiment", body(start));
  button.disabled = false;
  if (found.location) {
    try { sessionStorage.removeItem(KEPT); } catch { /* nothing was kept */ }
    location.assign(found.location);
    return;
  }
  faults = found.faults ?? [];
  const step = STEPS.find((each) => faults.some((fault) => fault.field && each.owns.test(fault.field))) ?? here();
  if (step === here()) show();
  else location.hash = `#${step.id}`;
}

// --- as the server reads it -------------------------------------------------

// Payloads that are not JSON cannot be sent as such, conditions that are half filled in mean nothing: faults already here.
function localFaults() {
  const found = conditionFaults(state.metrics);
  state.variants.forEach((variant, n) => {
    try { if (variant.payload.trim()) JSON.parse(variant.payload); } catch (error) { found.push({ field: `variants[${n}].payload`, message: `is not JSON: ${error.message}` }); }
  });
  faults = [...faults.filter((fault) => !/payload$|filters$/.test(fault.field)), ...found];
  return found.length > 0;
}

// Payloads are sent digit for digit, as they were typed.
function body(start) {
  const list = state.variants.map((variant) => {
    const rest = JSON.stringify({ name: variant.name.trim(), weight: numberOf(variant.weight), description: variant.description.trim() || undefined });
    const payload = variant.payload.trim();
    let good = Boolean(payload);
    try { JSON.parse(payload); } catch { good = false; }
    return good ? `${rest.slice(0, -1)},"payload":${payload}}` : rest;
  });
  const rest = JSON.stringify({
    name: state.name.trim(), description: state.description.trim() || undefined, control: state.variants[state.control].name.trim(),
    metrics: state.metrics.map(metricOf), method: state.method, start,
  });
  return `${rest.slice(0, -1)},"variants":[${list.join(",")}]}`;
}

function pretty() {
  return JSON.stringify(JSON.parse(body(false)), null, 2);
}

async function asked(path, name, value) {
  const sent = new URLSearchParams({ [name]: value, form_token: formToken() });
  const { good, text: answer } = await fragment(path, { method: "POST", body: sent });
  try { return JSON.parse(answer); } catch { /* it is a part of a page */ }
  if (good) return { html: answer };
  const page = document.createElement("template");
  page.innerHTML = answer;
  return { faults: [{ field: "", message: page.content.textContent.trim() }] };
}

document.getElementById("afresh").addEventListener("click", () => {
  state = blank();
  faults = [];
  changed();
  if (location.hash) location.hash = "#hypothesis";
  show();
  say("Everything is empty again");
});
addEventListener("hashchange", show);
show();
load();
