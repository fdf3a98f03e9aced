// Rules that Python follows too, so that the page can answer while the reader drags: what a threshold means
// (cxr/model/operating_points.py, cxr/checks.py), how the logit follows from the evidence
// (cxr/model/evidence.py), and how numbers and sentences are written
// (cxr/language.py, cxr/messages.py). tests/cxr/rules.json holds both to the same cases.
window.cxrRules ??= (() => {
  // The reader's own threshold decides every radiograph; without one (null), those between the model's two outer
  // thresholds are uncertain.
  const verdict = (probability, points, own) => {
    const { high_sensitivity: low, high_specificity: high } = points;
    if (own === null && probability >= low && probability < high) return "UNCERTAIN";
    return probability >= (own ?? points.threshold) ? "PNEUMONIA" : "NORMAL";
  };

  // Whether each single view of a radiograph gets the verdict of the answer.
  const viewsAgree = (probability, views, points, own) =>
    views.every((view) => verdict(view, points, own) === verdict(probability, points, own));

  // In per cent with one decimal, and never 0 or 100: no answer is that certain.
  const shownPercent = (probability) => Math.min(99.9, Math.max(0.1, Math.round(1000 * probability) / 10));

  // The point of the curve that is nearest to a threshold.
  const nearestPoint = (curve, threshold) => curve.reduce((best, other) =>
    Math.abs(other.threshold - threshold) < Math.abs(best.threshold - threshold) ? other : best);
  // The point that was measured at a threshold; null where none was: they are whole per cents.
  const measuredAt = (curve, threshold) => {
    const found = nearestPoint(curve, threshold);
    return Math.abs(found.threshold - threshold) < 0.006 ? found : null;
  };

  // Positive and negative predictive value, by Bayes' rule; NaN where no radiograph would be predicted so.
  const predictiveValues = ({ sensitivity, specificity }, prevalence) => {
    const found = sensitivity * prevalence;
    const missed = (1 - sensitivity) * prevalence;
    const cleared = specificity * (1 - prevalence);
    const alarms = (1 - specificity) * (1 - prevalence);
    return [found / (found + alarms), cleared / (cleared + missed)];
  };

  // Their 95% intervals, from the ends of those of sensitivity and specificity: a little too wide.
  const predictiveIntervals = ({ sensitivity_interval: found, specificity_interval: cleared }, prevalence) => {
    const ends = [0, 1].map((end) =>
      predictiveValues({ sensitivity: found[end], specificity: cleared[end] }, prevalence));
    return [0, 1].map((value) => ends.map((both) => both[value]));
  };

  // What the model's rule makes of radiographs with pneumonia and of normal ones: fractions by verdict, from the rates at
  // the thresholds below which it says normal, and from which it says pneumonia.
  const byRule = (low, high) => ({
    positive: {
      PNEUMONIA: high.sensitivity, UNCERTAIN: low.sensitivity - high.sensitivity, NORMAL: 1 - low.sensitivity,
    },
    negative: {
      PNEUMONIA: 1 - high.specificity, UNCERTAIN: high.specificity - low.specificity, NORMAL: low.specificity,
    },
  });
  // How often its verdicts pneumonia and normal are right; NaN where there would be none.
  const predictiveByRule = ({ positive, negative }, prevalence) => ["PNEUMONIA", "NORMAL"].map((verdict) => {
    const [ofPositive, ofNegative] = [positive[verdict] * prevalence, negative[verdict] * (1 - prevalence)];
    return (verdict === "NORMAL" ? ofNegative : ofPositive) / (ofPositive + ofNegative);
  });
  // What the rule makes of 1,000 children, in whole children that add up.
  const ofThousandByRule = (rates, prevalence) => {
    const count = Math.round(1000 * prevalence);
    const children = (all, { PNEUMONIA, NORMAL }) => {
      const found = Math.round(PNEUMONIA * all);
      const cleared = Math.min(all - found, Math.round(NORMAL * all));
      return { all, PNEUMONIA: found, UNCERTAIN: all - found - cleared, NORMAL: cleared };
    };
    return { positive: children(count, rates.positive), negative: children(1000 - count, rates.negative) };
  };

  // What a threshold makes of 1,000 children.
  const ofThousand = ({ sensitivity, specificity }, prevalence) => {
    const positive = Math.round(1000 * prevalence);
    const negative = 1000 - positive;
    const found = Math.round(sensitivity * positive);
    return { positive, found, missed: positive - found, negative,
      alarms: negative - Math.round(specificity * negative) };
  };

  // Fractions that add up to 1 as whole per cents that add up to 100: what is missing goes to those that lost most
  // by rounding down.
  const wholePercents = (fractions) => {
    const exact = fractions.map((fraction) => 100 * fraction);
    const whole = exact.map(Math.floor);
    const byLoss = exact.map((value, i) => [value - whole[i], i]).sort(([a], [b]) => b - a);
    const missing = Math.round(exact.reduce((sum, value) => sum + value, 0)) - whole.reduce((a, b) => a + b, 0);
    byLoss.slice(0, missing).forEach(([, i]) => { whole[i] += 1; });
    return whole;
  };

  // A probability that holds where both classes are as frequent, at another prevalence.
  const atPrevalence = (probability, prevalence) => {
    const positive = probability * prevalence;
    const negative = (1 - probability) * (1 - prevalence);
    return positive + negative ? positive / (positive + negative) : probability;
  };

  // The smooth maximum of the evidence over the lungs, log-mean-exp; weights say how much each place counts.
  const MIN_WEIGHT = 1e-6;
  const pooled = (evidence, weights, sharpness) => {
    const highest = Math.max(...evidence);
    let [powers, total] = [0, 0];
    evidence.forEach((value, i) => {
      const weight = weights[i] + MIN_WEIGHT;
      powers += weight * Math.exp(sharpness * (value - highest));
      total += weight;
    });
    return highest + Math.log(powers / total) / sharpness;
  };
  // The same without the places that are erased. `pooled` gives every place a weight above 0, so an erased place would
  // still raise the logit if its evidence is strong. Erased places, and those outside the lungs, therefore get the lowest
  // evidence of the map.
  const pooledWithout = (evidence, weights, erased, sharpness) => {
    const [least, any] = [Math.min(...evidence), erased.some(Boolean)];
    return pooled(evidence.map((value, i) => (erased[i] || (any && weights[i] <= 0) ? least : value)),
      weights.map((weight, i) => (erased[i] ? 0 : weight)), sharpness);
  };
  const calibrated = (logit, { temperature, offset }) => 1 / (1 + Math.exp(-(logit / temperature + offset)));

  // --- Numbers and sentences in a language --------------------------------------------------------------

  const number = (value, language) => new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value);
  const decimal = (value, language, digits = 2) => new Intl.NumberFormat(language, {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(value);
  const percent = (fraction, language, digits = 1) => (Number.isFinite(fraction)
    ? new Intl.NumberFormat(language, {
        style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits,
      }).format(fraction)
    : "–");
  // Never 0 or 100%: no answer is that certain.
  const probability = (value, language) => {
    if (value > 0.999) return `> ${percent(0.999, language)}`;
    if (value < 0.001) return `< ${percent(0.001, language)}`;
    return percent(value, language);
  };
  // Beside probabilities, in their unit.
  const threshold = (value, language) => percent(value, language, 0);

  // With a decimal only where there is one.
  const prevalence = (value, language) => percent(value, language, Math.round(1000 * value) % 10 ? 1 : 0);

  const isSingular = (count, language) =>
    (language === "fr" ? Math.abs(count) < 2 : Math.abs(count) === 1);
  // {name} or {name|one|many}; see the head of messages.toml.
  const fill = (sentence, language, values = {}) =>
    sentence.replace(/\{(\w+)(?:\|([^{}|]*)\|([^{}|]*))?\}/g, (found, name, one, many) => {
      if (!(name in values)) throw new Error(`${name}: no value was given for it. Sentence: ${sentence}`);
      const value = values[name];
      if (typeof value === "string") return value;
      if (one === undefined) return number(value, language);
      return isSingular(value, language) ? one : many;
    });
  // The model's verdict as a reading, to be compared with people's.
  const asReading = (verdict) => (verdict === "UNCERTAIN" ? "UNSURE" : verdict);
  const asSentence = (said) => {
    const stop = said === "" || ".?!".includes(said.at(-1)) ? "" : ".";
    return `${said.slice(0, 1).toUpperCase()}${said.slice(1)}${stop}`;
  };

  return {
    verdict, viewsAgree, shownPercent, nearestPoint, measuredAt, predictiveValues, predictiveIntervals, ofThousand, byRule,
    predictiveByRule, ofThousandByRule, atPrevalence,
    wholePercents, pooled, pooledWithout, calibrated,
    number, decimal, percent, probability, threshold, prevalence, fill, asSentence, asReading,
  };
})();
