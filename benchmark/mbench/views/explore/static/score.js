// What the values in view come to: pure functions of tiles' arrays.

const EVERY = 7; // a seventh of the values tells their percentiles well enough
const FEWEST = 100;

/** The 1st and 99th percentile of values, without what never escapes, or null where there are hardly any. */
export function spread(arrays) {
  const values = [];
  for (const array of arrays) for (let i = 0; i < array.length; i += EVERY) if (array[i] < 1) values.push(array[i]);
  if (values.length < FEWEST) return null;
  values.sort((a, b) => a - b);
  return [0.01, 0.99].map((share) => values[Math.floor(values.length * share)]);
}

/** s = 1 − MSE / variance of the truth, over pairs [predictions, truth]; null where there is nothing to explain. */
export function explainedShare(pairs) {
  let [n, sum, squares, error] = [0, 0, 0, 0];
  for (const [predictions, truth] of pairs) {
    for (let i = 0; i < truth.length; i++) {
      if (truth[i] !== truth[i]) continue; // around a picture there is no truth
      n += 1;
      sum += truth[i];
      squares += truth[i] ** 2;
      error += (predictions[i] - truth[i]) ** 2;
    }
  }
  const variance = squares / n - (sum / n) ** 2;
  return variance > 1e-12 ? 1 - error / n / variance : null;
}
