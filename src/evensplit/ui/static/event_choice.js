// Which events are meant: a name, and conditions on their properties. In a report it is a text, or an object with both.
import { eventsOrAny } from "./catalogue.js";
import { combobox } from "./combobox.js";
import { input } from "./elements.js";
import { filters } from "./filters.js";

// What stands for an event, as { name, filters }. An empty name is any event, or what the field says.
export function eventOf(value) {
  if (value === undefined || value === null) return { name: "", filters: [] };
  const name = typeof value === "string" ? value : value.event_type;
  return { name: name === "@any" ? "" : name, filters: typeof value === "string" ? [] : [...(value.filters ?? [])] };
}

export function eventValue({ name, filters: list }) {
  return list.length ? { event_type: name || "@any", filters: list } : name || "@any";
}

// The name of an event, offered as one types.
export function eventInput(label, name, onChange, props = {}) {
  return combobox(input(label, name, onChange, props), eventsOrAny);
}

// Controls of an event: its name, and its conditions below.
export function eventControls(value, words, onChange, rebuild, options = {}) {
  const event = eventOf(value);
  const emit = () => onChange(eventValue(event));
  const name = eventInput(options.label ?? "Event", event.name, (text) => { event.name = text === "@any" ? "" : text; emit(); },
    { placeholder: options.placeholder ?? "any event" });
  const tail = filters(event.filters, words.operators, emit, () => { emit(); rebuild(); }, "where");
  return { name, tail };
}
