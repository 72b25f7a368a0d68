// Figures and times as people read them; the exact ones are in the title. `ui/figures.py` says the same on the server.

const STEPS = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e4, "k"]];
const SPANS = [[31_536_000, "y"], [2_592_000, "mo"], [86_400, "d"], [3_600, "h"], [60, "min"]];

function digits(value) {
  return String(Number(value.toPrecision(3)));
}

export function short(value) {
  if (value === null || value === undefined) return "–";
  for (const [least, name] of STEPS) {
    if (Math.abs(value) >= least) return digits(value / (name === "k" ? 1e3 : least)) + name;
  }
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return Math.abs(value) >= 1 ? value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 }) : digits(value);
}

export function exact(value) {
  return value === null || value === undefined ? "unknown" : value.toLocaleString("en-US", { maximumFractionDigits: 20 });
}

// A `<data>` element with both.
export function figure(value) {
  const made = document.createElement("data");
  made.value = value ?? "";
  made.title = exact(value);
  made.textContent = short(value);
  return made;
}

export function ago(instant, now = Date.now()) {
  const seconds = Math.max(0, Math.floor((now - instant) / 1000));
  for (const [size, unit] of SPANS) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

// Every `<time datetime>` of the page says how long ago it is by now.
export function relativeTimes(root = document) {
  for (const time of root.querySelectorAll("time[datetime][title]")) {
    const at = Date.parse(time.dateTime);
    if (!Number.isNaN(at)) time.textContent = ago(at);
  }
}
