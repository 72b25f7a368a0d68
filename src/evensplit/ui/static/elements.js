// Making elements, shortly and without HTML in texts.

export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A `<select>` of [value, title] pairs.
export function select(label, options, value, onChange) {
  const made = el("select", { "aria-label": label, onchange: (event) => onChange(event.target.value) });
  for (const [word, title] of options) made.append(el("option", { value: word }, title));
  made.value = value;
  if (made.value !== value) {
    made.append(el("option", { value }, value));
    made.value = value;
  }
  return made;
}

export function input(label, value, onChange, props = {}) {
  return el("input", {
    "aria-label": label, value: value ?? "", autocomplete: "off", spellcheck: false,
    onchange: (event) => onChange(event.target.value.trim()), ...props,
  });
}

export function drop(label, onClick) {
  return el("button", { type: "button", class: "drop", "aria-label": label, title: label, onclick: onClick }, "✕");
}

export function add(label, onClick) {
  return el("button", { type: "button", class: "add", onclick: onClick }, `+ ${label}`);
}

// Makes the controls of `root` anew and puts the focus where it was: on the control at the same place.
export function keepFocus(root, rebuild) {
  const controls = () => [...root.querySelectorAll("input, select, textarea, button, summary")];
  const at = controls().indexOf(document.activeElement);
  rebuild();
  if (at >= 0) controls()[at]?.focus({ preventScroll: true });
}
