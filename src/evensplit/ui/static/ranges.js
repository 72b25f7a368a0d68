// When a report looks: the ranges that are asked for most, or two dates.
import { el, input, select } from "./elements.js";

const PRESETS = [
  ["-0d", "today"], ["-24h", "last 24 hours"], ["-7d", "last 7 days"], ["-14d", "last 14 days"], ["-30d", "last 30 days"],
  ["-90d", "last 90 days"], ["-6m", "last 6 months"], ["-12m", "last 12 months"], ["custom", "from … to …"],
];
const DATE = /^\d{4}-\d\d-\d\d$/;

export function range(report, changed, rebuild) {
  const since = report.since ?? "-30d";
  const custom = report.until !== undefined || !PRESETS.some(([word]) => word === since);
  const preset = select("When", PRESETS, custom ? "custom" : since, (word) => {
    if (word === "custom") {
      const today = new Date();
      report.since = day(new Date(today.getTime() - 6 * 86_400_000));
      report.until = day(today);
    } else {
      report.since = word;
      delete report.until;
    }
    changed();
    rebuild();
  });
  if (!custom) return preset;
  return el("div", { class: "field" }, preset, el("div", { class: "pair" },
    moment("From", since, (text) => { report.since = text || "-30d"; changed(); }),
    moment("To", report.until ?? "", (text) => { if (text) report.until = text; else delete report.until; changed(); })));
}

// A date has the browser's own control; an instant or `-6h` is text.
function moment(label, value, onChange) {
  return input(label, value, onChange, { type: value === "" || DATE.test(value) ? "date" : "text" });
}

function day(date) {
  return date.toISOString().slice(0, 10);
}
