// The page: panels in lock-step over one view.

import { calm, Flight } from "./flight.js";
import { listen, listenToKeys } from "./gestures.js";
import { cssColour, errorOf, makePalette, paintLegend, paintTile, stretch } from "./paint.js";
import { element, Panel } from "./panel.js";
import { Readout } from "./readout.js";
import { explainedShare, spread } from "./score.js";
import { COARSER, decodePoints, decodeValues, KEPT, TileStore } from "./tiles.js";
import * as views from "./view.js";

const FLIGHT_MS = 450;
const SETTLED_MS = 180;
const PAINTS_PER_FRAME = 24;
const ENDED = "The server has ended. Run mbench explore again, and open the address it prints.";
const LANDMARK_MAGNIFICATION = 64;

const session = await (await fetch("session.json")).json();
const { chart, tile_px: side } = session;
const palettes = { value: makePalette(session.palettes.value), error: makePalette(session.palettes.error) };
const hasPalette = session.n_outputs === 1; // a picture's values are colours themselves
const $ = (id) => document.getElementById(id);

let view = null;
let pointer = null; // where the read-out is, in the task's coordinates
let switches = { points: false, stretch: false };
let range = null; // of the values in view, while colours are stretched
let frame = 0;
let paints = 0;
let settling = 0;

// Layers

const decode = decodeValues;
const truth = { store: new TileStore("tiles/truth", decode, COARSER, update), pictures: new Map(), title: "Truth" };
const results = session.results.map((result) => ({
  ...result,
  store: new TileStore(`tiles/${result.layer}`, decode, COARSER, update),
  points: new TileStore(`points/${result.layer}`, decodePoints, [], update),
  pictures: new Map(),
  errors: new Map(),
  starting: result.state === "starting",
}));
for (const result of results) if (result.state === "failed") result.store.failure = result.reason;

const valuePalette = () => (range ? stretch(palettes.value, ...range) : palettes.value);

/** The painted tile, kept until its palette changes; of many to paint at once some come in the next frame. */
function painted(pictures, key, values, palette) {
  const mark = `${palette.low}/${palette.limit}/${palette.power}`;
  const known = pictures.get(key);
  if (known?.mark === mark || (known && paints >= PAINTS_PER_FRAME)) {
    if (known.mark !== mark) redraw();
    return known.canvas;
  }
  if (paints++ >= PAINTS_PER_FRAME) {
    redraw();
    return null;
  }
  if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value);
  pictures.delete(key);
  const canvas = paintTile(values(), side, palette);
  pictures.set(key, { mark, canvas });
  return canvas;
}

function valuePicture(layer) {
  return (tile) => {
    const values = layer.store.get(tile);
    return values ? painted(layer.pictures, views.keyOf(tile), () => values, valuePalette()) : null;
  };
}

function errorPicture(result) {
  return (tile) => {
    const [predictions, actual] = [result.store.get(tile), truth.store.get(tile)];
    if (!predictions || !actual) return null;
    return painted(result.errors, views.keyOf(tile), () => errorOf(predictions, actual, side), palettes.error);
  };
}

async function restart(result) {
  await fetch(`restart/${result.layer}`, { method: "POST" }).catch(() => null);
  result.starting = true;
  result.store.retry();
  update();
}

// Panels

const main = $("panels");
const panels = [new Panel("Truth", "truth", valuePicture(truth), (tile) => results[0]?.points.get(tile), () => {})];
panels[0].layer = "Truth";
for (const result of results) {
  const points = (tile) => result.points.get(tile);
  const again = () => restart(result);
  result.panel = new Panel(result.name, "prediction", valuePicture(result), points, again);
  const title = results.length > 1 ? `Error of ${result.name}` : "Error";
  result.errorPanel = new Panel(title, "error", errorPicture(result), points, again);
  result.panel.layer = results.length > 1 ? result.name : "Prediction";
  result.errorPanel.layer = title;
  panels.push(result.panel, result.errorPanel);
}
const layers = $("layers"); // of a phone's one map
main.append(...panels.map((panel) => panel.root));
for (const panel of panels) {
  const button = element("button", "", panel.layer);
  button.addEventListener("click", () => showPanel(panel));
  layers.append(button);
}
if (results.length > 1) {
  main.classList.add("rows"); // values above, errors below, and below the truth the read-out
  $("readout").tabIndex = 0; // it scrolls where the window is low
  main.append($("readout"));
}
for (const panel of panels) {
  panel.legend.hidden = !hasPalette && panel.kind !== "error";
  paintLegend(panel.bar, panel.kind === "error" ? palettes.error : palettes.value);
  if (panel.kind === "error") panel.high.textContent = `≥ ${palettes.error.limit}`;
}
const readout = new Readout($("readout"), session, results);

// The view

/** Panels may differ in size by a pixel; that of the first in view is what a magnification means. */
let measured = [1, 1];
const size = () => measured;
const lead = () => panels.find((panel) => panel.isShown) ?? panels[0];
const inView = (panel) => (panel.isShown ? panel : lead());

