// The list of experiments fetches what each amounts to; a page of results offers properties and draws more on demand.
import { drawAll } from "./chart.js";
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

// Names of properties, when somebody wants to choose one.
document.querySelector("[list=property-names]")?.addEventListener("focus", async (event) => {
  const { good, text } = await fragment("/explore/catalogue");
  if (!good) return;
  for (const [name] of JSON.parse(text).properties) event.target.list.append(new Option("", name));
}, { once: true });

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
