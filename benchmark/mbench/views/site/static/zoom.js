// The slider over magnification: the same window of truth, prediction and error, in register.
"use strict";
const Zoom = (function () {
  // told: {truth, octaves, landmarks, entries: [{path, scores}]}, as the page's data says.
  function start(box, told) {
    const root = box.dataset.root;
    const slider = box.querySelector("input[type=range]");
    const value = box.querySelector("[data-zoom-value]");
    const live = box.querySelector("[data-zoom-live]");
    const panes = [...box.querySelectorAll("[data-pane]")];
    let entries = told.entries;
    box.addEventListener("input", show);
    for (const pane of panes) point(pane.querySelector(".frame"), panes);
    show();

    // Panels are numbered as they were planned: the whole window once, then landmark by landmark.
    function panel(landmark, octave) {
      return octave === 0 ? 0 : 1 + landmark * (told.octaves - 1) + octave - 1;
    }

    function file(pane, index) {
      const [kind, number] = pane.dataset.pane.split("-");
      if (kind === "truth") return `${root}${told.truth}/truth-${index}.webp`;
      const entry = entries[Number(number)];
      return entry ? `${root}${entry.path}/${kind}-${index}.webp` : null;
    }

    function show() {
      const octave = Number(slider.value);
      const landmark = Number(box.querySelector("input[name=landmark]:checked").value);
      const index = panel(landmark, octave);
      const words = `× ${2 ** octave}`;
      value.textContent = words;
      slider.setAttribute("aria-valuetext", `times ${2 ** octave}`);
      const scores = [];
      for (const pane of panes) {
        const source = file(pane, index);
        pane.hidden = source === null;
        if (source === null) continue;
        const image = pane.querySelector("img");
        image.src = source;
        image.alt = `${pane.querySelector("b").textContent}: ${told.landmarks[landmark]} at magnification ${2 ** octave}`;
        const [kind, number] = pane.dataset.pane.split("-");
        if (kind !== "prediction") continue;
        const score = entries[Number(number)].scores[index];
        const text = score === null ? "" : score < -10 ? "s < −10" : `s = ${score.toFixed(2).replace("-", "−")}`;
        pane.querySelector("[data-score]").textContent = text;
        scores.push(text);
      }
      live.textContent = `${told.landmarks[landmark]}, magnification ${2 ** octave}, ${scores.join(", ")}`;
      for (const near of [octave - 1, octave + 1]) fetchAhead(landmark, near);
    }

    // The neighbours on the slider, so that it does not flicker.
    function fetchAhead(landmark, octave) {
      if (octave < 0 || octave >= told.octaves || !box.matches(":hover, :focus-within")) return;
      for (const pane of panes) {
        const source = file(pane, panel(landmark, octave));
        if (source) new Image().src = source;
      }
    }

    return { choose(chosen) { entries = chosen; show(); } };
  }

  // Mark in every picture the place that the pointer is at in one.
  function point(frame, panes) {
    const marks = () => panes.map((pane) => pane.querySelector(".frame i"));
    frame.addEventListener("pointermove", (event) => {
      const box = frame.getBoundingClientRect();
      for (const mark of marks()) {
        mark.style.left = `${(100 * (event.clientX - box.left)) / box.width}%`;
        mark.style.top = `${(100 * (event.clientY - box.top)) / box.height}%`;
        mark.classList.add("on");
      }
    });
    frame.addEventListener("pointerleave", () => marks().forEach((mark) => mark.classList.remove("on")));
  }

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-zoom]");
    const told = box && Chart.data().zoom;
    if (told && told.entries.length) start(box, told);
  });

  return { start };
})();
