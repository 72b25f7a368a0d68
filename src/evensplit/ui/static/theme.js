// Runs before anything is drawn: the theme that was chosen, if one was. Else the system's is followed.
(() => {
  try {
    const chosen = localStorage.getItem("evensplit-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* storage may be forbidden: then the system's theme it is */ }
})();
