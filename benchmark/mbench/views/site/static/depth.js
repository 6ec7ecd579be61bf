// Depth profiles of one entry (both tasks, with quartiles) or of two (both tasks, solid and dashed).
"use strict";
const Depth = (function () {
  const DASHES = { "mandelbrot": "", "mandelbrot-distance": "7 5" };

  // entries: [{label, look, profiles}]; look: the class that colours it.
  function draw(place, entries, withQuartiles) {
    const some = entries.flatMap((entry) => Object.values(entry.profiles));
    if (!some.length) {
      place.textContent = "No depth was recorded.";
      return;
    }
    const last = some[0].mean.length - 1;
    const chart = Chart.frame(place, {
      label: "Share of variance explained against octave",
      x: { domain: [0, last], label: "octave", ticks: [...Array(last + 1).keys()] },
      y: { domain: [0, 1], ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] },
    });
    const rows = [];
    for (const entry of entries) {
      for (const [task, profile] of Object.entries(entry.profiles)) {
        const look = entry.look || `series-${rows.length}`;
        const at = (values) => values.map((value, k) => [chart.toX(k), chart.toY(value)]);
        if (withQuartiles) {
          const edge = [...at(profile.upper_quartile), ...at(profile.lower_quartile).reverse()];
          chart.svg.append(Chart.element("path", { class: `band ${look}`, d: `${Chart.path(edge)}Z` }));
        }
        chart.svg.append(Chart.element("path", { class: `curve ${look}`, d: Chart.path(at(profile.mean)), "stroke-dasharray": DASHES[task] || "" }));
        rows.push({ look, words: [entry.label, task].filter(Boolean).join(", "), mean: profile.mean, dashes: DASHES[task] || "" });
      }
    }
    follow(chart, rows, last);
    place.append(key(rows));
  }

  // A line under the pointer, and the numbers of its octave.
  function follow(chart, rows, last) {
    const rule = Chart.element("line", { class: "rule", y1: chart.top, y2: chart.bottom, visibility: "hidden" });
    chart.svg.append(rule);
    chart.svg.addEventListener("pointermove", (event) => {
      const box = chart.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * chart.width;
      const share = (x - chart.left) / (chart.right - chart.left);
      const octave = Math.min(last, Math.max(0, Math.round(share * last)));
      rule.setAttribute("x1", chart.toX(octave));
      rule.setAttribute("x2", chart.toX(octave));
      rule.setAttribute("visibility", "visible");
      const lines = rows.map((row) => `${row.words} ${row.mean[octave].toFixed(3)}`);
      Chart.say(chart, chart.toX(octave), chart.top + 90, [`Octave ${octave}`, ...lines]);
    });
    chart.svg.addEventListener("pointerleave", () => {
      rule.setAttribute("visibility", "hidden");
      Chart.hush(chart);
    });
  }

  function key(rows) {
    const list = document.createElement("ul");
    list.className = "key";
    for (const row of rows) {
      const item = document.createElement("li");
      const sample = Chart.element("svg", { viewBox: "0 0 34 10", width: 34, height: 10, "aria-hidden": "true" });
      sample.append(Chart.element("path", { class: `curve ${row.look}`, d: "M1 5H33", "stroke-dasharray": row.dashes }));
      const words = document.createElement("span");
      words.textContent = row.words;
      item.append(sample, words);
      list.append(item);
    }
    return list;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector('[data-plot="depth"]');
    if (!place) return;
    const { profiles } = Data.own();
    Chart.redraw(place, () => draw(place, [{ label: "", profiles }], true));
  });

  return { draw };
})();
