// The zoom: one view of the plane in every picture, truth, prediction and error in register, side by side or as a swipe.
"use strict";
const Zoom = (function () {
  const FLIGHT_MS = 260, SETTLED_MS = 250, RING_PX = 9;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // told: {truth, octaves, size, lower, upper, landmarks, entries: [{path, scores, depth}]}, as the page's data says.
  function start(box, told) {
    const root = box.dataset.root;
    const plane = Plane.survey(told);
    const find = (name) => box.querySelector(`[data-zoom-${name}]`);
    const slider = box.querySelector("input[name=octave]");
    const cutter = box.querySelector("input[name=cut]");
    const places = [...box.querySelectorAll("input[name=landmark]")];
    const layers = box.querySelector("[data-layers]");
    const images = new Map();
    const panes = [...box.querySelectorAll("[data-pane]")].map(prepare);
    let entries = told.entries;
    let view = plane.at(0, Number(slider.value));
    let goal = null, flight = 0, frame = 0, settling = 0;

    offerLayers();
    box.classList.add("live");
    box.addEventListener("input", choose);
    addEventListener("hashchange", () => recall("auto"));
    new ResizeObserver(redraw).observe(box);
    if (!recall("instant")) look(view, false);

    // A picture's canvas in the place of what it shows without a script.
    function prepare(figure) {
      const holder = figure.querySelector(".frame");
      const canvas = document.createElement("canvas");
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "img");
      const edge = document.createElement("i");
      edge.className = "cut";
      edge.setAttribute("aria-hidden", "true");
      holder.prepend(canvas);
      holder.append(edge);
      const pane = { figure, canvas, holder, edge, title: figure.querySelector("b"), score: figure.querySelector("[data-score]") };
      [pane.kind, pane.number] = figure.dataset.pane.split("-");
      Touch.listen(canvas, { isFree, pan, zoom, fly, press, point, whole });
      drag(edge, canvas);
      return pane;
    }

    function picture(path) {
      if (!images.has(path)) {
        const image = new Image();
        image.addEventListener("load", redraw);
        image.src = root + path;
        images.set(path, image);
      }
      return images.get(path);
    }

    // The pictures of a pane, null where its entry has none.
    function picturesOf(pane) {
      const path = pane.kind === "truth" ? told.truth : entries[Number(pane.number)]?.path;
      if (!path) return null;
      // Of the error there is no large picture of the whole.
      if (pane.kind === "error") return { sheet: picture(`${path}/zoom-error.webp`) };
      return { sheet: picture(`${path}/zoom.webp`), portrait: picture(`${path}/portrait.webp`) };
    }

    // Moves

    function look(next, keep = true) {
      view = plane.clamp(next);
      tell();
      redraw();
      clearTimeout(settling);
      if (keep) settling = setTimeout(remember, SETTLED_MS);
    }

    function land() {
      cancelAnimationFrame(flight);
      goal = null;
    }

    function flyTo(wanted) {
      land();
      const target = plane.clamp(wanted);
      const { u, v } = plane.placeIn(view, target);
      if (calm.matches || Math.hypot(u, v) > 3) return look(target);
      const from = view, began = performance.now(), ratio = 2 ** (from.octave - target.octave);
      goal = target;
      const advance = (now) => {
        const t = Math.min(1, Math.max(0, (now - began) / FLIGHT_MS));
        if (t === 1) {
          goal = null;
          return look(target);
        }
        flight = requestAnimationFrame(advance);
        const eased = 1 - (1 - t) ** 3;
        // The centre so that the target is never lost sight of.
        const way = Math.abs(ratio - 1) < 1e-6 ? eased : (ratio ** eased - 1) / (ratio - 1);
        look({
          x: from.x + way * (target.x - from.x), y: from.y + way * (target.y - from.y),
          octave: from.octave + eased * (target.octave - from.octave),
        });
      };
      flight = requestAnimationFrame(advance);
    }

    function isFree(by) {
      return by > 0 ? view.octave < plane.deepest : view.octave > 0;
    }

    function pan(u, v) {
      land();
      look({ ...plane.pointIn(view, -u, -v), octave: view.octave });
    }

    function zoom(u, v, by) {
      land();
      look(plane.zoom(view, u, v, by));
    }

    function fly(u, v, by) {
      flyTo(plane.zoom(goal ?? view, u, v, by));
    }

    function whole() {
      flyTo(plane.whole);
    }

    // A press on a landmark's ring leads there.
    function press(u, v) {
      const { clientWidth: w, clientHeight: h } = panes.find(isShown).canvas;
      const near = told.landmarks.findIndex((landmark) => {
        const at = plane.placeIn(view, landmark);
        return hasRings() && Math.hypot((at.u - u) * w, (at.v - v) * h) < 2 * RING_PX;
      });
      if (near >= 0) flyTo(plane.at(near, 3));
    }

    function choose({ target }) {
      if (target.name === "layer") showLayer();
      else if (target.name === "manner") box.classList.toggle("swiping", target.value === "swipe");
      else if (target.name === "octave") flyTo({ ...anchor(), octave: Number(slider.value) });
      else if (target.name === "landmark") flyTo(plane.at(Number(target.value), Math.max(1, Math.round((goal ?? view).octave))));
      redraw();
    }

    // What the slider zooms about: the landmark, where one was chosen, as the whole window's centre is another.
    function anchor() {
      const chosen = places.find((each) => each.checked);
      return chosen ? told.landmarks[chosen.value] : view;
    }

    // What is in view, in words

    function tell() {
      const index = plane.panelOf(view);
      const octave = Math.round(view.octave);
      const times = (2 ** view.octave).toLocaleString("en", { maximumSignificantDigits: view.octave < 3 ? 2 : 3 });
      const at = places.findIndex((each, k) => {
        const { u, v } = plane.placeIn(view, plane.at(k, view.octave));
        return Math.hypot(u, v) < 0.02;
      });
      // In the whole window every landmark is as good: the one chosen stays.
      if (at < 0 || view.octave > 0.5 || !places.some((each) => each.checked)) places.forEach((each, k) => { each.checked = k === at; });
      slider.value = octave;
      slider.setAttribute("aria-valuetext", `times ${times}`);
      find("value").textContent = `× ${times}`;
      const words = `${at >= 0 && view.octave > 0.5 ? told.landmarks[at].name : `${view.x.toFixed(5)}, ${view.y.toFixed(5)}`} at magnification ${times}`;
      const finest = plane.depthAt(view);
      find("hint").textContent = view.octave > finest + 1
        ? `About this place pictures were recorded down to × ${2 ** finest}: what is seen is that one, magnified. Deeper ones lie about the places named above.`
        : "";
      const said = [];
      for (const pane of panes) {
        pane.canvas.setAttribute("aria-label", `${pane.title.textContent}: ${words}`);
        const entry = pane.kind === "prediction" && entries[Number(pane.number)];
        if (!entry) continue;
        const [score, mean] = [index < 0 ? null : entry.scores[index], entry.depth?.[octave]];
        const parts = score === null ? [] : [score < -10 ? "s < −10 here" : `s = ${minus(score)} here`];
        if (mean !== undefined) parts.push(`scored mean ${minus(mean)}`);
        pane.score.textContent = parts.join(" · ");
        said.push(`${pane.title.textContent} ${pane.score.textContent}`);
      }
      find("live").textContent = [words, ...said].join(", ");
    }

    function minus(value) {
      return value.toFixed(2).replace("-", "−");
    }

    // The address

    function remember() {
      const digits = Math.ceil(view.octave * Math.log10(2)) + 4;
      const place = `#x=${view.x.toFixed(digits)}&y=${view.y.toFixed(digits)}&m=${+(2 ** view.octave).toPrecision(5)}`;
      try {
        history.replaceState(null, "", `${location.pathname}${location.search}${place}`);
      } catch {} // some browsers forbid it on a local file
    }

    function recall(behavior) {
      const fields = new URLSearchParams(location.hash.slice(1));
      const [x, y, m] = ["x", "y", "m"].map((name) => (fields.has(name) ? Number(fields.get(name)) : NaN));
      if (![x, y, m].every(Number.isFinite) || m <= 0) return false;
      land();
      look({ x, y, octave: Math.log2(m) }, false);
      box.scrollIntoView({ block: "center", behavior });
      return true;
    }

    // Pictures

    function isShown(pane) {
      return pane.canvas.clientWidth > 0;
    }

    function hasRings() {
      return view.octave < 2.5;
    }

    function redraw() {
      if (!frame) frame = requestAnimationFrame(draw);
    }

    function draw() {
      frame = 0;
      const swiping = box.classList.contains("swiping");
      const truth = { sheet: picture(`${told.truth}/zoom.webp`), portrait: picture(`${told.truth}/portrait.webp`) };
      for (const pane of panes) {
        const pictures = picturesOf(pane);
        pane.figure.hidden = pictures === null;
        if (pictures === null || !isShown(pane)) continue;
        const { canvas } = pane;
        const density = Math.min(2, devicePixelRatio || 1);
        const [w, h] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * density));
        if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
        canvas.style.touchAction = view.octave > 0 ? "none" : "pan-y"; // the whole window has nowhere to go
        const context = canvas.getContext("2d");
        context.clearRect(0, 0, w, h);
        plane.draw(context, view, pictures, 1);
        const isCut = swiping && pane.kind !== "truth";
        if (isCut) plane.draw(context, view, truth, cutter.value / 100);
        pane.edge.hidden = !isCut;
        pane.edge.style.left = `${cutter.value}%`;
        if (hasRings()) drawRings(context, density, pane === panes.find(isShown));
      }
    }

    // Where deep pictures lie. Names stand in the first picture alone.
    function drawRings(context, density, named) {
      context.save();
      context.scale(density, density);
      const [w, h] = [context.canvas.width / density, context.canvas.height / density];
      context.font = `12px ${getComputedStyle(box).fontFamily}`;
      for (const landmark of told.landmarks) {
        const { u, v } = plane.placeIn(view, landmark);
        const [x, y] = [(u + 0.5) * w, (v + 0.5) * h];
        for (const [style, line] of [["#000000b0", 4], ["#ffffff", 1.6]]) {
          Object.assign(context, { strokeStyle: style, lineWidth: line });
          context.beginPath();
          context.arc(x, y, RING_PX, 0, 2 * Math.PI);
          context.stroke();
        }
        if (!named || w < 300) continue;
        // To the right of its ring, or below it where the picture ends.
        const fits = x + RING_PX + 6 + context.measureText(landmark.name).width < w;
        Object.assign(context, { textAlign: fits ? "left" : "right", textBaseline: "middle", strokeStyle: "#000000d0", lineWidth: 3, fillStyle: "#ffffff" });
        const at = fits ? [x + RING_PX + 4, y] : [x + RING_PX, y + RING_PX + 10];
        context.strokeText(landmark.name, ...at);
        context.fillText(landmark.name, ...at);
      }
      context.restore();
    }

    // The pointer's place is marked in every other picture.
    function point(u, v) {
      for (const { holder } of panes) {
        const mark = holder.querySelector("i:not(.cut)");
        mark.classList.toggle("on", u !== null);
        if (u === null) continue;
        mark.style.left = `${100 * (u + 0.5)}%`;
        mark.style.top = `${100 * (v + 0.5)}%`;
      }
    }

    // The edge of a swipe is dragged.
    function drag(edge, canvas) {
      edge.addEventListener("pointerdown", (event) => {
        edge.setPointerCapture(event.pointerId);
        event.preventDefault();
      });
      edge.addEventListener("pointermove", (event) => {
        if (!edge.hasPointerCapture(event.pointerId)) return;
        const { left, width } = canvas.getBoundingClientRect();
        cutter.value = (100 * (event.clientX - left)) / width;
        redraw();
      });
    }

    // On a phone, and in a swipe, one picture is in view, and a switch says which.
    function offerLayers() {
      for (const { figure } of panes) {
        const label = document.createElement("label");
        const choice = document.createElement("input");
        Object.assign(choice, { type: "radio", name: "layer", value: figure.dataset.pane, checked: figure.dataset.pane === "prediction-0" });
        const words = document.createElement("span");
        words.textContent = figure.dataset.layer;
        label.append(choice, words);
        layers.append(label);
      }
      showLayer();
    }

    function showLayer() {
      const chosen = layers.querySelector(":checked").value;
      for (const { figure } of panes) figure.classList.toggle("chosen", figure.dataset.pane === chosen);
    }

    return {
      choose(chosen) {
        entries = chosen;
        tell();
        redraw();
      },
    };
  }

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-zoom]");
    const told = box && Data.own().zoom;
    if (told && told.entries.length) start(box, told);
  });

  return { start };
})();
