// Conditions on properties. A group of conditions, which only JSON can write, is shown as it stands and kept.
import { properties, valuesOf } from "./catalogue.js";
import { combobox } from "./combobox.js";
import { add, drop, el, input, select } from "./elements.js";

const NUMERIC = new Set(["gt", "gte", "lt", "lte", "between"]);
const LISTS = new Set(["in", "not_in", "between"]);
const NUMBER = /^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;

// A property's name, or, in brackets, the keys of a path.
export function property(label, value, onChange) {
  const shown = Array.isArray(value) ? JSON.stringify(value) : value ?? "";
  return combobox(input(label, shown, (text) => onChange(pathOf(text)), { placeholder: "property" }), properties);
}

function pathOf(text) {
  if (text.startsWith("[")) {
    try {
      const path = JSON.parse(text);
      if (Array.isArray(path) && path.length && path.every((key) => typeof key === "string")) return path;
    } catch { /* then it is a name that begins with a bracket */ }
  }
  return text;
}

// Can it be asked, or is something of it not filled in yet?
export function isComplete(filter) {
  if (filter.all || filter.any) return true;
  if (!filter.property?.length || !filter.op) return false;
  return filter.op.startsWith("is_") || (filter.value !== undefined && filter.value !== "" && !(Array.isArray(filter.value) && !filter.value.length));
}

// Controls for a list of filters, which is changed in place. `restart` is for what changes the controls themselves.
export function filters(list, operators, changed, restart, noun) {
  const rows = list.map((filter, n) => (filter.all || filter.any ? group(filter, n, list, restart) : row(filter, n, list, operators, changed, restart)));
  return el("div", { class: "field filter-list" }, ...rows, add(noun, () => { list.push({ property: "", op: "eq", value: "" }); restart(); }));
}

function group(filter, n, list, restart) {
  return el("div", { class: "part-head" }, el("code", { class: "grow" }, JSON.stringify(filter)), drop("Remove the group", () => { list.splice(n, 1); restart(); }));
}

function row(filter, n, list, operators, changed, restart) {
  const operator = select("Comparison", operators, filter.op ?? "eq", (op) => {
    filter.op = op;
    if (op.startsWith("is_")) delete filter.value;
    else filter.value = valueOf(op, textOf(filter.value));
    restart();
  });
  const made = el("div", { class: "filter" }, property("Property", filter.property, (path) => { filter.property = path; changed(); }), operator,
    drop("Remove the filter", () => { list.splice(n, 1); restart(); }));
  if (!(filter.op ?? "eq").startsWith("is_")) made.append(valueInput(filter, changed));
  return made;
}

function valueInput(filter, changed) {
  const many = LISTS.has(filter.op);
  const made = input("Value", textOf(filter.value), (text) => { filter.value = valueOf(filter.op, text); changed(); },
    { class: "filter-value", placeholder: many ? "values, with commas between" : "value" });
  const offers = () => valuesOf(filter.property).filter(([value]) => !many || !value.includes(","));
  return combobox(made, offers, { many });
}

function textOf(value) {
  return Array.isArray(value) ? value.join(", ") : value === undefined || value === null ? "" : String(value);
}

function valueOf(op, text) {
  const one = (each) => (NUMERIC.has(op) && NUMBER.test(each) ? Number(each) : each);
  return LISTS.has(op) ? text.split(",").map((each) => each.trim()).filter(Boolean).map(one) : one(text);
}
