// Dark or light: what the system says, until somebody chooses. Runs before the page is drawn.
"use strict";
(function () {
  const root = document.documentElement;
  root.classList.add("scripted"); // what scripts will hide or show is so from the first paint
  const names = { system: "Auto", dark: "Dark", light: "Light" };
  let choice = "system";
  try {
    choice = localStorage.getItem("mbench-theme") || "system"; // some browsers forbid it on a local file
  } catch {}
  if (!Object.hasOwn(names, choice)) choice = "system";

  function apply() {
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    const label = document.querySelector("[data-theme-name]");
    if (label) label.textContent = names[choice];
  }

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-toggle]");
    button.hidden = false;
    button.title = "Colours: automatic, dark or light";
    button.addEventListener("click", () => {
      const order = ["system", "dark", "light"];
      choice = order[(order.indexOf(choice) + 1) % order.length];
      try {
        localStorage.setItem("mbench-theme", choice);
      } catch {}
      apply();
    });
    apply();
  });
})();
