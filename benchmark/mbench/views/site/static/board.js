// The board: which track and family is in view, which rows, and in what order. Without it every track is shown in full.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-filters]");
  if (!form) return;
  const count = form.querySelector("[data-count]");
  const parts = [...document.querySelectorAll("[data-track]")];
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => show());

  for (const table of document.querySelectorAll("table.board")) {
    for (const heading of table.tHead.rows[0].cells) {
      heading.querySelector("button").addEventListener("click", () => turn(table, heading));
    }
  }

  // What is in view stands in the address, so that a view can be sent to somebody.
  const wanted = new URLSearchParams(location.search);
  for (const name of ["track", "family", "find"]) {
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
    const family = form.elements.family.value;
    const find = form.elements.find.value.trim().toLowerCase();
    const onlyRanked = form.elements.ranked.checked;
    for (const part of parts) {
      part.hidden = part.dataset.track !== track;
      if (part.hidden) continue;
      const table = part.querySelector("table.board");
      focus(table, family);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        row.hidden = !row.dataset.name.toLowerCase().includes(find) || (onlyRanked && !("ranked" in row.dataset));
        shown += !row.hidden;
      }
      const all = table.tBodies[0].rows.length;
      count.textContent = shown === all ? `${all} entries` : `${shown} of ${all} entries`;
    }
    remember({ track, family: family === "all" ? "" : family, find, ranked: onlyRanked ? "1" : "" });
    document.dispatchEvent(new CustomEvent("mbench-track", { detail: track }));
  }

  // Show the columns of one family, its tasks among them, and sort by its score; or those of the whole board.
  function focus(table, family) {
    const before = table.dataset.focus || "all";
    table.dataset.focus = family;
    for (const row of table.rows) {
      for (const cell of row.cells) {
        const own = cell.dataset.family;
        const detail = "detail" in cell.dataset;
        cell.hidden = family === "all" ? detail : own !== undefined && own !== family;
      }
    }
    if (before !== family) {
      const name = family === "all" ? "rank" : family;
      const heading = [...table.tHead.rows[0].cells].find((cell) => cell.dataset.name === name);
      sort(table, heading, heading.dataset.first);
    }
  }

  function turn(table, heading) {
    const now = heading.getAttribute("aria-sort");
    const first = heading.dataset.first;
    sort(table, heading, now === null ? first : now === "ascending" ? "descending" : "ascending");
    const order = heading.getAttribute("aria-sort");
    count.textContent = `Sorted by ${heading.textContent.trim()}, ${order}`;
  }

  function sort(table, heading, order) {
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows];
    const values = new Map(rows.map((row) => [row, read(row.cells[heading.cellIndex], heading)]));
    rows.sort((a, b) => {
      const [x, y] = [values.get(a), values.get(b)];
      if (x === null || y === null) return (x === null) - (y === null); // what is missing stays last
      return sign * (typeof x === "string" ? x.localeCompare(y) : x - y) || a.cells[0].dataset.value - b.cells[0].dataset.value;
    });
    table.tBodies[0].append(...rows);
  }

  function read(cell, heading) {
    const text = cell.dataset.value;
    if (text === "") return null;
    return heading.dataset.name === "name" ? text : Number(text);
  }

  function remember(view) {
    const query = new URLSearchParams(Object.entries(view).filter(([, value]) => value));
    try {
      history.replaceState(null, "", `?${query}${location.hash}`);
    } catch {} // some browsers forbid it on a local file
  }
});
