// --- What a threshold, or the model's rule, costs: how often it is right, on radiographs that the network had not seen ------
// First on those acquired differently, since the reader's may be.

const measuredAt = (curve, at) => curve && cxrRules.measuredAt(curve, at); // null where nothing was
// The same at the two thresholds between which the model leaves a verdict uncertain.
const measuredAtEnds = (curve) => {
  const both = [measuredAt(curve, points().high_sensitivity), measuredAt(curve, points().high_specificity)];
  return both.every(Boolean) ? both : null;
};
const measuredByRule = (curve) => {
  const both = measuredAtEnds(curve);
  return both && cxrRules.byRule(...both);
};

const showCost = (at) => {
  const byRule = ownThresholdNow() === null;
  const measured = answered().elsewhere;
  for (const part of element.querySelectorAll(".cost .elsewhere")) part.hidden = !measured;
  $(".elsewhere-means").textContent = measured ? say("elsewhere_means", { images: measured.images }) : "";
  $(".cost.rule").hidden = !byRule;
  $(".cost.at").hidden = byRule;
  const prevalence = state.prevalence / 100;
  if (byRule) showRule(prevalence);
  else showAt(cxrRules.nearestPoint(points().curve, at), measuredAt(measured?.curve, at), prevalence);
  showCounts(byRule ? null : at);
  const { by_kind: kinds } = answered();
  $("p.kinds").textContent = kinds && byRule ? say("by_kind", {
    threshold: cxr.threshold(points().threshold),
    bacteria: cxr.percent(kinds.bacteria), virus: cxr.percent(kinds.virus),
  }) : "";
  const { images, patients, folds, text } = answered().source;
  const source = images ? say("measured_on", { images, patients, folds }) : text;
  $(".source").textContent = say("source", { measured: source });
  const input = $(".prevalence input");
  if (document.activeElement !== input) input.value = state.prevalence;
};

// --- The counts behind the fractions, with their intervals ------------------------------------------------------

// At a threshold, or by the model's rule (null). Some models were measured elsewhere without counts.
const showCounts = (at) => {
  const elsewhere = answered().elsewhere?.curve;
  const [there, all] = at === null
    ? [elsewhere ? countsByRule(elsewhere) : "", countsByRule(points().curve)]
    : [countsAt(measuredAt(elsewhere, at)), countsAt(cxrRules.nearestPoint(points().curve, at))];
  $("p.counted-elsewhere").textContent = there && `${cxrRules.asSentence(say("cost_elsewhere"))} ${there}`;
  $("p.counted").textContent = there ? `${cxrRules.asSentence(say("cost_all"))} ${all}` : all;
};
const interval = ([low, high]) => say("interval", { low: cxr.percent(low), high: cxr.percent(high) });
const isCounted = (point) => point?.true_positives !== undefined;

const countsAt = (point) => (isCounted(point) ? [
  [say("sensitivity_means", { count: point.true_positives, all: point.true_positives + point.false_negatives }),
    point.sensitivity_interval],
  [say("specificity_means", { count: point.true_negatives, all: point.true_negatives + point.false_positives }),
    point.specificity_interval],
].map(([said, ends]) => `${cxrRules.asSentence(said)} ${interval(ends)}`).join(" ") : "");

// Those who get the verdict that is wrong for them.
const countsByRule = (curve) => {
  const [low, high] = measuredAtEnds(curve) ?? [];
  if (!isCounted(low)) return "";
  const counted = (of, count, others, ends) =>
    `${of} ${say("rule_count", { count, all: count + others })} ${interval(ends.map((end) => 1 - end).reverse())}`;
  return [
    counted(say("rule_missed"), low.false_negatives, low.true_positives, low.sensitivity_interval),
    counted(say("rule_alarms"), high.false_positives, high.true_negatives, high.specificity_interval),
  ].join(" ");
};

// --- The model's rule: three verdicts ------------------------------------------------------------------------

const VERDICTS = ["PNEUMONIA", "UNCERTAIN", "NORMAL"];
const showRule = (prevalence) => {
  const [elsewhere, all] = [answered().elsewhere?.curve, points().curve].map(measuredByRule);
  for (const [name, rates] of Object.entries({ elsewhere, all })) {
    for (const label of ["positive", "negative"]) {
      VERDICTS.forEach((verdict, i) => {
        const cell = $(`.cost.rule .${name} .${label}`).cells[i + 1];
        cell.textContent = rates ? cxr.percent(rates[label][verdict]) : "–";
      });
    }
  }
  $(".elsewhere-only").textContent = elsewhere ? "" : onlyAt(answered().elsewhere);
  const sayThousand = (of, rates) => (rates
    ? `${of} ${say("rule_thousand", thousandByRule(rates, prevalence))}` : "");
  $(".expected").textContent = sayThousand(say("rule_elsewhere"), elsewhere);
  $(".frequencies").textContent = sayThousand(say("rule_all"), all);
  $(".predictive").textContent = "";
};
const thousandByRule = (rates, prevalence) => {
  const { positive, negative } = cxrRules.ofThousandByRule(rates, prevalence);
  const [right, cleared] = cxrRules.predictiveByRule(rates, prevalence);
  return {
    positive: positive.all, found: positive.PNEUMONIA, unsure: positive.UNCERTAIN, missed: positive.NORMAL,
    negative: negative.all, alarms: negative.PNEUMONIA, unsure_negative: negative.UNCERTAIN, spared: negative.NORMAL,
    ppv: cxr.percent(right), npv: cxr.percent(cleared),
  };
};

// Models of before 0.11 were measured there at their own threshold alone.
const onlyAt = (measured) => {
  if (measured?.curve.length !== 1) return "";
  const [{ threshold: at, sensitivity, specificity }] = measured.curve;
  const [found, spared] = [cxr.percent(sensitivity), cxr.percent(specificity)];
  return say("cost_only_at", { threshold: cxr.threshold(at), sensitivity: found, specificity: spared });
};

// --- A threshold of the reader's own: two verdicts -----------------------------------------------------------

const showAt = (point, elsewhere, prevalence) => {
  for (const name of ["sensitivity", "specificity"]) {
    $(`td.elsewhere.${name}`).textContent = elsewhere ? cxr.percent(elsewhere[name]) : "–";
    $(`td.all.${name}`).textContent = cxr.percent(point[name]);
  }
  $(".elsewhere-only").textContent = elsewhere ? "" : onlyAt(answered().elsewhere);
  const valuesOf = (rates) => {
    const [ppv, npv] = cxrRules.predictiveValues(rates, prevalence).map((value) => cxr.percent(value));
    return { ...cxrRules.ofThousand(rates, prevalence), ppv, npv };
  };
  $(".expected").textContent = elsewhere ? say("frequencies_elsewhere", valuesOf(elsewhere)) : "";
  const all = say("frequencies", cxrRules.ofThousand(point, prevalence));
  $(".frequencies").textContent = elsewhere ? `${cxrRules.asSentence(say("cost_all"))} ${all}` : all;
  const [positive, negative] = cxrRules.predictiveValues(point, prevalence);
  const [ofPositive, ofNegative] = cxrRules.predictiveIntervals(point, prevalence)
    .map(([low, high]) => say("from_to", { low: cxr.percent(low), high: cxr.percent(high) }));
  $(".predictive").textContent = say("predictive", {
    positive: cxr.percent(positive), positive_interval: ofPositive,
    negative: cxr.percent(negative), negative_interval: ofNegative,
  });
};
