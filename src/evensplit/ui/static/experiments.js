// The list of experiments fetches what each amounts to; a page of results offers properties and draws more on demand.
import { sentProperties } from "./catalogue.js";
import { drawAll } from "./chart.js";
import { combobox } from "./combobox.js";
import { fragment } from "./shell.js";

const CELLS = [".standing-users", ".standing-word", ".standing-attention"];

async function stand(cell) {
  const made = document.createElement("template");
  try {
    const { good, text } = await fragment(cell.dataset.standing);
    made.innerHTML = text;
    if (!good) throw new Error(made.content.textContent.trim());
    let at = cell;
    for (const name of CELLS) {
      at.replaceChildren(...made.content.querySelector(name).childNodes);
      at = at.nextElementSibling;
    }
  } catch (error) {
    cell.textContent = "–";
    cell.nextElementSibling.textContent = `not known: ${error.message}`;
  }
}

const waiting = [...document.querySelectorAll("[data-standing]")];

async function worker() {
  while (waiting.length) await stand(waiting.shift());
}

for (let n = 0; n < 2; n += 1) worker(); // they share one engine

const dimension = document.querySelector("input[name=dimension]");
if (dimension) combobox(dimension, sentProperties);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-more]");
  if (!button) return;
  button.disabled = true;
  const card = document.createElement("section");
  card.className = "card panel w6";
  const title = document.createElement("h3");
  title.textContent = button.textContent;
  const body = document.createElement("div");
  body.className = "answer-body";
  card.append(title, body);
  document.querySelector("#over-time .grid").append(card);
  body.innerHTML = (await fragment(button.dataset.more)).text;
  await drawAll(body);
  button.remove();
});
