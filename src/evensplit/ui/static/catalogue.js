// What has been sent so far, to be offered to whoever types a name or a value. It is fetched once a page.
import { fragment } from "./shell.js";

const ALWAYS = [["@event_type", "the event's name"], ["@user_id", "who"], ["@session_id", "session"], ["@created_at", "when"]];
const LONGEST = 200; // characters of a value worth offering

const known = { events: [], properties: ALWAYS.map(([name, what]) => [name, () => what]), values: new Map() };
let asked = null;

const counted = ([name, count]) => [name, () => count.toLocaleString("en-US")];

// Reads it if nobody has yet. Whoever shows an offer is told by the document's event "offers" when it has come.
export function load() {
  asked ??= read();
  return asked;
}

async function read() {
  const { good, text } = await fragment("/explore/catalogue");
  if (!good) return;
  const found = JSON.parse(text);
  known.events = found.events.map(counted);
  known.properties = [...found.properties.map(([name, types]) => [name, () => Object.keys(types).join(", ")]), ...known.properties];
  for (const [name, , values] of found.properties) known.values.set(name, values.filter(([value]) => value.length <= LONGEST).map(counted));
  document.dispatchEvent(new Event("offers"));
}

// Lists of [value, note]; a note is worked out for what is shown only.
export const events = () => known.events;
export const eventsOrAny = () => [["@any", () => "any event"], ...known.events];
export const properties = () => known.properties;
export const sentProperties = () => known.properties.filter(([name]) => !name.startsWith("@"));

// The frequent values of a property. It may be a path, of whose values nothing is known.
export function valuesOf(property) {
  return property === "@event_type" ? known.events : known.values.get(property) ?? [];
}
