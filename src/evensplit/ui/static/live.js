// What pages with events share: the line on which they come, and one event in a dialog.
import { relativeTimes } from "./figures.js";
import { fragment } from "./shell.js";

// `on` has open, closed, event(event) and skipped(count). The browser itself connects again where the line breaks.
export function openEvents(path, dot, on) {
  const line = new EventSource(path);
  const lit = (is) => dot?.classList.toggle("on", is);
  line.onopen = () => { lit(true); on.open?.(); };
  line.onerror = () => { lit(false); on.closed?.(); };
  line.addEventListener("event", (message) => on.event?.(JSON.parse(message.data)));
  line.addEventListener("skipped", (message) => on.skipped?.(JSON.parse(message.data).count));
  addEventListener("pagehide", () => line.close());
  return line;
}

document.addEventListener("click", async (event) => {
  const at = event.target.closest("a[data-event]");
  const dialog = document.getElementById("event");
  if (!at || !dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const { text } = await fragment(at.getAttribute("href"));
  const body = document.getElementById("event-body");
  body.innerHTML = text;
  relativeTimes(body);
  dialog.showModal();
});