/** Show one panel where there is room for one. */
function showPanel(panel) {
  for (const [i, each] of panels.entries()) {
    each.root.classList.toggle("chosen", each === panel);
    layers.children[i].setAttribute("aria-pressed", String(each === panel));
  }
  fit();
  redraw();
}

/** Take the room that the page gives, and show as much of the plane as before. */
function fit() {
  const before = view && views.magnification(chart, view, ...size());
  const changed = panels.map((panel) => panel.resize()).some(Boolean);
  const [width, height] = measured;
  measured = [lead().width, lead().height];
  if (!changed && measured[0] === width && measured[1] === height) return;
  if (view === null) open();
  else look({ ...view, scale: views.fitScale(chart, ...size()) / before });
}

function look(next) {
  view = views.clampView(chart, side, next, ...size());
  update();
}

function level() {
  return views.levelFor(chart, side, view, lead(), KEPT / 2); // the other half stands in for missing ones
}

function visible(panel, at) {
  return views.visibleTiles(chart, at, view, panel.width, panel.height);
}

/** The view or what is there changed: ask for what is missing, and draw in the next frame. */
function update() {
  if (view === null) return;
  main.setAttribute("aria-busy", "true");
  const at = level();
  // A panel out of sight on a phone asks for the same tiles; they are there when it is chosen.
  const tiles = visible(inView(panels[0]), at);
  truth.store.want(tiles);
  for (const result of results) {
    if (result.store.tiles.size && result.starting) result.starting = false;
    result.store.want(visible(inView(result.panel), at));
    result.points.want(switches.points ? visible(inView(result.panel), Math.max(0, at - 1)) : []);
  }
  clearTimeout(settling);
  settling = setTimeout(settle, SETTLED_MS);
  redraw();
}

function redraw() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  paints = 0;
  const at = level();
  const style = getComputedStyle(document.documentElement);
  const colours = { canvas: style.getPropertyValue("--canvas") };
  for (const panel of panels.filter((each) => each.isShown)) panel.draw(chart, view, at, { pointer, showPoints: switches.points, colours });
  const deepest = view.scale <= views.pixelWidth(chart, side, chart.max_level) * 1.0001;
  panels[0].say({
    busy: truth.store.busy, failure: truth.store.failure, starting: false, hint: deepest ? depthNote : "",
  });
  for (const result of results) {
    const state = { failure: result.store.failure, starting: result.starting };
    result.panel.say({ ...state, busy: result.store.busy && !state.failure, hint: thinned(result, at) });
    result.errorPanel.say({ ...state, busy: result.store.busy && !state.failure, hint: "" });
  }
  const layers = [truth, ...results];
  const busy = layers.some(({ store }) => store.busy && store.failure === null);
  main.setAttribute("aria-busy", String(busy || frame !== 0)); // a frame that is asked for has tiles to paint
  const gone = layers.some(({ store }) => store.unreachable);
  $("banner").hidden = !gone;
  $("banner").textContent = gone ? ENDED : "";
  readout.show({
    chart, view, at, pointer: pointer ?? view, size: size(), truth: truth.store, palette: valuePalette(),
    errors: palettes.error, cssColour, isCentre: pointer === null,
  });
}

function thinned(result, at) {
  if (!switches.points) return "";
  const found = visible(inView(result.panel), Math.max(0, at - 1)).map((tile) => result.points.get(tile)).filter(Boolean);
  const [shown, all] = [found.reduce((n, f) => n + f.xy.length / 2, 0), found.reduce((n, f) => n + f.total, 0)];
  if (!found.length) return "";
  return shown < all ? `1 training point in ${Math.ceil(all / shown)} shown` : all ? "" : "no training point in view";
}

/** After the last change: the address, the scores and the stretched colours follow. */
function settle() {
  const marks = Object.keys(switches).filter((name) => switches[name]).map((name) => `${name}=1`);
  const fragment = views.writeFragment(chart, view, ...size(), marks);
  history.replaceState(null, "", fragment);
  $("link").value = location.href;
  const [x, y, m] = fragment.slice(1).split("&").map((part) => part.split("=")[1]);
  $("option").value = `--at=${x},${y},${m}`;
  const at = level();
  const tiles = visible(lead(), at);
  if (switches.stretch) range = spread(tiles.map((tile) => truth.store.get(tile)).filter(Boolean)) ?? range;
  for (const result of results) result.panel.score.textContent = scoreIn(result, visible(inView(result.panel), at));
  const palette = valuePalette();
  const write = (value) => String(Number(value.toPrecision(3)));
  for (const panel of panels.filter((each) => each.kind !== "error")) {
    panel.low.textContent = write(palette.low);
    panel.high.textContent = write(palette.limit);
  }
  redraw();
}

