// --- The answer: probability, verdict, and what the threshold costs; in the scope of viewer.js -----------

const showAnswer = () => {
  const value = radiograph();
  if (!value) return;
  const at = threshold();
  const verdict = cxr.verdict(value.probability, points(), value.model);
  $(".viewer").dataset.verdict = verdict;
  $(".verdict .label").textContent = say(`verdict_${verdict}`);
  $(".verdict .reason").textContent = say(`reason_${verdict}`);
  $(".meaning").textContent = say(verdict === "NORMAL" ? "legend_normal" : "legend");
  showBar(value.probability, at);
  showThreshold(at);
  showCost(cxrRules.nearestPoint(points().curve, at));
  showChecks(value, at);
};

const showBar = (probability, at) => {
  $(".probability output").textContent = cxr.probability(probability);
  $(".bar .fill").style.width = `${100 * probability}%`;
  $(".bar .mark").style.left = `${100 * at}%`;
  // Between the model's two outer thresholds a radiograph is uncertain, unless the reader chose one.
  const { high_sensitivity: low, high_specificity: high } = points();
  $(".bar .band").style.left = `${100 * low}%`;
  $(".bar .band").style.width = `${100 * (high - low)}%`;
  $(".bar .band").hidden = ownThreshold() !== null;
};

const showThreshold = (at) => {
  const whose = say(ownThreshold() === null ? "model_threshold" : "own_threshold");
  $(".threshold").value = at;
  $(".threshold-control output").textContent = `${cxr.decimal(at)} (${whose})`;
  $(".reset").hidden = ownThreshold() === null;
  for (const button of element.querySelectorAll("[data-stop]")) {
    const stop = points()[button.dataset.stop];
    button.textContent = `${say(`stop_${button.dataset.stop}`)} ${cxr.decimal(stop)}`;
    button.setAttribute("aria-pressed", String(Math.abs(stop - at) < 0.005));
  }
};

const showChecks = ({ warnings, checks, probability, variants }, at) => {
  $(".warnings").replaceChildren(...warnings.map((warning) => {
    const item = document.createElement("li");
    item.textContent = cxr.sentences([warning], say);
    return item;
  }));
  $(".warnings").hidden = !warnings.length;
  const agree = cxrRules.viewsAgree(probability, variants, at);
  const views = cxrRules.asSentence(say(agree ? "views_agree" : "views_differ"));
  $(".checks").textContent = `${cxr.sentences(checks, say)} ${views}`;
};

const showCost = (point) => {
  const measured = (fraction, [low, high]) => say("measured_fraction", {
    fraction: cxr.percent(fraction), low: cxr.percent(low), high: cxr.percent(high),
  });
  $("output.sensitivity").textContent = measured(point.sensitivity, point.sensitivity_interval);
  $("small.sensitivity").textContent = say("sensitivity_means", {
    count: point.true_positives, all: point.true_positives + point.false_negatives,
  });
  $("output.specificity").textContent = measured(point.specificity, point.specificity_interval);
  $("small.specificity").textContent = say("specificity_means", {
    count: point.true_negatives, all: point.true_negatives + point.false_positives,
  });
  const { images, patients, folds, text } = radiograph().source;
  const source = images ? say("measured_on", { images, patients, folds }) : text;
  $(".source").textContent = say("source", { measured: source });

  const prevalence = state.prevalence / 100;
  const [positive, negative] = cxrRules.predictiveValues(point, prevalence);
  $(".frequencies").textContent = say("frequencies", cxrRules.ofThousand(point, prevalence));
  $(".predictive").textContent =
    say("predictive", { positive: cxr.percent(positive), negative: cxr.percent(negative) });
  const input = $(".prevalence input");
  if (document.activeElement !== input) input.value = state.prevalence;
};

const setThreshold = (value) => cxr.setThreshold(radiograph().model, value);

element.addEventListener("input", (event) => {
  if (event.target.matches(".threshold")) setThreshold(Number(event.target.value));
  if (event.target.matches(".prevalence input")) {
    const value = Number(event.target.value);
    if (!(value > 0 && value < 100)) return;
    state.prevalence = value;
    cxr.remember("prevalence", value);
    showAnswer();
  }
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.stop) setThreshold(points()[button.dataset.stop]);
  if (button?.matches(".reset")) setThreshold(null);
});

