// What is looked at: pure functions of a view {x, y, scale}, the centre in the task's coordinates and how many of them
// a CSS pixel is wide. `chart` is the server's.

const MIN_MAGNIFICATION = 0.5;

/** How many coordinates a CSS pixel is wide where the whole window fits into a panel of this size. */
export function fitScale(chart, width, height) {
  return Math.max((chart.upper[0] - chart.lower[0]) / width, (chart.upper[1] - chart.lower[1]) / height);
}

export function wholeView(chart, width, height) {
  return {
    x: (chart.lower[0] + chart.upper[0]) / 2,
    y: (chart.lower[1] + chart.upper[1]) / 2,
    scale: fitScale(chart, width, height),
  };
}

/** The width of a tile's pixel, and of a CSS pixel where it is as deep as it goes. */
export function pixelWidth(chart, tilePx, level) {
  return chart.side / tilePx / 2 ** level;
}

const between = (value, a, b) => Math.min(Math.max(value, Math.min(a, b)), Math.max(a, b));

function clampScale(chart, tilePx, scale, width, height) {
  const largest = fitScale(chart, width, height) / MIN_MAGNIFICATION;
  return between(scale, pixelWidth(chart, tilePx, chart.max_level), largest);
}

export function clampView(chart, tilePx, view, width, height) {
  return {
    x: between(view.x, chart.left, chart.left + chart.side),
    y: between(view.y, chart.top, chart.top + chart.down * chart.side),
    scale: clampScale(chart, tilePx, view.scale, width, height),
  };
}

/** The view `factor` times as large, as far as the zoom goes, about (dx, dy), in CSS pixels from the centre. */
export function zoomAbout(chart, tilePx, view, width, height, { dx, dy }, factor) {
  const scale = clampScale(chart, tilePx, view.scale / factor, width, height);
  return { x: view.x + dx * (view.scale - scale), y: view.y + chart.down * dy * (view.scale - scale), scale };
}

export function pan(chart, view, dx, dy) {
  return { ...view, x: view.x - dx * view.scale, y: view.y - chart.down * dy * view.scale };
}

/** The point under (dx, dy), in CSS pixels from the centre. */
export function pointAt(chart, view, dx, dy) {
  return { x: view.x + dx * view.scale, y: view.y + chart.down * dy * view.scale };
}

/** Where a point is, in CSS pixels from the centre. */
export function placeOf(chart, view, x, y) {
  return { dx: (x - view.x) / view.scale, dy: (chart.down * (y - view.y)) / view.scale };
}

/** The level whose pixels are about as large as the panel's, coarser where it would show more than `most` tiles. */
export function levelFor(chart, tilePx, view, { width, height, density }, most) {
  // Half a level more at most for a denser screen: a whole one would be four times the tiles.
  const ideal = Math.log2(chart.side / tilePx / view.scale) + Math.min(Math.log2(density), 0.5);
  let level = Math.min(Math.max(Math.round(ideal), 0), chart.max_level);
  while (level > 0 && countVisible(chart, level, view, width, height) > most) level--;
  return level;
}

export const keyOf = (tile) => `${tile.level}/${tile.column}/${tile.row}`;

export function ancestor(tile, steps) {
  const size = 2 ** steps; // not >>: below level 31 a column has more than 32 bits
  return { level: tile.level - steps, column: Math.floor(tile.column / size), row: Math.floor(tile.row / size) };
}

/** The tile of a level that a point lies in, and the point's place in it, both from 0 to 1. */
export function tileAt(chart, level, x, y) {
  const side = chart.side / 2 ** level;
  const column = Math.floor((x - chart.left) / side);
  const row = Math.floor((chart.down * (y - chart.top)) / side);
  return { level, column, row, u: (x - chart.left) / side - column, v: (chart.down * (y - chart.top)) / side - row };
}

/** Where the panel lies among a level's tiles: its centre, and the first and last of the rows and columns it shows. */
function spanOf(chart, level, view, width, height) {
  const last = 2 ** level - 1;
  const side = chart.side / 2 ** level;
  const column = (view.x - chart.left) / side;
  const row = (chart.down * (view.y - chart.top)) / side;
  const across = (width * view.scale) / 2 / side;
  const down = (height * view.scale) / 2 / side;
  const ends = (from, to) => [Math.max(0, Math.floor(from)), Math.min(last, Math.ceil(to) - 1)];
  return { column, row, columns: ends(column - across, column + across), rows: ends(row - down, row + down) };
}

function countVisible(chart, level, view, width, height) {
  const { columns, rows } = spanOf(chart, level, view, width, height);
  return Math.max(0, columns[1] - columns[0] + 1) * Math.max(0, rows[1] - rows[0] + 1);
}

/** The tiles of a level that a panel shows, those nearest to its centre first. */
export function visibleTiles(chart, level, view, width, height) {
  const { column, row, columns, rows } = spanOf(chart, level, view, width, height);
  const tiles = [];
  for (let r = rows[0]; r <= rows[1]; r++) {
    for (let c = columns[0]; c <= columns[1]; c++) {
      tiles.push({ level, column: c, row: r, far: Math.hypot(c + 0.5 - column, r + 0.5 - row) });
    }
  }
  return tiles.sort((a, b) => a.far - b.far);
}

/** Where a tile lies on a canvas of this size, its edges on whole pixels, as its neighbours' are. */
export function tileBox(chart, view, tile, width, height, density) {
  const side = chart.side / 2 ** tile.level;
  // A little up, so that what lies on a half but for float64's last bit is the same for every tile.
  const round = (value) => Math.floor(value + 0.5 + 1 / 1024);
  const x = (c) => round(density * (width / 2 + (chart.left + c * side - view.x) / view.scale));
  const y = (r) => round(density * (height / 2 + (chart.down * (chart.top - view.y) + r * side) / view.scale));
  const [left, top] = [x(tile.column), y(tile.row)];
  return { left, top, width: x(tile.column + 1) - left, height: y(tile.row + 1) - top };
}

export function magnification(chart, view, width, height) {
  return fitScale(chart, width, height) / view.scale;
}

/** A coordinate with the digits that tell the view's pixels apart. */
export function writeCoordinate(value, scale) {
  return value.toFixed(Math.min(17, Math.max(0, Math.ceil(-Math.log10(scale)) + 1)));
}

export function writeFragment(chart, view, width, height, switches) {
  const parts = [
    `x=${writeCoordinate(view.x, view.scale)}`,
    `y=${writeCoordinate(view.y, view.scale)}`,
    `m=${Number(magnification(chart, view, width, height).toPrecision(6))}`,
  ];
  return "#" + parts.concat(switches).join("&");
}

/** The view of an address, or null where it names none. */
export function readFragment(chart, fragment, width, height) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  const [x, y, m] = ["x", "y", "m"].map((name) => (fields.has(name) ? Number(fields.get(name)) : NaN));
  const fits = Number.isFinite(x) && Number.isFinite(y) && Number.isFinite(m) && m > 0;
  return fits ? { x, y, scale: fitScale(chart, width, height) / m } : null;
}
