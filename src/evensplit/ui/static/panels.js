// Answers that stand side by side: each panel fetches its own and draws it.
import { drawAll } from "./chart.js";
import { fragment } from "./shell.js";

async function fill(panel) {
  const body = panel.querySelector(".answer-body");
  try {
    const { text } = await fragment(panel.dataset.answer);
    body.innerHTML = text;
    await drawAll(body);
  } catch (error) {
    body.textContent = `This answer did not come: ${error.message}`;
  } finally {
    body.removeAttribute("aria-busy");
  }
}

const waiting = [...document.querySelectorAll("[data-answer]")];

async function worker() {
  while (waiting.length) await fill(waiting.shift());
}

for (let n = 0; n < 3; n += 1) worker(); // a few at a time: they share one engine