/** How well a result explains the view: over the tiles that lie in the window, once all are there. */
function scoreIn(result, tiles) {
  const within = tiles.filter((tile) => {
    const width = chart.side / 2 ** tile.level;
    const x = chart.left + (tile.column + 0.5) * width;
    const y = chart.top + chart.down * (tile.row + 0.5) * width;
    return x > chart.lower[0] && x < chart.upper[0] && y > chart.lower[1] && y < chart.upper[1];
  });
  const pairs = within.map((tile) => [result.store.get(tile), truth.store.get(tile)]);
  const score = pairs.every((pair) => pair.every(Boolean)) ? explainedShare(pairs) : null;
  if (score === null) return "";
  return score > -10 ? `s = ${score.toFixed(2).replace("-", "−")}` : "s < −10";
}

// Motion

const flight = new Flight(() => view, look);

function flyTo(target, duration_ms = FLIGHT_MS) {
  flight.to(views.clampView(chart, side, target, ...size()), duration_ms);
}

const zoomed = (from, dx, dy, factor) => views.zoomAbout(chart, side, from, ...size(), { dx, dy }, factor);

const act = {
  hold: () => flight.land(),
  pan: (dx, dy) => look(views.pan(chart, view, dx, dy)),
  zoom: (dx, dy, factor) => look(zoomed(view, dx, dy, factor)),
  fly: (dx, dy, factor) => flyTo(zoomed(flight.ahead, dx, dy, factor)),
  step: (across, down) => flyTo(views.pan(chart, flight.ahead, across * size()[0], down * size()[1]), 200),
  glide: (dx, dy) => Math.hypot(dx, dy) > 8 && !calm.matches && flyTo(views.pan(chart, view, dx, dy), 500),
  hover: (dx, dy) => {
    pointer = dx === null ? null : views.pointAt(chart, view, dx, dy);
    redraw();
  },
};

function flip(name) {
  switches = { ...switches, [name]: !switches[name] };
  $(name).setAttribute("aria-pressed", String(switches[name]));
  if (name === "stretch") range = null;
  update();
}

const showWhole = () => flyTo(views.wholeView(chart, ...size()));
for (const panel of panels) listen(panel.canvas, act);
listenToKeys(act, { 0: showWhole, home: showWhole, p: () => flip("points"), c: () => hasPalette && flip("stretch") });

$("in").addEventListener("click", () => act.fly(0, 0, 2));
$("out").addEventListener("click", () => act.fly(0, 0, 0.5));
$("whole").addEventListener("click", showWhole);
$("points").addEventListener("click", () => flip("points"));
$("stretch").addEventListener("click", () => flip("stretch"));
$("stretch").hidden = !hasPalette;
$("landmark").hidden = !session.landmarks.length;
for (const [i, landmark] of session.landmarks.entries()) {
  const option = element("option", "", landmark.name);
  option.value = i;
  $("landmark").append(option);
}
$("landmark").addEventListener("change", ({ target }) => {
  const { x, y } = session.landmarks[target.value];
  const scale = views.fitScale(chart, ...size()) / LANDMARK_MAGNIFICATION;
  flyTo({ x, y, scale }, 900);
  target.value = "";
  target.blur();
});
for (const menu of document.querySelectorAll(".menu")) {
  document.addEventListener("pointerdown", (event) => menu.contains(event.target) || menu.removeAttribute("open"));
  menu.addEventListener("keydown", (event) => event.key === "Escape" && menu.removeAttribute("open"));
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const field = $(button.dataset.copy);
    field.select();
    const copied = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
    $("copied").textContent = copied ? "Copied." : "Select it and copy.";
  });
}

// Start

const depthNote =
  chart.kind === "fractal"
    ? "As deep as float64 goes: pixels lie 2⁻⁴⁸ apart."
    : "As deep as it goes: 64 samples across a pixel.";
$("depth").textContent =
  chart.kind === "fractal"
    ? "The zoom ends where pixels lie 2⁻⁴⁸ apart, 8 steps of a float64 near 2: deeper, neighbours would be the same " +
      "number. The truth takes what has not escaped after the task's number of steps for inside. Blocks in a " +
      "prediction are the submission's own, as a rule float32."
    : "Between the picture's pixels there is no truth: the nearest one is shown. The zoom ends at 64 samples a pixel.";
$("limit").textContent = session.tile_limit_s;
$("task").textContent = session.task;
document.title = `${results.map((result) => result.name).join(", ")} · mbench explore`;

function open() {
  const marks = new URLSearchParams(location.hash.slice(1));
  for (const name of hasPalette ? ["points", "stretch"] : ["points"]) {
    if ((marks.get(name) === "1") !== switches[name]) flip(name);
  }
  look(views.readFragment(chart, location.hash, ...size()) ?? views.wholeView(chart, ...size()));
}
showPanel(results[0]?.panel ?? panels[0]);
window.addEventListener("hashchange", open);
matchMedia("(prefers-color-scheme: light)").addEventListener("change", redraw);
new ResizeObserver(fit).observe(main);
