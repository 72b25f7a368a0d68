// Tells on the set-up page that events come in.
import { el } from "./elements.js";
import { openEvents } from "./live.js";

const waiting = document.getElementById("waiting");
const said = document.getElementById("waiting-said");
let came = 0;

function tell(event) {
  waiting.classList.add("came");
  const parts = [`${came.toLocaleString("en-US")} came just now`];
  if (event) parts.push(", the last one: ", el("strong", {}, el("bdi", {}, event.event_type)));
  said.replaceChildren(...parts);
}

openEvents(waiting.dataset.stream, null, {
  event: (event) => { came += 1; waiting.querySelector(".dot").classList.add("on"); tell(event); },
  skipped: (count) => { came += count; tell(null); },
});
