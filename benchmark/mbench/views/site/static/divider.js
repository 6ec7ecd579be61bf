// A picture in two halves with a divider to drag: the truth at the left, what an entry learned at the right.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("[data-divider]")) {
    const slider = box.querySelector("input[type=range]");
    const place = () => box.style.setProperty("--at", `${slider.value}%`);
    slider.hidden = false;
    slider.addEventListener("input", place);
    place();
    const select = box.querySelector("select");
    if (!select) continue;
    const { hero } = Data.own();
    const learned = box.querySelector("[data-learned]");
    const link = box.querySelector("[data-learned-link]");
    for (const [index, [label]] of hero.entries()) select.append(new Option(label, index));
    select.closest("label").hidden = hero.length < 2;
    select.addEventListener("input", () => {
      const [label, path, href] = hero[select.value];
      learned.src = `${path}/portrait.webp`;
      learned.alt = `The Mandelbrot set as ${label} learned it`;
      link.textContent = label;
      link.href = href;
    });
  }
});
