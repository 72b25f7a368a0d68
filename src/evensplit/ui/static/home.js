// The first page: events as they come in, and the parts that take a question.
import { drawAll } from "./chart.js";
import { el } from "./elements.js";
import { openEvents } from "./live.js";
import { fragment } from "./shell.js";

const MOST = 6; // latest events shown
const count = document.getElementById("live-count");
const said = document.getElementById("live-said");
const ticker = document.getElementById("ticker");
let came = 0;

function tell(more) {
  came += more;
  count.textContent = came.toLocaleString("en-US");
  said.textContent = `event${came === 1 ? "" : "s"} since you opened this page`;
}

openEvents(document.querySelector("[data-stream]").dataset.stream, document.getElementById("live-dot"), {
  event: (event) => {
    tell(1);
    const who = event.user_id === null ? null : el("a", { href: `/users/${encodeURIComponent(event.user_id)}` }, el("bdi", {}, event.user_id));
    ticker.prepend(el("li", {}, el("strong", {}, el("bdi", {}, event.event_type)), who));
    while (ticker.children.length > MOST) ticker.lastElementChild.remove();
    const first = document.getElementById("first");
    if (first) first.querySelector("h2").textContent = "The first events are here";
  },
  skipped: tell,
});

async function fill(part) {
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  try {
    const { text } = await fragment(`${part.dataset.part}?timezone=${encodeURIComponent(timezone)}`);
    part.innerHTML = text;
    await drawAll(part);
  } catch (error) {
    part.textContent = `This did not come: ${error.message}`;
  } finally {
    part.removeAttribute("aria-busy");
  }
}

const waiting = [...document.querySelectorAll("[data-part]")];

async function worker() {
  while (waiting.length) await fill(waiting.shift());
}

for (let n = 0; n < 2; n += 1) worker(); // a few at a time: they share one engine
