// The board's plots: score against cost, worth against cost, every depth profile, error against sample size. The best,
// k-NN, the best network and the front are named where they lie; the rest is faint until it is pointed at.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-costs]");
  if (!form) return;
  const tasks = document.querySelector("[data-curves]"); // not there where no curve was measured
  let track = document.querySelector("input[name=track]:checked").value;
  let told = null; // what `data/TRACK-plots.js` says
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", draw);
  document.addEventListener("mbench-track", (event) => {
    if (event.detail === track) return;
    track = event.detail;
    load();
  });
  const MOST_STOPS = 8; // reasons under the curves; each line says its own
  const MOST_NAMES = 60; // links under a chart; the board has all
  const ROLES = { best: ", the best", network: ", the best network" }; // said behind a name
  const place = (name) => document.querySelector(`[data-plot="${name}"]`);
  // Not before the page is there: nobody sees the plots first.
  if (document.readyState === "complete") load();
  else addEventListener("load", load);
  Chart.redraw(place("pareto"), draw, true);
  Chart.redraw(place("depth"), drawDepth, true);
  if (tasks) {
    tasks.addEventListener("submit", (event) => event.preventDefault());
    tasks.addEventListener("input", drawCurves);
    Chart.redraw(place("curves"), drawCurves, true);
  }

  async function load() {
    const wanted = track;
    const found = await Data.get(`${wanted}-plots`);
    if (!found || wanted !== track) return;
    told = found;
    form.hidden = false;
    if (tasks) tasks.hidden = tasks.elements.task.length === undefined; // of one task there is nothing to choose
    draw();
    drawDepth();
    drawCurves();
  }

  function entries() {
    return told.entries.filter((entry) => entry.mandelbrot !== null);
  }

  function draw() {
    if (!told) return;
    const cost = form.elements.cost.value;
    const known = entries().filter((entry) => entry[cost] > 0);
    scatter(place("pareto"), known, cost, {
      value: (e) => e.mandelbrot, interval: (e) => e.mandelbrot_interval, label: "Mandelbrot score", front: true, line: 100,
    });
    scatter(place("worth"), known.filter((e) => e.worth >= 1e-3), cost, { value: (e) => e.worth, label: "worth ×", log: true, line: 1 });
  }

  function scatter(where, known, cost, { value, interval = () => null, label, log = false, front = false, line }) {
    if (!known.length) {
      where.textContent = "No entry has this number.";
      return;
    }
    const xs = known.map((e) => e[cost]);
    const ys = known.flatMap((e) => [value(e), ...(interval(e) || [])]).concat(line);
    const low = Math.min(...ys), high = Math.max(...ys), room = 0.1 * (high - low);
    const chart = Chart.frame(where, {
      label: `${label} against ${told.costs[cost]}`,
      x: { domain: [Math.min(...xs) / 1.6, Math.max(...xs) * 1.9], log: true, label: told.costs[cost] },
      y: { domain: log ? [low / 1.4, high * 1.4] : [Math.max(0, low - room), high + room], log },
    });
    const { svg, toX, toY } = chart;
    svg.append(Chart.element("line", { class: "level", x1: chart.left, x2: chart.right, y1: toY(line), y2: toY(line) }));
    const best = front ? findFront(known, cost, value) : new Set();
    if (front) svg.append(Chart.element("path", { class: "front", d: step([...best], chart, cost, value) }));
    const looks = marked(known);
    const named = new Set([...looks.keys(), ...best]);
    const taken = (named.size < known.length ? [...named] : known).map((e) => [toX(e[cost]) - 6, toY(value(e)) - 6, toX(e[cost]) + 6, toY(value(e)) + 6]);
    // What is named comes last, over the rest, and finds its place first.
    for (const entry of [...known.filter((e) => !named.has(e)), ...[...named].filter((e) => known.includes(e))]) {
      const [x, y] = [toX(entry[cost]), toY(value(entry))];
      const link = Chart.element("a", { href: entry.href, class: named.has(entry) ? "point named" : "point" });
      const ends = interval(entry);
      if (ends) link.append(Chart.element("line", { class: "whisker", x1: x, x2: x, y1: toY(ends[0]), y2: toY(ends[1]) }));
      // A square on the front, a circle off it: nobody needs the colour to tell.
      link.append(best.has(entry) ? Chart.element("rect", { x: x - 5, y: y - 5, width: 10, height: 10 }) : Chart.element("circle", { cx: x, cy: y, r: 5 }));
      link.append(Chart.element("circle", { class: "touch", cx: x, cy: y, r: 14 }));
      if (named.has(entry) || known.length <= 12) {
        const role = ROLES[looks.get(entry)] || "";
        name(link, entry.name + role, x, y, chart, taken) || name(link, entry.name, x, y, chart, taken);
      }
      const lines = [entry.name, `${label} ${Chart.short(value(entry))}`, `${Chart.short(entry[cost])} ${told.costs[cost].split(",")[0]}`];
      if (ends) lines.push(`95% interval ${ends.map(Chart.short).join(" to ")}`);
      Chart.speak(chart, link, x, y, lines);
      svg.append(link);
    }
  }

  // Write a name beside its point where no other name is: right, left, above or below. Returns whether there is room.
  function name(link, words, x, y, chart, taken) {
    const wide = 6.8 * words.length;
    for (const [dx, dy, anchor] of [[10, 4, "start"], [-10, 4, "end"], [0, -10, "middle"], [0, 20, "middle"], [-8, -12, "end"], [8, 20, "start"], [0, -26, "middle"], [0, 36, "middle"]]) {
      const left = x + dx - (anchor === "end" ? wide : anchor === "middle" ? wide / 2 : 0);
      const box = [left, y + dy - 10, left + wide, y + dy + 3];
      const free = box[0] > chart.left && box[2] < chart.right && box[1] > chart.top && box[3] < chart.bottom &&
        taken.every((b) => box[2] < b[0] || box[0] > b[2] || box[3] < b[1] || box[1] > b[3]);
      if (!free) continue;
      taken.push(box);
      link.append(Chart.element("text", { x: x + dx, y: y + dy, "text-anchor": anchor }, words));
      return true;
    }
    return false;
  }

  function findFront(known, cost, value) {
    const front = new Set();
    let top = -Infinity;
    for (const entry of [...known].sort((a, b) => a[cost] - b[cost] || value(b) - value(a))) {
      if (value(entry) > top) front.add(entry);
      top = Math.max(top, value(entry));
    }
    return front;
  }

  function step(front, chart, cost, value) {
    const points = [];
    for (const entry of front) {
      const [x, y] = [chart.toX(entry[cost]), chart.toY(value(entry))];
      if (points.length) points.push([x, points.at(-1)[1]]);
      points.push([x, y]);
    }
    if (points.length) points.push([chart.right, points.at(-1)[1]]);
    return Chart.path(points);
  }

  // The best of some entries, k-NN and the best network, each with the look of its line: at most three.
  function marked(some) {
    const ordered = some.filter((entry) => !entry.is_claim).sort((a, b) => b.mandelbrot - a.mandelbrot);
    const found = new Map();
    for (const [entry, look] of [[ordered[0], "best"], [ordered.find((e) => e.kind === "knn"), "knn"], [ordered.find((e) => e.kind === "network"), "network"]]) {
      if (entry && !found.has(entry)) found.set(entry, look);
    }
    return found;
  }

  function drawDepth() {
    if (!told) return;
    const shown = entries().filter((entry) => entry.depth.length);
    const where = place("depth");
    if (!shown.length) {
      where.textContent = "No entry has a depth profile.";
      return;
    }
    const last = shown[0].depth.length - 1;
    const chart = Chart.frame(where, {
      label: "Share of variance explained against octave", height: 420,
      x: { domain: [0, last], label: "octave: a window 2 to this power times smaller", ticks: [...Array(last + 1).keys()] },
      y: { domain: [0, 1], ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] },
    });
    const looks = marked(shown);
    drawLines(chart, shown.map((entry) => {
      const points = entry.depth.map((share, k) => [chart.toX(k), chart.toY(share)]);
      const half = points.findIndex(([, y]) => y > chart.toY(0.5));
      const words = [entry.name, `${entry.depth_octaves.toFixed(2)} octaves`];
      return { ...entry, points, words, at: points[Math.max(0, half)], look: looks.get(entry) };
    }));
  }

  function drawCurves() {
    if (!tasks || !told) return;
    const where = place("curves");
    const shown = told.curves[tasks.elements.task.value];
    if (!shown) {
      where.textContent = "No entry of this track has a measured curve of this task.";
      return;
    }
    const known = (points) => points.map(([n, error]) => [n, Math.max(error, 1e-12)]); // 0 has no place on a log axis
    const lines = shown.lines.filter((line) => line.points.length).map((line) => ({ ...line, known: known(line.points) }));
    const sizes = lines.flatMap((line) => line.known.map(([n]) => n));
    const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
    const frozen = known(shown.frozen).filter(([n]) => n >= low && n <= high);
    const errors = [...frozen, ...lines.flatMap((line) => line.known)].map(([, error]) => error);
    const chart = Chart.frame(where, {
      label: `${shown.measure} against points in the sample`, height: 480,
      x: { domain: [low / 1.1, high * 1.1], log: true, label: "points in the sample" },
      y: { domain: [Math.min(...errors) / 1.2, Math.max(...errors) * 1.2], log: true, format: (y) => `${+y.toPrecision(2)}` },
    });
    const put = ([n, error]) => [chart.toX(n), chart.toY(error)];
    const kinds = new Map(told.entries.map((entry) => [entry.href, entry.kind]));
    const network = lines.find((line) => kinds.get(line.href) === "network"); // they come best first
    const look = (line) => (line === lines[0] ? "best" : kinds.get(line.href) === "knn" ? "knn" : line === network ? "network" : undefined);
    drawLines(chart, lines.map((line) => {
      const [n, error] = line.points.at(-1);
      const words = [line.name, `${+error.toPrecision(3)} at ${n.toLocaleString("en")} points`];
      if (error >= 1) words.push("no better than the mean of the sample");
      if (line.stop) words.push(`ends: ${tellStop(line.stop)}`);
      const points = line.known.map(put);
      return { ...line, points, words, at: points.at(-1), look: look(line), isCut: Boolean(line.stop) };
    }));
    chart.svg.append(Chart.element("path", { class: "frozen", d: Chart.path(frozen.map(put)) }));
    const stopped = shown.lines.filter((line) => line.stop);
    if (!stopped.length) return;
    const note = document.createElement("p");
    note.className = "note";
    const said = stopped.slice(0, MOST_STOPS).map((line) => `${line.name} at ${tellStop(line.stop)}`);
    note.textContent = `A cross ends a line whose next sample failed: ${said.join("; ")}${stopped.length > MOST_STOPS ? `; and ${stopped.length - MOST_STOPS} more` : ""}.`;
    where.append(note);
  }

  function tellStop([n, reason]) {
    return `${n.toLocaleString("en")} points, ${reason.replace(/\.$/, "")}`;
  }

  // Draw lines that light up, and under the chart a link for each, or for the first of very many.
  // lines: {name, href, points, words, at, look}, in pixels; what has a look is named on the line.
  function drawLines(chart, lines) {
    const names = document.createElement("div");
    names.className = "names";
    const taken = [];
    for (const { name, href, points, words, at, look, isCut } of [...lines.filter((each) => !each.look), ...lines.filter((each) => each.look)]) {
      const line = Chart.element("a", { href, class: `line${look ? ` marked ${look}` : ""}`, tabindex: "-1" });
      line.append(Chart.element("path", { d: Chart.path(points) }), Chart.element("path", { class: "touch", d: Chart.path(points) }));
      if (isCut) line.append(Chart.element("path", { class: "stop", d: cross(points.at(-1)) }));
      Chart.speak(chart, line, ...at, words);
      chart.svg.append(line);
      if (look) label(line, name, ROLES[look] || "", at, chart, taken);
      const link = document.createElement("a");
      link.href = href;
      link.textContent = name;
      if (look) link.className = "marked";
      names[look ? "prepend" : "append"](link);
      if (names.childElementCount > MOST_NAMES) names.lastElementChild.remove();
      for (const node of [line, link]) {
        for (const event of ["pointerenter", "focus"]) node.addEventListener(event, () => light(line, link, true));
        for (const event of ["pointerleave", "blur"]) node.addEventListener(event, () => light(line, link, false));
      }
    }
    chart.place.append(names);
  }

  function cross([x, y]) {
    return `M${x - 5} ${y - 5}l10 10M${x - 5} ${y + 5}l10 -10`;
  }

  // Write a line's name beside the point it is asked at: to the right where there is room, off the names already there.
  // role: said behind it where that has room, too.
  function label(line, words, role, [x, y], chart, taken) {
    const wide = (text) => 7 * text.length + 12;
    const fits = (text) => x + wide(text) <= chart.right || x - wide(text) >= chart.left;
    const text = fits(words + role) ? words + role : words;
    const right = x + wide(text) <= chart.right;
    const start = right ? x + 10 : Math.max(chart.left + 4, x + 2 - wide(text));
    let at = Math.max(chart.top + 12, y + 4);
    while (taken.some(([row, from, to]) => Math.abs(row - at) < 15 && from < start + wide(text) && to > start)) at += 15;
    taken.push([at, start, start + wide(text)]);
    line.append(Chart.element("text", { x: start, y: at }, text));
  }

  function light(line, link, on) {
    line.classList.toggle("lit", on);
    link.classList.toggle("lit", on);
    if (on && line.nextSibling) line.parentNode.append(line); // moved while it is pressed, it would not be clicked
  }
});
