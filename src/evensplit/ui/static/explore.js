// The page of a report: the builder on one side, the answer on the other, the question in the address bar.
import { build, finished } from "./builder.js";
import { load } from "./catalogue.js";
import { drawAll, forget, png } from "./chart.js";
import { el } from "./elements.js";
import { cellOf } from "./points.js";
import { formToken, fragment, say } from "./shell.js";

const QUIET = 150; // milliseconds before progress is shown
const state = JSON.parse(document.getElementById("state").textContent);
const { kind, builder } = state;
const $ = (id) => document.getElementById(id);
const answer = $("answer"), progress = $("progress"), form = $("builder");
let report = state.report;
let look = state.chart;
let asking = null; // the question that is on its way
const words = { measures: state.measures, operators: state.operators, zones: state.zones.map((name) => [name]) };

function address(asked) {
  const query = new URLSearchParams({ q: JSON.stringify(asked) });
  if (look && look !== builder.charts?.[0]?.[0]) query.set("chart", look);
  return `/explore/${kind}?${query}`;
}

function changed() {
  const { report: asked, missing } = finished(report, kind);
  const next = address(asked);
  if (next !== location.pathname + location.search) history.pushState({}, "", next);
  ask(asked, missing);
}

async function ask(asked, missing) {
  asking?.abort();
  const query = new URLSearchParams({ q: JSON.stringify(asked), chart: look });
  $("csv").href = `/explore/${kind}/answer.csv?${query}`;
  if (missing) {
    settle();
    answer.replaceChildren(el("div", { class: "empty" }, el("h2", {}, "Not a question yet"), el("p", {}, missing)));
    return;
  }
  const own = (asking = new AbortController());
  answer.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => { progress.hidden = false; answer.classList.add("waiting"); }, QUIET);
  try {
    const { text } = await fragment(`/explore/${kind}/answer?${query}`, { signal: own.signal });
    if (own !== asking) return;
    forget(answer);
    answer.innerHTML = text;
    $("copies").replaceChildren(answer.querySelector("template.copies")?.content.cloneNode(true) ?? el("p", {}, "Ask a question first."));
    await drawAll(answer, (point) => people(cellOf(kind, answer, point)?.dataset.at));
  } catch (error) {
    if (error.name !== "AbortError" && own === asking) {
      answer.replaceChildren(el("div", { class: "fault", role: "alert" }, el("p", {}, `The answer did not come: ${error.message}`)));
    }
  } finally {
    clearTimeout(slow);
    if (own === asking) settle();
  }
}

function settle() {
  asking = null;
  progress.hidden = true;
  answer.classList.remove("waiting");
  answer.removeAttribute("aria-busy");
}

function render() {
  build(form, builder, report, words, changed);
  renderCharts();
}

function renderCharts() {
  $("charts").replaceChildren(...(builder.charts ?? []).map(([word, title]) => el("button", {
    type: "button", "aria-pressed": String(word === look), onclick: () => { look = word; renderCharts(); changed(); },
  }, title)));
}

// --- people behind a number -----------------------------------------------------

async function people(at, cursor = "") {
  if (!at) return;
  const list = $("people-list");
  if (!cursor) {
    list.replaceChildren();
    $("people").showModal();
  }
  const query = new URLSearchParams({ q: JSON.stringify(finished(report, kind).report), at, ...(cursor ? { cursor } : {}) });
  const { text } = await fragment(`/explore/${kind}/persons?${query}`);
  list.querySelector("[data-cursor]")?.remove();
  const page = el("div");
  page.innerHTML = text;
  if (cursor) page.querySelector("p")?.remove();
  page.querySelector("[data-cursor]")?.addEventListener("click", (event) => people(at, event.target.dataset.cursor));
  list.append(page);
}

answer.addEventListener("click", (event) => {
  const number = event.target.closest("[data-at]");
  if (number) people(number.dataset.at);
});

form.addEventListener("submit", (event) => event.preventDefault()); // the enter key only says that a field is done

// --- buttons ----------------------------------------------------------------------

$("cancel").addEventListener("click", () => {
  asking?.abort();
  settle();
  answer.replaceChildren(el("div", { class: "empty" }, el("h2", {}, "Taken back"), el("p", {}, "Change the question, or ask it again."),
    el("button", { type: "button", onclick: changed }, "Ask again")));
});

$("png").addEventListener("click", () => {
  const chart = answer.querySelector(".chart:not([hidden])");
  if (chart) png(chart, kind);
});

$("save-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const sent = new FormData(event.target);
  sent.set("report", JSON.stringify(finished(report, kind).report));
  const headers = { "x-evensplit-fragment": "1", "x-form-token": formToken() };
  const reply = await fetch("/saved", { method: "POST", body: new URLSearchParams(sent), headers, redirect: "manual" });
  if (reply.type === "opaqueredirect") {
    $("save-fault").replaceChildren();
    $("saving").close();
    title(sent.get("name"));
    say("Saved");
  } else {
    $("save-fault").innerHTML = await reply.text();
  }
});

function title(name) {
  if (!name) return;
  $("report-title").textContent = name;
  const field = $("save-form")?.elements.namedItem("name");
  if (field) field.value = name;
}

window.addEventListener("popstate", () => {
  const query = new URLSearchParams(location.search);
  report = query.has("q") ? JSON.parse(query.get("q")) : structuredClone(builder.example);
  look = query.get("chart") ?? builder.charts?.[0]?.[0] ?? "";
  render();
  const { report: asked, missing } = finished(report, kind);
  ask(asked, missing);
});

title(state.saved);
render();
const first = finished(report, kind);
ask(first.report, first.missing);
load();
