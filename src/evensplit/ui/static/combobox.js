// An input that offers what is known as one types (ARIA's combobox with a list). What is offered need not be taken:
// any text may be typed. Not here: what there is to offer (`catalogue.js`).
import { load } from "./catalogue.js";
import { el } from "./elements.js";

const MOST = 50; // options shown at once; the others are found by typing on
const GAP = 4; // pixels between the input and its list
const LIST = "offers";

const own = new WeakMap(); // input -> { offers, many, picked: what was taken last }
let shown = null; // { input, options, at }: the one whose list is open

const box = el("div", { class: "offers", popover: "manual", onmousedown: (event) => event.preventDefault() });
const list = el("ul", { id: LIST, role: "listbox", "aria-label": "Known so far", onclick: (event) => pick(event.target.closest("li")) });
const more = el("p", { class: "offers-more hint" });
box.append(list, more);

// `offers` gives [value, note] pairs, the most likely first. `many`: the text is a list with commas between.
export function combobox(input, offers, { many = false } = {}) {
  own.set(input, { offers, many, picked: null });
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": LIST, autocomplete: "off" })) {
    input.setAttribute(name, value);
  }
  input.addEventListener("focus", load);
  input.addEventListener("input", () => open(input, typed(input)));
  input.addEventListener("click", () => { if (shown?.input !== input) open(input, ""); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", keys);
  input.addEventListener("change", once, { capture: true });
  return input;
}

// What was taken has been told already; the browser tells it again when the input is left.
function once(event) {
  const { picked } = own.get(event.currentTarget);
  if (event.isTrusted && event.currentTarget.value === picked) event.stopImmediatePropagation();
}

// What of the text is being typed: all of it, or what stands after the last comma.
function typed(input) {
  return (own.get(input).many ? input.value.slice(input.value.lastIndexOf(",") + 1) : input.value).trim();
}

// --- what fits --------------------------------------------------------------

// Names that begin with the text come first, then those with a word that does, then those that have it anywhere.
export function fitting(offers, text) {
  const wanted = text.toLowerCase();
  if (!wanted) return offers;
  const ranked = [[], [], []];
  for (const offer of offers) {
    const at = offer[0].toLowerCase().indexOf(wanted);
    if (at >= 0) ranked[at === 0 ? 0 : /[\s_.:/$-]/.test(offer[0][at - 1]) ? 1 : 2].push(offer);
  }
  return ranked.flat();
}

// The name with what fits set off; left alone where small letters have another length.
function marked(name, text) {
  const low = name.toLowerCase(), at = text ? low.indexOf(text.toLowerCase()) : -1;
  if (at < 0 || low.length !== name.length) return [name];
  return [name.slice(0, at), el("mark", {}, name.slice(at, at + text.length)), name.slice(at + text.length)];
}

// --- the list -----------------------------------------------------------------

function open(input, text) {
  const found = fitting(own.get(input).offers(), text);
  if (!found.length || (found.length === 1 && found[0][0] === text)) {
    close();
    shown = { input, text, options: [], at: -1 }; // what comes in meanwhile may fit
    return;
  }
  const options = found.slice(0, MOST);
  list.replaceChildren(...options.map(([value, note], n) => el("li", { id: `${LIST}-${n}`, role: "option", "aria-selected": "false", title: value.length > 40 ? value.slice(0, 400) : null },
    el("bdi", {}, ...marked(value, text)), note ? el("span", { class: "hint" }, note()) : null)));
  more.textContent = found.length > MOST ? `${(found.length - MOST).toLocaleString("en-US")} more: type on` : "";
  const there = input.closest("dialog") ?? document.body;
  if (box.parentElement !== there) there.append(box);
  shown = { input, text, options, at: -1 };
  input.setAttribute("aria-expanded", "true");
  input.removeAttribute("aria-activedescendant");
  if (!box.matches(":popover-open")) box.showPopover();
  list.scrollTop = 0;
  place();
}

function close() {
  if (!shown) return;
  shown.input.setAttribute("aria-expanded", "false");
  shown.input.removeAttribute("aria-activedescendant");
  if (box.matches(":popover-open")) box.hidePopover();
  shown = null;
}

// Under the input, or over it where there is more room.
function place() {
  if (!shown.input.isConnected) {
    close();
    return;
  }
  const at = shown.input.getBoundingClientRect(), below = innerHeight - at.bottom - 2 * GAP, above = at.top - 2 * GAP;
  const up = below < 160 && above > below;
  box.style.width = `${Math.min(Math.max(at.width, 224), innerWidth - 2 * GAP)}px`;
  box.style.maxHeight = `${Math.min(320, up ? above : below)}px`;
  box.style.left = `${Math.max(GAP, Math.min(at.left, innerWidth - box.offsetWidth - GAP))}px`;
  box.style.top = up ? `${at.top - GAP - box.offsetHeight}px` : `${at.bottom + GAP}px`;
}

function choose(at) {
  list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
  shown.at = at;
  const option = list.children[at];
  if (!option) {
    shown.input.removeAttribute("aria-activedescendant");
    return;
  }
  option.setAttribute("aria-selected", "true");
  shown.input.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function pick(option) {
  if (!option || !shown) return;
  const { input, options } = shown, [value] = options[[...list.children].indexOf(option)];
  const before = own.get(input).many ? input.value.slice(0, input.value.lastIndexOf(",") + 1) : "";
  input.value = before ? `${before} ${value}` : value;
  own.get(input).picked = input.value;
  input.dispatchEvent(new Event("input", { bubbles: true })); // which may open the list anew
  close();
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function keys(event) {
  const input = event.currentTarget, isOpen = shown?.input === input && shown.options.length > 0;
  if (event.isComposing || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!isOpen) open(input, typed(input));
    if (!shown.options.length) open(input, "");
    if (!shown.options.length) return;
    const count = shown.options.length + 1, step = event.key === "ArrowDown" ? 1 : -1; // one stop is the text itself
    choose(((shown.at + 1 + step + count) % count) - 1);
  } else if (event.key === "Enter" && isOpen && shown.at >= 0) {
    event.preventDefault();
    pick(list.children[shown.at]);
  } else if (event.key === "Enter" || event.key === "Tab") {
    close();
  } else if (event.key === "Escape" && isOpen) {
    event.preventDefault();
    event.stopPropagation();
    close();
  }
}

addEventListener("scroll", (event) => { if (shown?.options.length && event.target !== list) place(); }, { capture: true, passive: true });
addEventListener("resize", () => { if (shown?.options.length) place(); });
document.addEventListener("offers", () => { if (shown) open(shown.input, shown.text); });
