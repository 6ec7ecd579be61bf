// Axes, lines and points as SVG, with what a pointer or the keyboard is on said beside it. No page draws otherwise.
"use strict";
const Chart = (function () {
  const NS = "http://www.w3.org/2000/svg";
  const LEFT = 52, RIGHT = 16, TOP = 12, BOTTOM = 46;

  function element(name, attributes = {}, text = "") {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  }

  function scale(domain, range, log) {
    const map = log ? Math.log10 : (x) => x;
    const [a, b] = domain.map(map);
    return (x) => range[0] + ((map(x) - a) / (b - a || 1)) * (range[1] - range[0]);
  }

  // Round numbers within a domain: 1, 2 and 5 of each decade, or the steps of a ruler.
  function ticks([low, high], log, count = 6) {
    const found = [];
    if (log) {
      const decades = Math.log10(high / low);
      const parts = decades > 3.2 ? [1] : decades > 1.6 ? [1, 3] : [1, 2, 5];
      for (let k = Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k++) {
        for (const part of parts) found.push(part * 10 ** k);
      }
    } else {
      const rough = (high - low) / count;
      const unit = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((x) => x * unit).find((x) => x >= rough);
      for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
    }
    return found.filter((x) => x >= low * (1 - 1e-9) && x <= high * (1 + 1e-9));
  }

  function short(value) {
    for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(value) >= size) return `${+(value / size).toPrecision(3)}${unit}`;
    }
    return `${+value.toPrecision(3)}`;
  }

  // Prepare a chart in `place`. x, y: {domain, log, label, ticks, format}.
  function frame(place, { x, y, label, height = 380 }) {
    const width = Math.max(300, Math.round(place.clientWidth || 600));
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label, class: "chart" });
    const toX = scale(x.domain, [LEFT, width - RIGHT], x.log);
    const toY = scale(y.domain, [height - BOTTOM, TOP], y.log);
    const grid = element("g", { class: "grid", "aria-hidden": "true" });
    let last = -Infinity;
    for (const tick of x.ticks || ticks(x.domain, x.log)) {
      grid.append(element("line", { x1: toX(tick), x2: toX(tick), y1: TOP, y2: height - BOTTOM }));
      if (toX(tick) - last < 34) continue; // no room for its words
      last = toX(tick);
      grid.append(element("text", { x: toX(tick), y: height - BOTTOM + 18, "text-anchor": "middle" }, (x.format || short)(tick)));
    }
    for (const tick of y.ticks || ticks(y.domain, y.log)) {
      grid.append(element("line", { x1: LEFT, x2: width - RIGHT, y1: toY(tick), y2: toY(tick) }));
      grid.append(element("text", { x: LEFT - 8, y: toY(tick) + 4, "text-anchor": "end" }, (y.format || short)(tick)));
    }
    grid.append(element("text", { x: (LEFT + width - RIGHT) / 2, y: height - 8, "text-anchor": "middle", class: "axis" }, 6.6 * x.label.length < width - 8 ? x.label : x.label.split(":")[0]));
    svg.append(grid);
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    place.classList.add("holder");
    place.replaceChildren(svg, tip);
    return { svg, toX, toY, tip, width, height, place, right: width - RIGHT, bottom: height - BOTTOM, top: TOP, left: LEFT };
  }

  // Say words (strings, never markup) beside the point (x, y) of a chart.
  function say(chart, x, y, lines) {
    chart.tip.replaceChildren(...lines.map((line, index) => {
      const made = document.createElement(index ? "span" : "b");
      made.textContent = line;
      return made;
    }));
    chart.tip.hidden = false;
    const ratio = chart.svg.clientWidth / chart.width;
    const room = chart.place.clientWidth - chart.tip.offsetWidth - 4;
    chart.tip.style.left = `${Math.max(4, Math.min(room, x * ratio + 12))}px`;
    chart.tip.style.top = `${Math.max(0, y * ratio - chart.tip.offsetHeight - 10)}px`;
  }

  function hush(chart) {
    chart.tip.hidden = true;
  }

  // A link or a group that says `lines` while a pointer or the focus is on it.
  function speak(chart, node, x, y, lines) {
    node.setAttribute("aria-label", lines.join(", "));
    for (const event of ["pointerenter", "focus"]) node.addEventListener(event, () => say(chart, x, y, lines));
    for (const event of ["pointerleave", "blur"]) node.addEventListener(event, () => hush(chart));
    node.addEventListener("keydown", (event) => event.key === "Escape" && hush(chart));
  }

  function path(points) {
    return points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  }

  // Draw, and again when the width changes: letters keep their size. isLate: the first time, somebody else draws.
  function redraw(place, draw, isLate = false) {
    let width = place.clientWidth;
    if (!isLate) draw();
    new ResizeObserver(() => {
      if (Math.abs(place.clientWidth - width) < 8) return;
      width = place.clientWidth;
      draw();
    }).observe(place);
  }

  return { element, frame, say, hush, speak, path, redraw, short };
})();
