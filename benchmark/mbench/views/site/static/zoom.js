// The zoom: the same window of truth, prediction and error, in register. Slider, keys, wheel and pinch turn the octave.
"use strict";
const Zoom = (function () {
  // told: {truth, octaves, size, landmarks, entries: [{path, scores}]}, as the page's data says.
  function start(box, told) {
    const root = box.dataset.root;
    const slider = box.querySelector("input[type=range]");
    const value = box.querySelector("[data-zoom-value]");
    const live = box.querySelector("[data-zoom-live]");
    const panes = [...box.querySelectorAll("[data-pane]")];
    const layers = box.querySelector("[data-layers]");
    const [wide, high] = told.size;
    let entries = told.entries;
    offerLayers();
    recall();
    box.addEventListener("input", (event) => (event.target.name === "layer" ? layer() : show(true)));
    for (const pane of panes) {
      point(pane.querySelector(".frame"), panes);
      turn(pane.querySelector(".frame"), step);
    }
    show(false);

    // Panels are numbered as they were planned: the whole window once, then landmark by landmark.
    function panel(landmark, octave) {
      return octave === 0 ? 0 : 1 + landmark * (told.octaves - 1) + octave - 1;
    }

    function file(pane) {
      const [kind, number] = pane.dataset.pane.split("-");
      if (kind === "truth") return `${root}${told.truth}/zoom.webp`;
      const entry = entries[Number(number)];
      return entry ? `${root}${entry.path}/${kind === "error" ? "zoom-error" : "zoom"}.webp` : null;
    }

    function step(by) {
      const octave = Math.min(told.octaves - 1, Math.max(0, Number(slider.value) + by));
      if (octave === Number(slider.value)) return;
      slider.value = octave;
      show(true);
    }

    function show(keep) {
      const octave = Number(slider.value);
      const landmark = Number(box.querySelector("input[name=landmark]:checked").value);
      const index = panel(landmark, octave);
      value.textContent = `× ${2 ** octave}`;
      slider.setAttribute("aria-valuetext", `times ${2 ** octave}`);
      // A little within the panel, as its edge blends with the next one's.
      const window = `${octave * wide + 1} ${(octave ? landmark : 0) * high + 1} ${wide - 2} ${high - 2}`;
      const scores = [];
      for (const pane of panes) {
        const source = file(pane);
        pane.hidden = source === null;
        if (source === null) continue;
        const picture = pane.querySelector("svg");
        picture.setAttribute("viewBox", window);
        const image = picture.querySelector("image");
        if (image.getAttribute("href") !== source) image.setAttribute("href", source);
        picture.setAttribute("aria-label", `${pane.querySelector("b").textContent}: ${told.landmarks[landmark]} at magnification ${2 ** octave}`);
        const [kind, number] = pane.dataset.pane.split("-");
        if (kind !== "prediction") continue;
        const score = entries[Number(number)].scores[index];
        const text = score === null ? "" : score < -10 ? "s < −10 here" : `s = ${score.toFixed(2).replace("-", "−")} here`;
        pane.querySelector("[data-score]").textContent = text;
        scores.push(text);
      }
      live.textContent = `${told.landmarks[landmark]}, magnification ${2 ** octave}, ${scores.join(", ")}`;
      if (keep) remember(landmark, octave);
    }

    // Place and octave stand in the address, behind what else is there.
    function remember(landmark, octave) {
      try {
        history.replaceState(null, "", `${location.pathname}${location.search}#zoom=${landmark},${octave}`);
      } catch {} // some browsers forbid it on a local file
    }

    function recall() {
      const found = /^#zoom=(\d),(\d)$/.exec(location.hash);
      if (!found || Number(found[1]) >= told.landmarks.length || Number(found[2]) >= told.octaves) return;
      box.querySelector(`input[name=landmark][value="${found[1]}"]`).checked = true;
      slider.value = found[2];
      box.scrollIntoView({ block: "center" });
    }

    // On a phone one picture is in view, and a switch says which.
    function offerLayers() {
      for (const pane of panes) {
        const label = document.createElement("label");
        const choice = document.createElement("input");
        Object.assign(choice, { type: "radio", name: "layer", value: pane.dataset.pane, checked: pane.dataset.pane === "prediction-0" });
        const words = document.createElement("span");
        words.textContent = pane.dataset.layer;
        label.append(choice, words);
        layers.append(label);
      }
      layer();
    }

    function layer() {
      const chosen = layers.querySelector(":checked").value;
      for (const pane of panes) pane.classList.toggle("chosen", pane.dataset.pane === chosen);
    }

    return { choose(chosen) { entries = chosen; show(false); } };
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

  // Keys on a picture, a wheel with Ctrl (which is what a trackpad's pinch sends) and two fingers turn the octave.
  function turn(frame, step) {
    const fingers = new Map();
    let apart = 0, rolled = 0;
    frame.tabIndex = 0;
    frame.addEventListener("keydown", (event) => {
      const by = { "+": 1, "=": 1, ArrowUp: 1, ArrowRight: 1, "-": -1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      step(by);
    });
    frame.addEventListener("dblclick", (event) => step(event.shiftKey ? -1 : 1));
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== frame) return; // the page's own scrolling
      event.preventDefault();
      rolled += event.deltaY;
      if (Math.abs(rolled) < 30) return;
      step(rolled < 0 ? 1 : -1);
      rolled = 0;
    }, { passive: false });
    const distance = () => {
      const [[x, y], [u, v]] = [...fingers.values()];
      return Math.hypot(x - u, y - v);
    };
    frame.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch") return;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 2) apart = distance();
    });
    frame.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size !== 2) return;
      const ratio = distance() / apart;
      if (ratio > 0.72 && ratio < 1.4) return;
      step(ratio > 1 ? 1 : -1);
      apart = distance();
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      frame.addEventListener(end, (event) => fingers.delete(event.pointerId));
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-zoom]");
    const told = box && Data.own().zoom;
    if (told && told.entries.length) start(box, told);
  });

  return { start };
})();
