// One map: a canvas that shows a picture per tile, coarser ones until the right ones are there.

import { ancestor, keyOf, placeOf, tileBox, visibleTiles } from "./view.js";

const [SMALLEST_POINT, LARGEST_POINT] = [0.9, 4]; // radii in pixels
const POINT_SHARE = 0.3; // of the way to the next point, where all lie as far apart

/** How large points are drawn, so many on so many square pixels: few are found, and many leave something between. */
export function pointRadius(n, area) {
  return Math.min(Math.max(POINT_SHARE * Math.sqrt(area / Math.max(1, n)), SMALLEST_POINT), LARGEST_POINT);
}

export function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text; // never markup: names and reasons are a stranger's
  return node;
}

export class Panel {
  /**
   * title, kind: "truth", "prediction" or "error".  picture(tile): the tile's canvas, or null where it is not there.
   * points(tile): its training points, or null.  restart(): loads the estimator again.
   */
  constructor(title, kind, picture, points, restart) {
    this.kind = kind;
    [this.width, this.height] = [1, 1]; // until it is seen
    this.picture = picture;
    this.points = points;
    this.root = element("figure", `panel ${kind}`);
    const caption = element("figcaption", "");
    const name = element("span", "name", title);
    name.title = title;
    this.score = element("span", "score");
    this.legend = element("span", "legend");
    this.bar = element("canvas", "");
    this.low = element("span", "", "0");
    this.high = element("span", "", "1");
    this.legend.append(this.low, this.bar, this.high);
    caption.append(name, this.score, this.legend);
    const map = element("div", "map");
    this.canvas = element("canvas", "");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", title);
    this.busy = element("div", "busy");
    this.hint = element("p", "hint");
    this.notice = element("div", "notice");
    this.reason = element("p", "");
    this.button = element("button", "", "Restart");
    this.button.addEventListener("click", restart);
    this.notice.append(this.reason, this.button);
    map.append(this.canvas, this.busy, this.hint, this.notice);
    this.root.append(caption, map);
    this.context = this.canvas.getContext("2d");
    this.resize();
  }

  /** Is it in view? On a phone one panel is. */
  get isShown() {
    return this.root.offsetParent !== null;
  }

  /** Take the size that the page gives it, while it is shown; returns whether that changed. */
  resize() {
    if (!this.isShown) return false;
    const density = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    const [width, height] = [Math.max(1, Math.round(box.width)), Math.max(1, Math.round(box.height))];
    if (width === this.width && height === this.height && density === this.density) return false;
    Object.assign(this, { width, height, density });
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    return true;
  }

  say({ busy, failure, starting, hint }) {
    this.busy.hidden = !busy;
    this.hint.hidden = !hint;
    this.hint.textContent = hint;
    this.notice.hidden = failure === null && !starting;
    this.notice.classList.toggle("failed", failure !== null);
    this.reason.textContent = failure ?? "Loading the estimator…";
    this.button.hidden = failure === null;
  }

  draw(chart, view, level, { pointer, showPoints, colours }) {
    const { context, width, height, density } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = colours.canvas;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    for (const tile of visibleTiles(chart, level, view, width, height)) this.drawTile(chart, view, tile);
    context.setTransform(density, 0, 0, density, (width * density) / 2, (height * density) / 2);
    this.drawWindow(chart, view);
    if (showPoints) this.drawPoints(chart, view, level);
    if (pointer) this.drawCross(placeOf(chart, view, pointer.x, pointer.y));
  }

  drawTile(chart, view, tile) {
    const box = tileBox(chart, view, tile, this.width, this.height, this.density);
    const found = this.picture(tile);
    if (found) {
      this.paste(found, 0, 0, found.width, box);
      return;
    }
    for (let steps = 1; steps <= tile.level; steps++) {
      const above = ancestor(tile, steps);
      const picture = this.picture(above);
      if (!picture) continue;
      const size = picture.width / 2 ** steps;
      const [column, row] = [tile.column - above.column * 2 ** steps, tile.row - above.row * 2 ** steps];
      this.paste(picture, column * size, row * size, size, box);
      break;
    }
    // After zooming out the finer ones are there.
    for (const [right, below] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      const child = { level: tile.level + 1, column: 2 * tile.column + right, row: 2 * tile.row + below };
      const picture = tile.level < chart.max_level && this.picture(child);
      const place = tileBox(chart, view, child, this.width, this.height, this.density);
      if (picture) this.paste(picture, 0, 0, picture.width, place);
    }
  }

  paste(picture, x, y, size, box) {
    this.context.imageSmoothingEnabled = size !== box.width || size !== box.height;
    this.context.drawImage(picture, x, y, size, size, box.left, box.top, box.width, box.height);
  }

  drawWindow(chart, view) {
    const a = placeOf(chart, view, chart.lower[0], chart.lower[1]);
    const b = placeOf(chart, view, chart.upper[0], chart.upper[1]);
    const limit = 1e5; // farther out a dash pattern would be laid out for ever
    const clip = (value) => Math.min(Math.max(value, -limit), limit);
    const [x, y, right, bottom] = [a.dx, Math.min(a.dy, b.dy), b.dx, Math.max(a.dy, b.dy)].map(clip);
    const { context, width, height } = this;
    context.beginPath(); // outside it, where a submission extrapolates, the map is dimmed
    context.rect(-width / 2, -height / 2, width, height);
    context.rect(x, y, right - x, bottom - y);
    context.fillStyle = "#0d0d1266";
    context.fill("evenodd");
    context.setLineDash([6, 5]);
    context.lineWidth = 1;
    context.strokeStyle = "#ffffff80";
    context.strokeRect(x, y, right - x, bottom - y);
    context.setLineDash([]);
  }

  drawPoints(chart, view, level) {
    const { context, width, height } = this;
    const places = [];
    const seen = new Set();
    for (const tile of visibleTiles(chart, Math.max(0, level - 1), view, width, height)) {
      if (seen.has(keyOf(tile))) continue;
      seen.add(keyOf(tile));
      const found = this.points(tile);
      if (!found) continue;
      for (let i = 0; i < found.xy.length; i += 2) {
        const { dx, dy } = placeOf(chart, view, found.xy[i], found.xy[i + 1]);
        if (Math.abs(dx) < width / 2 + LARGEST_POINT && Math.abs(dy) < height / 2 + LARGEST_POINT) places.push([dx, dy]);
      }
    }
    const radius = pointRadius(places.length, width * height);
    context.beginPath();
    for (const [dx, dy] of places) {
      context.moveTo(dx + radius, dy);
      context.arc(dx, dy, radius, 0, 2 * Math.PI);
    }
    context.fillStyle = "#7ee0ff";
    context.strokeStyle = "#10101acc";
    context.lineWidth = Math.min(1.2, radius / 2);
    context.fill();
    context.stroke();
  }

  drawCross({ dx, dy }) {
    const { context } = this;
    for (const [style, lineWidth] of [["#000000a0", 3], ["#ffffff", 1]]) {
      context.beginPath();
      for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(dx + 4 * x, dy + 4 * y);
        context.lineTo(dx + 10 * x, dy + 10 * y);
      }
      Object.assign(context, { strokeStyle: style, lineWidth });
      context.stroke();
    }
  }
}
