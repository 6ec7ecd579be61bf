// Two entries side by side; which two, the address says. Each one's data load when it is chosen.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-compare]");
  if (!form) return;
  const told = Data.own();
  const verdict = document.querySelector("[data-verdict]");
  const table = document.querySelector("[data-versus]");
  const chart = document.querySelector('[data-plot="versus"]');
  const zoomed = document.querySelector("[data-zoomed]");
  const box = document.querySelector("[data-zoom]");
  const zoom = Zoom.start(box, told.zoom);
  const TOLERANCE = Number(table.dataset.tolerance);
  let turn = 0; // the choice that is awaited; an earlier one that comes later is dropped
  let pair = null;

  for (const side of ["a", "b"]) fill(form.elements[side]);
  const ids = [...form.elements.a.options].map((option) => option.value);
  const known = new Set(ids);
  const wanted = new URLSearchParams(location.search);
  form.elements.a.value = known.has(wanted.get("a")) ? wanted.get("a") : ids[0];
  const track = form.elements.a.value.split("/")[0];
  const other = ids.find((id) => id.startsWith(`${track}/`) && id !== form.elements.a.value);
  form.elements.b.value = known.has(wanted.get("b")) ? wanted.get("b") : other || ids[0];
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", change);
  form.querySelector("[data-swap]").addEventListener("click", () => {
    [form.elements.a.value, form.elements.b.value] = [form.elements.b.value, form.elements.a.value];
    change();
  });
  Chart.redraw(chart, drawDepth, true);
  change();

  function fill(select) {
    for (const [name, { entries }] of Object.entries(told.tracks)) {
      const group = document.createElement("optgroup");
      group.label = name;
      for (const [slug, label, list] of entries) group.append(new Option(list ? `${label} (${list})` : label, `${name}/${slug}`));
      select.append(group);
    }
  }

  async function change() {
    const mine = ++turn;
    const chosen = ["a", "b"].map((side) => form.elements[side].value);
    try {
      history.replaceState(null, "", `?a=${chosen[0]}&b=${chosen[1]}${location.hash}`);
    } catch {} // some browsers forbid it on a local file
    const found = await Promise.all(chosen.map((id) => Data.get(id)));
    if (mine !== turn) return;
    if (found.includes(null)) {
      verdict.textContent = "Its data could not be loaded.";
      return;
    }
    pair = found;
    show(...pair);
    drawDepth();
  }

  function show(a, b) {
    const test = a.track === b.track && a !== b ? Pairs.compare(a, b) : null;
    const holm = told.tracks[a.track].holm;
    const apart = Pairs.separates(a, b, test, holm);
    table.replaceChildren(heading(a, b), body(a, b, apart));
    verdict.textContent = judge(a, b, test, apart, holm);
    zoomed.hidden = !a.tiles && !b.tiles;
    const titles = box.querySelectorAll("figcaption b");
    titles[1].textContent = a.label;
    titles[2].textContent = b.label;
    titles[3].textContent = `${a.label}, error`;
    titles[4].textContent = `${b.label}, error`;
    zoom.choose([a.tiles, b.tiles]);
  }

  function drawDepth() {
    if (!pair) return;
    const looks = ["series-0", "series-1"];
    Depth.draw(chart, pair.map((e, i) => ({ label: e.label, look: looks[i], profiles: e.profiles })), false);
  }

  function judge(a, b, test, apart, holm) {
    if (a === b) return "Twice the same entry.";
    if (a.track !== b.track) return `They are of different tracks, ${a.track} and ${b.track}: their samples differ, and so their scores do not compare.`;
    if (!test) return "No test is between them: both have to be ranked for that, and a track of one replicate allows none.";
    const better = test.difference > 0 ? a : b;
    const level = holm.level.toPrecision(2), p = test.p < 1e-12 ? "below 1e-12" : `= ${test.p.toPrecision(2)}`;
    const words = `${better.label} is ${Math.abs(test.difference).toFixed(2)} ahead, p ${p}`;
    const rule = `among ${holm.pairs.toLocaleString("en")} pairs, Holm's correction separates up to p = ${level}`;
    if (apart) return `${words}: the test separates them (${rule}).`;
    return test.p <= holm.level ? `${words}: less than the leader's own audit leaves open, so they are not separated.` : `${words}: the test does not separate them (${rule}).`;
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

  // A tick says that something is better: a score by the board's test, a cost beyond the tolerance, nothing else.
  function isBetter(column, mine, theirs, apart) {
    if (column.name === "mandelbrot") return apart && mine > theirs;
    return column.lower_is_better && mine < theirs * (1 - TOLERANCE);
  }

  function body(a, b, apart) {
    const made = document.createElement("tbody");
    for (const column of told.columns) {
      const row = made.insertRow();
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = column.title;
      row.append(name);
      const [x, y] = [a, b].map((e) => (e.values[column.name] === null ? null : e.values[column.name] / column.scale));
      const show = (number) => (number === null ? "–" : number.toLocaleString("en", { minimumFractionDigits: column.digits, maximumFractionDigits: column.digits }));
      for (const [mine, theirs] of [[x, y], [y, x]]) {
        const cell = row.insertCell();
        cell.textContent = show(mine);
        if (x !== null && y !== null && a.track === b.track && isBetter(column, mine, theirs, apart)) cell.className = "better";
      }
      const difference = row.insertCell();
      difference.textContent = x === null || y === null ? "–" : `${x - y > 0 ? "+" : ""}${show(x - y).replace("-", "−")}`;
    }
    return made;
  }
});
