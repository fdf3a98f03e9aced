// Statistics of a reader study: pure functions. tests/cxr/statistics.json holds them to what SciPy, scikit-learn and
// training/metrics say. What cannot be estimated from so few radiographs is null, never a number that looks exact.
window.cxrStatistics ??= (() => {
  const Z = 1.959963984540054; // of 95% intervals
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => sum(values) / values.length;

  // Wilson's interval (1927) of a fraction; null of nothing.
  const wilson = (count, all) => {
    if (!all) return null;
    const fraction = count / all;
    const middle = fraction + Z ** 2 / (2 * all);
    const half = Z * Math.sqrt(fraction * (1 - fraction) / all + Z ** 2 / (4 * all ** 2));
    const scale = 1 + Z ** 2 / all;
    return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
  };

  // How often each pair of categories was given, as rows of the first's by columns of the second's.
  const crossTable = (pairs, categories) => categories.map((row) => categories.map((column) =>
    pairs.filter(([first, second]) => first === row && second === column).length));

  // Cohen's kappa (1960) of a cross table: agreement beyond what chance would bring. Undefined (null) where both
  // always gave the same category. The interval is Wilson's of the agreement, with the agreement by chance taken as
  // known, as in Cohen's own standard error. That of Fleiss, Cohen and Everitt (1969) would have no width where
  // all agree: with eight radiographs and a kappa of 0.9 it would hold the true value in 3 studies out of 10,
  // this one in 19 out of 20.
  const kappa = (table) => {
    const all = sum(table.flat());
    const agreed = sum(table.map((row, i) => row[i]));
    const interval = wilson(agreed, all);
    const byChance = sum(table.map((row, i) => sum(row) * sum(table.map((other) => other[i])))) / all ** 2;
    if (!all || byChance === 1) return { agreed, all, interval, kappa: null, kappa_interval: null };
    const beyond = (agreement) => Math.max(-1, (agreement - byChance) / (1 - byChance)); // kappa is never less
    return { agreed, all, interval, kappa: beyond(agreed / all), kappa_interval: interval.map(beyond) };
  };

  const split = (labels, scores) => [
    scores.filter((_, i) => labels[i] === 1), scores.filter((_, i) => labels[i] === 0),
  ];
  // How often a is above b, a tie counting half.
  const above = (a, b) => (a > b ? 1 : a === b ? 0.5 : 0);

  // The place of each radiograph among those of the other class, for both classes: the fraction of them that it is
  // rightly apart from.
  const places = (labels, scores) => {
    const [positive, negative] = split(labels, scores);
    return [positive.map((a) => mean(negative.map((b) => above(a, b)))),
      negative.map((b) => mean(positive.map((a) => above(a, b))))];
  };

  // Area under the ROC curve; null without both classes.
  const auc = (labels, scores) => {
    const [positive, negative] = places(labels, scores);
    return positive.length && negative.length ? mean(positive) : null;
  };

  // 95% interval of an AUC by Newcombe's method 5 (2006, doi:10.1002/sim.2324): the areas from which the one found
  // is no further than 1.96 standard errors of theirs (Hanley and McNeil's, with equal class sizes). It keeps a
  // width where the AUC is 1.
  const aucInterval = (found, positives, negatives) => {
    if (found === null) return null;
    const extra = (positives + negatives) / 2 - 1;
    const error = (area) => Math.sqrt((area * (1 - area)
      * (1 + extra * ((1 - area) / (2 - area) + area / (1 + area)))) / (positives * negatives));
    const bound = (far) => {
      let [near, beyond] = [found, far];
      for (let i = 0; i < 60; i += 1) {
        const area = (near + beyond) / 2;
        if (Math.abs(area - found) <= Z * error(area)) near = area;
        else beyond = area;
      }
      return near;
    };
    return [bound(0), bound(1)];
  };

  // Corners of the ROC curve, [1 - specificity, sensitivity], from [0, 0] to [1, 1]; [] without both classes.
  const roc = (labels, scores) => {
    const [positive, negative] = split(labels, scores);
    if (!positive.length || !negative.length) return [];
    const thresholds = [...new Set(scores)].sort((a, b) => b - a);
    const fraction = (values, least) => values.filter((value) => value >= least).length / values.length;
    return [[0, 0], ...thresholds.map((least) => [fraction(negative, least), fraction(positive, least)])];
  };

  // Twice the upper tail of the normal distribution beyond z >= 0 (erfc of Numerical Recipes, section 6.2; relative
  // error below 1.2e-7).
  const COEFFICIENTS = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807,
    -1.13520398, 1.48851587, -0.82215223, 0.17087277];
  const twoSided = (z) => {
    const x = z / Math.SQRT2;
    const t = 1 / (1 + x / 2);
    return t * Math.exp(COEFFICIENTS.reduceRight((power, value) => power * t + value, 0) - x * x);
  };

  // Two-sided p value of equal AUC on the same radiographs (DeLong 1988). Null with fewer than ten radiographs of a
  // class, of which its variance cannot be estimated well enough, or where the scores leave none.
  const MIN_PER_CLASS = 10;
  const delong = (labels, first, second) => {
    const [ours, others] = [places(labels, first), places(labels, second)];
    const [positive, negative] = ours.map((values, side) => values.map((value, i) => value - others[side][i]));
    if (Math.min(positive.length, negative.length) < MIN_PER_CLASS) return null;
    const difference = Math.abs(mean(positive));
    if (difference < 1e-12) return 1;
    const squaredError = (values) =>
      sum(values.map((value) => (value - mean(values)) ** 2)) / (values.length - 1) / values.length;
    const variance = squaredError(positive) + squaredError(negative);
    return variance > 1e-24 ? twoSided(difference / Math.sqrt(variance)) : null;
  };

  // Sensitivity and specificity with Wilson's intervals; an unsure call is right about neither.
  const rates = (labels, calls) => {
    const of = (label, call) => {
      const theirs = calls.filter((_, i) => labels[i] === label);
      const count = theirs.filter((one) => one === call).length;
      return { count, all: theirs.length, fraction: theirs.length ? count / theirs.length : null,
        interval: wilson(count, theirs.length) };
    };
    return { sensitivity: of(1, "PNEUMONIA"), specificity: of(0, "NORMAL") };
  };

  // Exact, two-sided McNemar test (1947): how likely chance alone splits those who are right once so unevenly.
  const mcnemar = (onlyFirst, onlySecond) => {
    const all = onlyFirst + onlySecond;
    if (!all) return null;
    let [term, tail] = [0.5 ** all, 0];
    for (let i = 0; i <= Math.min(onlyFirst, onlySecond); i += 1) {
      tail += term;
      term *= (all - i) / (i + 1);
    }
    return Math.min(1, 2 * tail);
  };

  // --- Marks and evidence -----------------------------------------------------------------------------------

  // A mark is a stroke of a round brush: { radius, points: [[x, y], …] }, in fractions of the radiograph's width.
  const inMark = ({ radius, points }, x, y) => points.some(([endX, endY], i) => {
    const [startX, startY] = points[Math.max(0, i - 1)];
    const [dx, dy] = [endX - startX, endY - startY];
    const along = dx || dy ? ((x - startX) * dx + (y - startY) * dy) / (dx ** 2 + dy ** 2) : 0;
    const part = Math.min(1, Math.max(0, along));
    return Math.hypot(x - startX - part * dx, y - startY - part * dy) <= radius;
  });

  // What of the evidence lies inside the marks.
  //   map: evidence of each cell, at least 0, as rows; each cell is looked at in FINE × FINE places.
  //   aspect: the radiograph's height by its width.
  //   inLungs: whether a place is in the lungs, both coordinates as fractions of width and height.
  // evidence: fraction of the evidence inside the marks; null without evidence. lungs: fraction of the lungs' area
  // inside the marks; null without lungs. strongest: whether the middle of the strongest cell is inside a mark.
  const FINE = 6;
  const overlap = ({ map, aspect, marks, inLungs }) => {
    const [rows, columns] = [map.length, map[0].length];
    const inside = (x, y) => marks.some((mark) => inMark(mark, x, y * aspect));
    let [total, marked, lungs, markedLungs] = [0, 0, 0, 0];
    for (let row = 0.5; row < rows * FINE; row += 1) {
      for (let column = 0.5; column < columns * FINE; column += 1) {
        const [x, y] = [column / (columns * FINE), row / (rows * FINE)];
        const [evidence, counts] = [map[Math.floor(row / FINE)][Math.floor(column / FINE)], inside(x, y)];
        total += evidence;
        if (counts) marked += evidence;
        if (!inLungs(x, y)) continue;
        lungs += 1;
        if (counts) markedLungs += 1;
      }
    }
    const highest = Math.max(...map.flat());
    const at = map.flat().indexOf(highest);
    return {
      evidence: total ? marked / total : null,
      lungs: lungs ? markedLungs / lungs : null,
      strongest: total ? inside((at % columns + 0.5) / columns, (Math.floor(at / columns) + 0.5) / rows) : null,
    };
  };

  return { wilson, crossTable, kappa, auc, aucInterval, roc, delong, rates, mcnemar, overlap };
})();
