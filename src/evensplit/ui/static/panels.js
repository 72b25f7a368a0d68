// Answers that stand side by side: each panel fetches its own and draws it, so that a slow one holds nobody up.
import { drawAll, forget } from "./chart.js";
import { fragment } from "./shell.js";

const QUIET = 150; // milliseconds before a panel says that it waits
const AT_ONCE = 4; // they share one engine, and a browser has six connections

async function fill(panel) {
  const body = panel.querySelector(".answer-body");
  body.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => body.classList.add("asking"), QUIET);
  try {
    const { text } = await fragment(panel.dataset.answer);
    forget(body);
    body.innerHTML = text;
    await drawAll(body);
  } catch (error) {
    body.textContent = `This answer did not come: ${error.message}`;
  } finally {
    clearTimeout(slow);
    body.classList.remove("asking");
    body.removeAttribute("aria-busy");
  }
}

const waiting = [...document.querySelectorAll("[data-answer]")];

async function worker() {
  while (waiting.length) await fill(waiting.shift());
}

for (let n = 0; n < AT_ONCE; n += 1) worker();

// What a tile shows follows from how high it is (`grid.py`).
document.addEventListener("look", (event) => {
  const panel = event.target, high = Number(panel.dataset.high);
  const answer = new URL(panel.dataset.answer, location.href);
  answer.searchParams.set("look", high < 3 ? "figures" : high < 8 ? "chart" : "table");
  panel.dataset.answer = answer.pathname + answer.search;
  fill(panel);
}, true);
