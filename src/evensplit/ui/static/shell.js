// What every page has: theme, menus, dialogs, copying, questions before something is deleted.
import { relativeTimes } from "./figures.js";

export function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.textContent = ""; }, 4000);
}

export function formToken() {
  return document.querySelector('meta[name="form-token"]').content;
}

// A part of a page, as text. A fault comes as one too: `good` says which it is.
export async function fragment(path, options = {}) {
  const headers = { "x-evensplit-fragment": "1", ...(options.headers || {}) };
  const reply = await fetch(path, { credentials: "same-origin", ...options, headers });
  if (reply.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  return { good: reply.ok, status: reply.status, url: reply.url, text: await reply.text() };
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    say("The browser did not let us copy; select the text and copy it");
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

document.addEventListener("click", (event) => {
  const at = event.target.closest("button, summary, a");
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  if (!at) return;
  if (at.matches("[data-theme-toggle]")) {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try { localStorage.setItem("evensplit-theme", theme); } catch { /* it then lasts for this page */ }
    document.dispatchEvent(new CustomEvent("theme"));
  } else if (at.matches("[data-dialog]")) {
    document.getElementById(at.dataset.dialog).showModal();
  } else if (at.matches("[data-close]")) {
    at.closest("dialog").close();
  } else if (at.matches("[data-copy]")) {
    const source = at.parentElement.querySelector("[data-copy-source]");
    if (source.select) source.select();
    copy(source.value ?? source.textContent);
  } else if (at.matches("[data-copy-text]")) {
    copy(at.parentElement.querySelector("pre").textContent);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("theme")));
relativeTimes();
setInterval(relativeTimes, 30_000);
