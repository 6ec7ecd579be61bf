// The board's paired test of two entries, from their own cells: what `mbench leaderboard` computes for all pairs. The
// numbers are those of mbench.board.stats and mbench.board.noise, where the reasons stand.
"use strict";
const Pairs = (function () {
  const ROUNDING = 1e-9; // skill points

  // a, b: what `data/TRACK/ENTRY.js` holds. Returns {difference, p} or null where no test is between them.
  function compare(a, b) {
    if (!a.is_ranked || !b.is_ranked) return null;
    let difference = 0;
    const errors = [], freedom = [];
    const tasks = a.cells.length;
    for (let task = 0; task < tasks; task++) {
      const gaps = [];
      const n = Math.min(a.cells[task].length, b.cells[task].length);
      for (let r = 0; r < n; r++) {
        const [x, y] = [a.cells[task][r], b.cells[task][r]];
        if (x !== null && y !== null) gaps.push(x - y);
      }
      if (gaps.length < 2) return null;
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
      const spread = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / (gaps.length - 1);
      difference += mean / tasks;
      errors.push(spread / gaps.length / tasks ** 2);
      freedom.push(gaps.length - 1);
    }
    if (Math.abs(difference) < ROUNDING) return { difference, p: 1 };
    return { difference, p: combine(difference, errors, freedom, noise(a.parts, b.parts) || 0) };
  }

  // Does the test separate them after Holm's correction, beyond what the leader's own audit leaves open?
  function separates(a, b, test, holm) {
    if (!test || test.p > holm.level) return false;
    const lead = a.values.mandelbrot - b.values.mandelbrot;
    return lead > 0 ? lead > a.margin : -lead > b.margin;
  }

  // Behrens and Fisher's distribution: the mean over the variances' own uncertainty of what a normal one would have.
  function combine(difference, errors, freedom, shared) {
    const certain = errors.reduce((sum, error) => sum + error, 0) + shared <= ROUNDING ** 2;
    if (certain) return 0;
    let table = [[shared, 1]];
    freedom.forEach((each, task) => {
      const nodes = inverseChiSquares(each);
      table = table.flatMap(([variance, weight]) => nodes.map(([factor, mass]) => [variance + errors[task] * factor, weight * mass]));
    });
    return table.reduce((sum, [variance, weight]) => sum + weight * twoSided(Math.abs(difference) / Math.sqrt(variance)), 0);
  }

  // Values of ν/χ² and their weights: the trapezoid rule in ln χ².
  function inverseChiSquares(freedom) {
    const width = Math.sqrt(2 / freedom);
    const step = Math.min(0.4, 0.8 * width);
    const end = Math.min(4, 8 * width);
    const nodes = [];
    const start = -Math.min(30, 60 / freedom + 8 * width);
    for (let k = 0; start + k * step < end; k++) {
      const u = start + k * step;
      nodes.push([Math.exp(-u), Math.exp((freedom / 2) * (u - Math.expm1(u)))]);
    }
    const total = nodes.reduce((sum, [, mass]) => sum + mass, 0);
    return nodes.map(([factor, mass]) => [factor, mass / total]);
  }

  // 2 Φ(−z): erf's series near 0, the continued fraction of erfc beyond.
  function twoSided(z) {
    const x = z / Math.SQRT2;
    if (x < 2.2) {
      let term = x, sum = x;
      for (let n = 1; n < 60; n++) {
        term *= (-x * x) / n;
        sum += term / (2 * n + 1);
      }
      return 1 - (2 / Math.sqrt(Math.PI)) * sum;
    }
    let fraction = x;
    for (let n = 120; n > 0; n--) fraction = x + n / 2 / fraction;
    return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
  }

  // The test set's part in the variance of a difference; null where a record does not keep its parts.
  function noise(one, other) {
    if (!one || !other || one.group.join() !== other.group.join()) return null;
    const common = one.replicates.filter((number) => other.replicates.includes(number));
    if (common.length < 2) return null;
    const rows = common.map((number) => {
      const [x, y] = [one.values[one.replicates.indexOf(number)], other.values[other.replicates.indexOf(number)]];
      return x.map((value, k) => value - y[k]);
    });
    let total = 0;
    for (const group of new Set(one.group)) {
      const within = rows.map((row) => row.filter((_, k) => one.group[k] === group));
      const [n, m] = [within.length, within[0].length];
      if (m < 2) return null;
      const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
      const means = within[0].map((_, k) => mean(within.map((row) => row[k])));
      const rowMeans = within.map(mean);
      const all = mean(means);
      let unlike = 0, spread = 0;
      within.forEach((row, i) => row.forEach((value, k) => { unlike += (value - means[k] - rowMeans[i] + all) ** 2; }));
      for (const each of means) spread += (each - all) ** 2;
      total += m * (spread / (m - 1) - unlike / ((n - 1) * (m - 1)) / n);
    }
    return Math.max(total, 0);
  }

  return { compare, separates };
})();
