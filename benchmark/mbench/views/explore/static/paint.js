// Values to colours.

/** A palette of the server, ready to paint with. */
export function makePalette({ power, limit, colours }) {
  const bytes = colours.match(/../g).map((pair) => parseInt(pair, 16));
  const words = new Uint32Array(bytes.length / 3);
  for (let i = 0; i < words.length; i++) {
    words[i] = 0xff000000 | (bytes[3 * i + 2] << 16) | (bytes[3 * i + 1] << 8) | bytes[3 * i];
  }
  return { power, low: 0, limit, words };
}

/** The same colours, spread evenly over the values from low to high. */
export function stretch(palette, low, high) {
  return { ...palette, power: 1, low, limit: Math.max(high, low + 1e-6) };
}

function colourOf(palette, value) {
  const t = Math.min(Math.max((value - palette.low) / (palette.limit - palette.low), 0), 1);
  return palette.words[Math.min(255, Math.floor(256 * t ** palette.power))];
}

/** Values (side², k) to a canvas: k = 1 by the palette, k = 3 as red, green and blue; what is no number stays clear. */
export function paintTile(values, side, palette) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const words = new Uint32Array(image.data.buffer);
  if (values.length === side * side) {
    for (let i = 0; i < words.length; i++) {
      if (values[i] === values[i]) words[i] = colourOf(palette, values[i]);
    }
  } else {
    image.data.fill(255);
    for (let i = 0, j = 0; i < values.length; i += 3, j += 4) {
      for (let k = 0; k < 3; k++) image.data[j + k] = Math.round(255 * Math.min(Math.max(values[i + k], 0), 1));
      if (values[i] !== values[i]) image.data[j + 3] = 0;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** The absolute error, the mean over outputs. */
export function errorOf(predictions, truth, side) {
  const k = predictions.length / (side * side);
  const error = new Float32Array(side * side);
  for (let i = 0; i < error.length; i++) {
    let sum = 0;
    for (let j = i * k; j < (i + 1) * k; j++) sum += Math.abs(predictions[j] - truth[j]);
    error[i] = sum / k;
  }
  return error;
}

export function cssColour(palette, value) {
  const word = colourOf(palette, value);
  return `rgb(${word & 255} ${(word >> 8) & 255} ${(word >> 16) & 255})`;
}

/** A bar of the palette's colours from its lowest to its highest value, evenly as they look. */
export function paintLegend(canvas, palette) {
  canvas.width = 256;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  const image = context.createImageData(256, 1);
  new Uint32Array(image.data.buffer).set(palette.words);
  context.putImageData(image, 0, 0);
}
