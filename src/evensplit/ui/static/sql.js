// A statement is run, taken back, drawn and kept. What it may ask is decided by the server.
import { drawAll } from "./chart.js";
import { el } from "./elements.js";
import { formToken, fragment } from "./shell.js";

const form = document.getElementById("sql-form");
const answer = document.getElementById("sql-answer");
const fault = document.getElementById("sql-fault");
const cancel = document.getElementById("cancel");
const run = document.getElementById("run");
let asking = null;

function statement() {
  return new URLSearchParams({ sql: form.elements.sql.value, parameters: form.elements.parameters.value });
}

function post(path, body) {
  return { method: "POST", body, headers: { "x-form-token": formToken() } };
}

function toAddress() {
  const parameters = form.elements.parameters.value.trim();
  let values = [];
  try { values = parameters ? JSON.parse(parameters) : []; } catch { return; }
  const path = `/sql?q=${encodeURIComponent(JSON.stringify({ sql: form.elements.sql.value, parameters: values }))}`;
  if (path.length < 16_000 && path !== location.pathname + location.search) history.replaceState(null, "", path);
}

async function ask() {
  asking?.abort();
  const mine = asking = new AbortController();
  const late = setTimeout(() => { cancel.hidden = false; answer.classList.add("waiting"); }, 150);
  form.elements.sql.removeAttribute("aria-invalid");
  try {
    const { good, text } = await fragment("/sql/answer", { ...post("/sql/answer", statement()), signal: mine.signal });
    fault.innerHTML = good ? "" : text;
    if (good) {
      answer.innerHTML = text;
      offerChart();
      toAddress();
    } else {
      form.elements.sql.setAttribute("aria-invalid", "true");
    }
  } catch (error) {
    if (asking === mine) {
      const said = mine.signal.aborted ? "Taken back." : `The answer did not come: ${error.message}`;
      fault.replaceChildren(el("p", { class: "note" }, said));
    }
  } finally {
    clearTimeout(late);
    if (asking === mine) {
      cancel.hidden = true;
      answer.classList.remove("waiting");
      asking = null;
    }
  }
}

// The first column against the first with numbers, if that is another one.
function offerChart() {
  const axes = answer.querySelector(".axes");
  const source = answer.querySelector(".rows-data");
  const y = document.getElementById("chart-y");
  if (!axes || !y.options.length) return;
  const { columns, rows } = JSON.parse(source.textContent);
  const kind = document.getElementById("chart-kind");
  const x = document.getElementById("chart-x");
  if (y.options.length > 1 && y.value === x.value) y.selectedIndex = 1;
  axes.hidden = false;
  const redraw = () => {
    const chart = answer.querySelector(".chart");
    chart.hidden = !kind.value;
    if (!kind.value) return;
    const type = kind.value === "markers" ? "scatter" : kind.value;
    const mode = { scatter: "lines+markers", markers: "markers" }[kind.value];
    const trace = { type, mode, name: columns[y.value].name, x: rows.map((row) => row[x.value]), y: rows.map((row) => Number(row[y.value])) };
    const titled = (column) => ({ title: { text: column.name } });
    const layout = { xaxis: titled(columns[x.value]), yaxis: titled(columns[y.value]) };
    answer.querySelector(".chart-data").textContent = JSON.stringify({ data: [trace], layout });
    drawAll(answer);
  };
  for (const field of [kind, x, y]) field.addEventListener("change", redraw);
}

form.addEventListener("submit", (event) => {
  if (event.submitter?.id === "csv") return;
  event.preventDefault();
  ask();
});
form.elements.sql.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    ask();
  }
});
cancel.addEventListener("click", () => { asking?.abort(); run.focus(); });

const keep = document.getElementById("keep-form");
keep.addEventListener("submit", async (event) => {
  event.preventDefault();
  for (const name of ["sql", "parameters"]) keep.elements[name].value = form.elements[name].value;
  const { good, text, url } = await fragment("/sql", post("/sql", new URLSearchParams(new FormData(keep))));
  if (good) location.assign(url);
  else document.getElementById("keep-fault").innerHTML = text;
});

if (form.dataset.asked) ask();
