// Events as they come in above the stored ones; one event in a dialog beside the list.
import { events } from "./catalogue.js";
import { combobox } from "./combobox.js";
import { el } from "./elements.js";
import { relativeTimes } from "./figures.js";
import { openEvents } from "./live.js";

const MOST = 200; // rows that are kept
const card = document.querySelector("[data-stream]");
const rows = document.getElementById("live-rows");
const said = document.getElementById("live-said");
const pause = document.getElementById("pause");
let came = 0;
let held = []; // what came while it was paused

function row(event) {
  const at = el("time", { dateTime: event.created_at, title: `${event.created_at.replace("T", " ").replace("Z", "")} UTC` });
  const user = event.user_id === null ? el("bdi", { class: "unset" }, "(not set)")
    : el("a", { href: `/users/${encodeURIComponent(event.user_id)}` }, el("bdi", {}, event.user_id));
  const made = el("tr", { class: "fresh" },
    el("td", {}, at),
    el("th", { scope: "row" }, el("a", { href: `/events/one/${event.id}` }, el("bdi", {}, event.event_type))),
    el("td", {}, user),
    el("td", { class: "json" }, el("code", {}, el("bdi", {}, ...breakable(event.properties)))));
  made.querySelector("th a").dataset.event = event.id;
  return made;
}

// JSON that is broken between its members rather than inside of words.
function breakable(text) {
  return text.split(/(?<=,)(?=")/).flatMap((part, n) => (n ? [el("wbr"), part] : [part]));
}

function show(events) {
  card.querySelector(".live-scroll").hidden = false;
  for (const event of events) rows.prepend(row(event));
  while (rows.rows.length > MOST) rows.lastElementChild.remove();
  relativeTimes(rows);
}

function isPaused() {
  return pause.getAttribute("aria-pressed") === "true";
}

function tell() {
  const waiting = held.length ? `, ${held.length.toLocaleString("en-US")} held back` : "";
  said.textContent = `${came.toLocaleString("en-US")} came since you opened this page${waiting}`;
}

openEvents(card.dataset.stream, document.getElementById("live-dot"), {
  open: tell,
  closed: () => { said.textContent = "the line is broken; trying again …"; },
  event: (event) => {
    came += 1;
    if (isPaused()) held = [...held, event].slice(-MOST);
    else show([event]);
    tell();
  },
  skipped: (count) => { came += count; tell(); },
});

pause.addEventListener("click", () => {
  const paused = !isPaused();
  pause.setAttribute("aria-pressed", paused);
  pause.textContent = paused ? "Go on" : "Pause";
  if (!paused) {
    show(held);
    held = [];
    tell();
  }
});

combobox(document.querySelector("input[name=event_type]"), events);
