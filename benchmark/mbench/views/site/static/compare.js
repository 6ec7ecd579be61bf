// Two entries side by side, from the page's data; which two, the address says.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-compare]");
  if (!form) return;
  const told = Chart.data();
  const byId = new Map(told.entries.map((entry) => [entry.id, entry]));
  const verdict = document.querySelector("[data-verdict]");
  const table = document.querySelector("[data-versus]");
  const chart = document.querySelector('[data-plot="versus"]');
  const noTiles = document.querySelector("[data-no-tiles]");
  const box = document.querySelector("[data-zoom]");
  const zoom = Zoom.start(box, told.zoom);
  const ROWS = told.columns.map((column) => [ // words, value, digits, is less better?
    column.title, (e) => (e[column.name] === null ? null : e[column.name] / column.scale), column.digits, column.lower_is_better,
  ]);

  for (const side of ["a", "b"]) fill(form.elements[side]);
  const wanted = new URLSearchParams(location.search);
  const first = told.entries[0].id;
  form.elements.a.value = byId.has(wanted.get("a")) ? wanted.get("a") : first;
  const other = told.entries.find((e) => e.track === byId.get(form.elements.a.value).track && e.id !== form.elements.a.value);
  form.elements.b.value = byId.has(wanted.get("b")) ? wanted.get("b") : (other || told.entries[0]).id;
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", change);
  form.querySelector("[data-swap]").addEventListener("click", () => {
    [form.elements.a.value, form.elements.b.value] = [form.elements.b.value, form.elements.a.value];
    change();
  });
  show();
  Chart.redraw(chart, drawDepth);

  function fill(select) {
    for (const track of told.tracks) {
      const group = document.createElement("optgroup");
      group.label = track;
      for (const entry of told.entries.filter((each) => each.track === track)) {
        group.append(new Option(entry.list === "board" ? entry.label : `${entry.label} (${entry.list})`, entry.id));
      }
      select.append(group);
    }
  }

  function chosen() {
    return ["a", "b"].map((side) => byId.get(form.elements[side].value));
  }

  function change() {
    show();
    drawDepth();
  }

  function show() {
    const [a, b] = chosen();
    table.replaceChildren(heading(a, b), body(a, b));
    verdict.textContent = judge(a, b);
    const bare = [a, b].filter((entry) => !entry.tiles);
    noTiles.hidden = !bare.length;
    noTiles.textContent = `No tiles of ${[...new Set(bare.map((entry) => entry.label))].join(" and ")}: its own page says how to make them.`;
    const titles = box.querySelectorAll("figcaption b");
    titles[1].textContent = a.label;
    titles[2].textContent = b.label;
    titles[3].textContent = `${a.label}, error`;
    titles[4].textContent = `${b.label}, error`;
    zoom.choose([a.tiles, b.tiles]);
    try {
      history.replaceState(null, "", `?a=${a.id}&b=${b.id}${location.hash}`);
    } catch {} // some browsers forbid it on a local file
  }

  function drawDepth() {
    const looks = ["series-0", "series-1"];
    Depth.draw(chart, chosen().map((e, i) => ({ label: e.label, look: looks[i], profiles: e.profiles })), false);
  }

  function judge(a, b) {
    if (a === b) return "Twice the same entry.";
    if (a.track !== b.track) return `They are of different tracks, ${a.track} and ${b.track}: their samples differ, and so their scores do not compare.`;
    const pair = told.pairs.find(([x, y]) => (x === a.id && y === b.id) || (x === b.id && y === a.id));
    if (!pair) return "No test is between them: both have to be ranked for that, and a track of one replicate allows none.";
    const [better, , difference, p, separated] = pair;
    const words = `${byId.get(better).label} is ${Math.abs(difference).toFixed(2)} ahead, p = ${p.toPrecision(2)} after Holm's correction`;
    return separated ? `${words}: the test separates them.` : `${words}: the test does not separate them.`;
  }

  function heading(a, b) {
    const head = document.createElement("thead");
    const row = head.insertRow();
    const cells = [["", null], [a.label, a.href], [b.label, b.href], ["Difference", null]];
    for (const [words, href] of cells) {
      const cell = document.createElement(words ? "th" : "td");
      if (words) cell.scope = "col";
      const inner = href ? document.createElement("a") : cell;
      if (href) { inner.href = href; cell.append(inner); }
      inner.append(words);
      row.append(cell);
    }
    return head;
  }

  function body(a, b) {
    const made = document.createElement("tbody");
    for (const [words, value, digits, less] of ROWS) {
      const row = made.insertRow();
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = words;
      row.append(name);
      const [x, y] = [value(a), value(b)];
      const show = (number) => (number === null ? "–" : number.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
      const both = x !== null && y !== null && x !== y;
      for (const [mine, theirs] of [[x, y], [y, x]]) {
        const cell = row.insertCell();
        cell.textContent = show(mine);
        if (both && (less ? mine < theirs : mine > theirs)) cell.className = "better";
      }
      const difference = row.insertCell();
      difference.textContent = x === null || y === null ? "–" : `${x - y > 0 ? "+" : ""}${show(x - y).replace("-", "−")}`;
    }
    return made;
  }
});
