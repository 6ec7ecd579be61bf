// The board: which track and columns are in view, which rows, in what order; sparks and bars are drawn from the numbers.
// Without it every track is shown in full.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-filters]");
  if (!form) return;
  const NS = "http://www.w3.org/2000/svg";
  const COLLATOR = new Intl.Collator("en"); // comparing names one by one without it takes ten times as long
  const count = form.querySelector("[data-count]");
  const parts = [...document.querySelectorAll("[data-track]")];
  const { limits } = Data.own();
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => show());

  const MOST = 100; // rows in the page at once, as a browser lays out every one of them
  for (const part of parts) {
    const table = part.querySelector("table.board");
    part.rows = [...table.tBodies[0].rows]; // all of them, in the order in view
    part.most = MOST;
    part.rows.forEach((row, index) => { row.place = index; });
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) turn(part, table, button.closest("th"));
    });
    part.querySelector("[data-more]").addEventListener("click", () => {
      part.most += 10 * MOST;
      fill(part);
    });
  }

  // What is in view stands in the address, so that a view can be sent to somebody.
  const wanted = new URLSearchParams(location.search);
  for (const name of ["track", "columns", "find"]) {
    const field = form.elements[name];
    const value = wanted.get(name);
    // Of a single track there is one button, and no list of them.
    const choices = field.options || (field instanceof RadioNodeList ? field : [field]);
    if (value !== null && (name === "find" || [...choices].some((each) => each.value === value))) {
      field.value = value;
    }
  }
  form.elements.ranked.checked = wanted.has("ranked");
  show();

  function show() {
    const track = form.elements.track.value;
    const columns = form.elements.columns.value;
    const find = form.elements.find.value.trim().toLowerCase();
    const onlyRanked = form.elements.ranked.checked;
    for (const part of parts) {
      part.hidden = part.dataset.track !== track;
      part.removeAttribute("data-later");
      if (part.hidden) continue;
      part.wanted = (row) => row.dataset.name.toLowerCase().includes(find) && (!onlyRanked || "ranked" in row.dataset);
      part.most = MOST;
      focus(part, part.querySelector("table.board"), columns);
      const shown = fill(part);
      const all = part.rows.length;
      count.textContent = shown === all ? `${all} entries` : `${shown} of ${all} entries`;
    }
    remember({ track, columns: columns === "main" ? "" : columns, find, ranked: onlyRanked ? "1" : "" });
    document.dispatchEvent(new CustomEvent("mbench-track", { detail: track }));
  }

  // Put the first of the rows that are wanted into the table, and return how many are.
  function fill(part) {
    const table = part.querySelector("table.board");
    const found = part.rows.filter(part.wanted);
    const shown = found.slice(0, part.most);
    for (const row of shown) choose(table, row);
    table.tBodies[0].replaceChildren(...shown);
    decorate(table);
    const more = part.querySelector("[data-more]");
    more.hidden = found.length <= shown.length;
    more.textContent = `Show more: ${(found.length - shown.length).toLocaleString("en")} entries are not in view`;
    return found.length;
  }

  // Show one set of columns. A family's brings its tasks, which are loaded, and sorts by its score.
  async function focus(part, table, columns) {
    const before = table.dataset.focus || "main";
    if (before === columns && table.dataset.focus) return;
    table.dataset.focus = columns;
    choose(table, table.tHead.rows[0]);
    if (!["main", "costs"].includes(columns) && !table.dataset.detailed) {
      table.dataset.detailed = "1";
      const told = await Data.get(`${part.dataset.track}-tasks`);
      if (told) detail(part, table, told);
    }
    if (before === columns || table.dataset.focus !== columns) return;
    const heading = cellOf(table, columns) || cellOf(table, "rank");
    sort(part, table, heading, heading.dataset.first);
  }

  function cellOf(table, name) {
    return [...table.tHead.rows[0].cells].find((cell) => cell.dataset.name === name);
  }

  // Show a row's cells of the chosen columns. A row that comes into view later is told then.
  function choose(table, row) {
    const columns = table.dataset.focus;
    const head = table.tHead.rows[0].cells;
    if (row.columns === `${columns} ${head.length}`) return;
    row.columns = `${columns} ${head.length}`;
    [...row.cells].forEach((cell, index) => {
      cell.hidden = "sets" in head[index].dataset && !head[index].dataset.sets.split(" ").includes(columns);
    });
  }

  // Add the columns of single tasks, behind their family's numbers, and the intervals of families.
  function detail(part, table, told) {
    const head = table.tHead.rows[0];
    const rows = new Map(part.rows.map((row) => [row.querySelector("a").getAttribute("href").replace(/^.*\/|\.html$/g, ""), row]));
    told.scored.forEach((name, k) => {
      const index = cellOf(table, name).cellIndex;
      for (const [slug, row] of rows) {
        const words = told.rows[slug]?.[1][k];
        const cell = row.cells[index];
        if (!words || cell.querySelector(".interval")) continue;
        const made = document.createElement("span");
        made.className = "interval";
        made.textContent = words;
        cell.append(made);
      }
    });
    told.columns.forEach(([name, title, family, help], k) => {
      const same = [...head.cells].filter((cell) => cell.dataset.family === family || cell.dataset.name === family);
      const index = same.at(-1).cellIndex + 1;
      const made = document.createElement("th");
      Object.assign(made.dataset, { name, first: "descending", sets: `${family} all`, family });
      made.scope = "col";
      const button = document.createElement("button");
      Object.assign(button, { type: "button", title: help, textContent: title });
      made.append(button);
      head.insertBefore(made, head.cells[index] || null);
      for (const [slug, row] of rows) row.insertCell(index).textContent = told.rows[slug]?.[0][k] ?? "–";
    });
    choose(table, head);
    fill(part);
  }

  function turn(part, table, heading) {
    const now = heading.getAttribute("aria-sort");
    const first = heading.dataset.first;
    sort(part, table, heading, now === null ? first : now === "ascending" ? "descending" : "ascending");
    const order = heading.getAttribute("aria-sort");
    const button = heading.querySelector("button");
    count.textContent = `Sorted by ${heading.textContent.trim()}, ${order}`;
    // What a pointer may read from the title, whoever touches or types reads here.
    part.querySelector("[data-helped]").textContent = button.title ? `${heading.textContent.trim()}: ${button.title}.` : "";
  }

  function sort(part, table, heading, order) {
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const { rows } = part;
    const index = heading.cellIndex, name = heading.dataset.name;
    const keys = new Map(rows.map((row) => [row, name === "rank" ? row.place : name === "name" ? row.dataset.name : number(row.cells[index])]));
    rows.sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      if (x === null || y === null) return (x === null) - (y === null) || a.place - b.place; // what is missing stays last
      return sign * (typeof x === "string" ? COLLATOR.compare(x, y) : x - y) || a.place - b.place;
    });
    fill(part);
  }

  // A cell's number as it is written there, or null. Before it nothing stands, behind it what is drawn.
  function number(cell) {
    const value = Number.parseFloat(cell.firstChild ? cell.firstChild.textContent : "");
    return Number.isNaN(value) ? null : value;
  }

  // Draw sparks, and the bars of scores with their intervals, of the rows in view.
  function decorate(table) {
    for (const place of table.querySelectorAll(".spark:empty")) place.append(drawSpark(place.dataset.spark));
    const ends = limits[table.closest("[data-track]").dataset.track];
    for (const [name, limit] of Object.entries(ends)) {
      const heading = cellOf(table, name);
      if (!heading) continue;
      for (const row of table.tBodies[0].rows) {
        const cell = row.cells[heading.cellIndex];
        const interval = cell.querySelector(".interval");
        if (!interval && name !== "mandelbrot") continue;
        const value = number(cell);
        if (value === null || cell.querySelector(".bar")) continue;
        cell.classList.add("score");
        cell.append(drawBar(value, interval ? interval.textContent.match(/-?[\d.]+/g).map(Number) : null, limit));
      }
    }
  }

  function drawSpark(digits) {
    const high = [...digits].map(Number);
    const path = high.map((digit, k) => `M${3 * k} 20v-${(2 * digit + 0.6).toFixed(1)}h2v${(2 * digit + 0.6).toFixed(1)}Z`).join("");
    return draw(`0 0 ${3 * high.length} 20`, [["path", { d: path }]]);
  }

  function drawBar(value, interval, limit) {
    const at = (score) => ((100 * score) / limit).toFixed(2);
    const shapes = [["rect", { class: "rail", width: 100, height: 10 }], ["rect", { class: "fill", width: at(Math.max(0, value)), height: 10 }],
      ["line", { class: "knn", x1: at(100), x2: at(100), y1: 0, y2: 10 }]];
    if (interval) shapes.push(["path", { class: "whisker", d: `M${at(interval[0])} 2v6M${at(interval[0])} 5H${at(interval[1])}M${at(interval[1])} 2v6` }]);
    const made = draw("0 0 100 10", shapes);
    made.setAttribute("class", "bar");
    made.setAttribute("preserveAspectRatio", "none");
    return made;
  }

  function draw(viewBox, shapes) {
    const made = document.createElementNS(NS, "svg");
    for (const [name, value] of Object.entries({ viewBox, "aria-hidden": "true", focusable: "false" })) made.setAttribute(name, value);
    for (const [kind, attributes] of shapes) {
      const shape = document.createElementNS(NS, kind);
      for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
      made.append(shape);
    }
    return made;
  }

  function remember(view) {
    const query = new URLSearchParams(Object.entries(view).filter(([, value]) => value));
    try {
      history.replaceState(null, "", `?${query}${location.hash}`);
    } catch {} // some browsers forbid it on a local file
  }
});
