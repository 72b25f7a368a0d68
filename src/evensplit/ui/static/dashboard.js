// A dashboard: full screen, and, where it is edited, tiles moved, sized and taken off; each change is kept at once.
import { formToken, fragment, say } from "./shell.js";

const board = document.getElementById("board");
const tiles = () => [...board.querySelectorAll(".tile-card")];
const name = (tile) => tile.dataset.name;

document.querySelector("[data-fullscreen]").addEventListener("click", async () => {
  try {
    await board.requestFullscreen();
  } catch {
    say("The browser does not let us fill the screen");
  }
});

let keeping = Promise.resolve(); // one change after the other

function keep(said) {
  const sent = new URLSearchParams();
  for (const tile of tiles()) {
    sent.append("saved", name(tile));
    sent.append("wide", tile.dataset.wide);
    sent.append("high", tile.dataset.high);
  }
  keeping = keeping.then(async () => {
    const reply = await fragment(`${board.dataset.path}/layout`, { method: "POST", body: sent, headers: { "x-form-token": formToken() } });
    say(reply.good ? said : "This change could not be kept; load the page again");
  });
}

function place(tile) {
  return `${name(tile)}: ${tiles().indexOf(tile) + 1} of ${tiles().length}`;
}

function move(tile, by) {
  const all = tiles(), to = all.indexOf(tile) + by;
  if (to < 0 || to >= all.length) return;
  if (by < 0) all[to].before(tile);
  else all[to].after(tile);
  keep(place(tile));
}

board.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move], [data-remove]");
  const tile = button?.closest(".tile-card");
  if (!tile) return;
  if (button.matches("[data-move]")) {
    move(tile, Number(button.dataset.move));
    button.focus();
  } else {
    const next = tile.nextElementSibling ?? tile.previousElementSibling;
    tile.remove();
    keep(`${name(tile)} is off the dashboard; the report stays saved`);
    next?.querySelector("[data-remove]")?.focus();
  }
});

board.addEventListener("change", (event) => {
  const { size } = event.target.dataset;
  const tile = event.target.closest(".tile-card");
  if (!size || !tile) return;
  tile.dataset[size] = event.target.value;
  tile.style.setProperty(`--${size}`, event.target.value);
  if (size === "high") {
    tile.classList.toggle("low", Number(event.target.value) < 3);
    tile.dispatchEvent(new CustomEvent("look"));
  }
  keep(`${name(tile)} is sized`);
});

// --- by pointer ---------------------------------------------------------------

let dragged = null;

board.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".tile-card[draggable]");
  if (!dragged) return;
  dragged.classList.add("dragged");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", name(dragged));
});

board.addEventListener("dragover", (event) => {
  const over = event.target.closest(".tile-card");
  if (!dragged) return;
  event.preventDefault();
  if (!over || over === dragged) return;
  const all = tiles();
  if (all.indexOf(dragged) < all.indexOf(over)) over.after(dragged);
  else over.before(dragged);
});

board.addEventListener("drop", (event) => {
  if (dragged) event.preventDefault();
});

board.addEventListener("dragend", () => {
  if (!dragged) return;
  dragged.classList.remove("dragged");
  keep(place(dragged));
  dragged = null;
});
