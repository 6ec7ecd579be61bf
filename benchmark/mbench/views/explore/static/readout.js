// What is under the pointer, or at the centre: in words and numbers.

import { element } from "./panel.js";
import * as views from "./view.js";

const NEAREST_MS = 60; // between questions for the nearest training point

export class Readout {
  constructor(root, session, results) {
    this.session = session;
    this.side = session.tile_px;
    this.results = results;
    const place = element("div", "reading");
    root.append(place);
    this.place = this.field(place, "Point");
    this.place.root.classList.add("place");
    this.depth = this.field(place, "Magnification");
    this.truth = this.field(place, "Truth");
    // Samples of one replicate differ in their length alone: equally many points are the same points.
    this.shared = results.every((result) => result.n_samples === results[0].n_samples);
    for (const [i, result] of results.entries()) {
      const reading = results.length > 1 ? element("div", "reading") : place;
      if (reading !== place) root.append(reading);
      result.value = this.field(reading, results.length > 1 ? result.name : "Prediction");
      result.error = this.field(reading, "Error");
      if (!this.shared || i === 0) result.nearest = this.field(this.shared ? place : reading, "Nearest training point");
    }
    this.asked = "";
    this.asking = false;
  }

  field(root, name) {
    const list = element("dl", "");
    const label = element("dt", "", name);
    const value = element("dd", "");
    const swatch = element("span", "swatch");
    const text = element("span", "");
    swatch.hidden = true;
    value.append(swatch, text);
    list.append(label, value);
    root.append(list);
    return { root: list, label, swatch, text };
  }

  /** The outputs at a point, of the finest tile that is there: {values, exact}, or null. */
  valuesAt(store, chart, at, { x, y }) {
    const tile = views.tileAt(chart, at, x, y);
    const last = 2 ** at - 1;
    if (tile.column < 0 || tile.row < 0 || tile.column > last || tile.row > last) return null;
    const found = store.closest(tile);
    if (!found) return null;
    const { u, v } = views.tileAt(chart, found.tile.level, x, y);
    const index = (t) => Math.min(this.side - 1, Math.max(0, Math.floor(t * this.side)));
    const k = this.session.n_outputs;
    const start = (index(v) * this.side + index(u)) * k;
    const values = [...found.value.subarray(start, start + k)];
    return values.every(Number.isFinite) ? { values, exact: found.steps === 0 } : null;
  }

  show({ chart, view, at, pointer, size, truth, palette, errors, cssColour, isCentre }) {
    const x = views.writeCoordinate(pointer.x, view.scale);
    const y = views.writeCoordinate(Math.abs(pointer.y), view.scale);
    this.place.label.textContent = isCentre ? "Point at the centre" : "Point";
    this.place.text.textContent =
      chart.kind === "fractal"
        ? `${minus(x)} ${pointer.y < 0 ? "−" : "+"} ${y}i`
        : `column ${minus(x)}, row ${minus(views.writeCoordinate(pointer.y, view.scale))}`;
    this.depth.text.textContent = magnificationInWords(views.magnification(chart, view, ...size));
    const actual = this.valuesAt(truth, chart, at, pointer);
    write(this.truth, actual, palette, cssColour);
    for (const result of this.results) {
      const predicted = result.store.failure ? null : this.valuesAt(result.store, chart, at, pointer);
      write(result.value, predicted, palette, cssColour);
      const error = predicted && actual && {
        values: [mean(predicted.values.map((value, i) => Math.abs(value - actual.values[i])))],
        exact: predicted.exact && actual.exact,
      };
      write(result.error, error, errors, cssColour);
    }
    this.askNearest(pointer, view.scale, size[0]);
  }

  /** Ask for the nearest training point, one question at a time, the last one last. */
  async askNearest(pointer, scale, width) {
    const query = `x=${pointer.x}&y=${pointer.y}`;
    Object.assign(this, { scale, width });
    this.wanted = query;
    this.writeNearest(); // its distance in pixels changes with the view
    if (this.asking) return;
    this.asking = true;
    while (this.asked !== this.wanted) {
      const asked = this.wanted;
      for (const result of this.results.filter((each) => each.nearest)) {
        const response = await fetch(`nearest/${result.layer}?${asked}`).catch(() => null);
        const answer = response?.ok ? await response.json() : null;
        result.distance = answer?.distance ?? null;
      }
      this.asked = asked;
      await new Promise((resolve) => setTimeout(resolve, NEAREST_MS));
    }
    this.asking = false;
    this.writeNearest();
  }

  writeNearest() {
    for (const { nearest, distance } of this.results) {
      if (!nearest) continue;
      const px = distance / this.scale;
      const views = px / this.width;
      const far = views > 10 ? `${large(views)} panels` : `${px < 10 ? px.toFixed(1) : Math.round(px)} px`;
      nearest.text.textContent = distance == null ? "–" : `${short(distance)} away, ${far}`;
    }
  }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const power = (value) => value.toExponential(2).replace("e+", "e").replace("-", "−");
const large = (value) => (value < 1e7 ? Math.round(value).toLocaleString("en") : power(value));
const minus = (text) => text.replace("-", "−");
const short = (value) => (value > 0 && value < 1e-4 ? power(value) : value.toPrecision(3));

function write(field, found, palette, cssColour) {
  const values = found?.values ?? [];
  // ≈: read from a coarser tile, until the right one is there.
  const text = values.map((value) => minus(value.toFixed(values.length > 1 ? 3 : 5))).join(", ");
  field.text.textContent = found ? (found.exact ? "" : "≈ ") + text : "–";
  field.swatch.hidden = !found;
  if (!found) return;
  const byte = (value) => Math.round(255 * Math.min(Math.max(value, 0), 1));
  field.swatch.style.background =
    values.length > 1 ? `rgb(${values.map(byte).join(" ")})` : cssColour(palette, values[0]);
}

/** As people say it, and in octaves, of which each is twice the one before. */
function magnificationInWords(magnification) {
  const octave = Math.log2(magnification).toFixed(1).replace("-", "−");
  return `× ${magnification < 10 ? magnification.toFixed(2) : large(magnification)} (octave ${octave})`;
}
